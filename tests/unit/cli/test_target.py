import json
from argparse import Namespace
from pathlib import Path

import pytest

from prefixd.cli.failure import Failure
from prefixd.cli.target import DEFAULT_API, Cookies, choose_target

CTL = """
current: ams1
contexts:
  ams1: {api: "https://ams1.example.net", token: from-file, ca: /etc/ca.pem}
  lab: {api: "unix:///run/prefixd/api.sock", timeout_seconds: 5}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / ".config/prefixd/ctl.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(CTL)
    return tmp_path


def test_without_anything_the_local_service(tmp_path: Path) -> None:
    target = choose_target(Namespace(), {"HOME": str(tmp_path)})
    assert (target.api, target.token, target.context) == (DEFAULT_API, None, None)


def test_the_current_context(home: Path) -> None:
    target = choose_target(Namespace(), {"HOME": str(home)})
    assert (target.api, target.token) == ("https://ams1.example.net", "from-file")
    assert target.ca == Path("/etc/ca.pem")
    assert target.context == "ams1"


def test_the_environment_goes_before_the_file(home: Path) -> None:
    environ = {"HOME": str(home), "PREFIXD_API": "http://x:1", "PREFIXD_API_TOKEN": "t"}
    target = choose_target(Namespace(), environ)
    assert (target.api, target.token, target.ca) == ("http://x:1", "t", None)


def test_flags_go_before_the_environment(home: Path) -> None:
    environ = {"HOME": str(home), "PREFIXD_API": "http://x:1", "PREFIXD_API_TOKEN": "t"}
    target = choose_target(Namespace(api="http://y:2", token="u"), environ)
    assert (target.api, target.token) == ("http://y:2", "u")


def test_a_token_of_the_environment_is_not_sent_to_a_named_context(home: Path) -> None:
    environ = {"HOME": str(home), "PREFIXD_API": "http://x:1", "PREFIXD_API_TOKEN": "t"}
    target = choose_target(Namespace(context="lab"), environ)
    assert (target.api, target.token) == ("unix:///run/prefixd/api.sock", None)
    assert target.timeout_s == 5


def test_a_context_named_by_the_environment_stands_alone_too(home: Path) -> None:
    environ = {"HOME": str(home), "PREFIXD_CONTEXT": "ams1", "PREFIXD_API": "http://x:1"}
    target = choose_target(Namespace(), environ)
    assert (target.api, target.token) == ("https://ams1.example.net", "from-file")
    with pytest.raises(Failure, match="not both"):
        choose_target(Namespace(api="http://y:2"), environ)


def test_the_token_of_a_context_is_not_sent_elsewhere(home: Path) -> None:
    target = choose_target(Namespace(api="http://other:1"), {"HOME": str(home)})
    assert target.token is None


def test_tokens_do_not_print(home: Path) -> None:
    assert "from-file" not in repr(choose_target(Namespace(), {"HOME": str(home)}))


def test_a_token_file_that_others_can_read_is_refused(home: Path) -> None:
    token = home / "token"
    token.write_text("secret\n")
    path = home / ".config/prefixd/ctl.yaml"
    path.write_text(f"current: a\ncontexts: {{a: {{api: 'http://x', token_file: {token}}}}}\n")
    token.chmod(0o644)
    with pytest.raises(Failure, match="can be read by others"):
        choose_target(Namespace(), {"HOME": str(home)})
    token.chmod(0o600)
    assert choose_target(Namespace(), {"HOME": str(home)}).token == "secret"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("contexts: {a: {api: x, tokn: y}}", "unknown key 'tokn'"),
        ("contexts: {a: {token: y}}", "needs api"),
        ("current: a\ncontexts: {a: {api: x, timeout_seconds: 0}}", "invalid timeout_seconds '0'"),
        ("contexts: [a]", "must be a mapping"),
        ("[1]", "must be a mapping"),
        (": : :", "neither YAML nor JSON"),
        ("current: b\ncontexts: {a: {api: x}}", "unknown context 'b'"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(home: Path, text: str, complaint: str) -> None:
    (home / ".config/prefixd/ctl.yaml").write_text(text)
    with pytest.raises(Failure, match=complaint) as caught:
        choose_target(Namespace(), {"HOME": str(home)})
    assert caught.value.code == 2


def test_sessions_are_kept_by_service_and_only_for_their_owner(tmp_path: Path) -> None:
    cookies = Cookies({"HOME": str(tmp_path)})
    cookies.put("http://a", "one")
    cookies.put("http://b", "two")
    path = tmp_path / ".local/state/prefixd/sessions.json"
    assert path.stat().st_mode & 0o077 == 0
    assert cookies.get("http://a") == "one"
    cookies.drop("http://a")
    assert json.loads(path.read_text()) == {"http://b": "two"}
    path.write_text("{ cut short")
    assert cookies.get("http://b") is None
