"""How a command starts, repeats and ends."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from prefixd.cli import main as module
from prefixd.cli.failure import unreachable
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import CannedService, Terminal, answer, ctl


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["events", "batch", "absent.json"], "absent.json: no such file or directory\n"),
        (
            ["mitigations", "list", "--since", "yesterday"],
            "invalid --since 'yesterday': write 2026-",
        ),
        (["mitigations", "create", "x", "redirect", "-r", "y"], "--route-target or --next-hop\n"),
        (["mitigations", "create", "x", "police", "-r", "y"], "police needs --rate"),
        (["preview", "x", "mark"], "mark needs --dscp"),
        (["login"], "no terminal to ask: user name\n"),
    ],
)
def test_usage_errors_are_sentences(words: list[str], said: str) -> None:
    service = CannedService({})
    answered = ctl(service, *words)
    assert (answered.code, answered.out, service.asked) == (2, "", [])
    assert said in answered.err


def test_watch_flag_repeats_until_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    service = CannedService({"GET /v1/pops": []})
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    ctl(service, "pops", "--watch", "5", interrupted=True)
    assert looks == [5, 5, 5]
    assert len(service.asked) == 3


def test_an_outage_is_printed_once_and_its_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = unreachable("cannot reach it")
    looks: list[object] = [gone, gone, gone, answer([]), answer([]), gone]

    class Coming(CannedService):
        def _found(self, *_asked: object) -> object:
            return looks.pop(0)

    def pause(_seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    said = ctl(Coming({}), "pops", "--watch", "5", interrupted=True)
    outage = "cannot reach it; retrying every 5 s\n"
    assert said.err.replace("no sites\n", "") == f"{outage}service reachable again\n{outage}"


def run(*words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = module.run(
        words, io.StringIO(), out, err, {"HOME": "/nonexistent", **environ}, FakeClock()
    )
    return code, out.getvalue(), err.getvalue()


def test_help_needs_no_http() -> None:
    """What keeps the start quick: HTTP, TLS, YAML and argcomplete are loaded when needed."""
    code = (
        "import sys; from prefixd.cli.main import build_grammar; build_grammar();"
        " heavy = {'http.client', 'ssl', 'yaml', 'aiohttp', 'msgspec', 'asyncio', 'subprocess',"
        " 'argcomplete'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_wrong_word_is_code_2_and_names_the_help() -> None:
    code, out, err = run("mitigations", "list", "--bogus")
    assert (code, out) == (2, "")
    assert err.startswith("error: unrecognized arguments: --bogus\n")
    assert "--help" in err


def test_a_noun_alone_shows_what_it_has() -> None:
    code, out, _ = run("tokens")
    assert code == 2
    assert "revoke" in out


def test_an_unreachable_service_is_code_3() -> None:
    code, out, err = run("-a", "http://127.0.0.1:1", "pops")
    assert (code, out) == (3, "")
    assert "cannot reach http://127.0.0.1:1: connection refused" in err


def test_risks_are_warnings() -> None:
    _, _, err = run("-a", "http://192.0.2.1:1", "-t", "x", "--timeout", "0.01", "pops")
    assert "warning: the token is sent unencrypted" in err
    _, _, err = run("-a", "https://127.0.0.1:1", "--insecure", "pops")
    assert "warning: --insecure" in err


def test_an_interrupt_at_a_prompt_is_130_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_question: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", interrupted)
    out, err = io.StringIO(), io.StringIO()
    environ = {"HOME": "/nonexistent", "PREFIXD_API": "http://127.0.0.1:1"}
    code = module.run(["login", "alice"], Terminal(), out, err, environ, FakeClock())
    assert (code, out.getvalue(), err.getvalue()) == (130, "", "\n")


@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"], ["tokens"]])
def test_output_to_a_full_disk_is_one_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "prefixd.cli.main", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.stderr == "error: cannot write the output: no space left on device\n"
    assert done.returncode == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".config/prefixd/ctl.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("contexts: {a: {api: 'http://a'}}\n")
    path.chmod(0o400)
    code, out, err = run("contexts", "use", "a", HOME=str(tmp_path))
    if code == 0:  # root may write it
        assert out.startswith("a is current")
    else:
        assert (code, err) == (2, f"error: {path}: permission denied\n")
