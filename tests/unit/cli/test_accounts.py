"""Sessions, operators and tokens at the command line."""

import json
from pathlib import Path

from tests.unit.cli.kit import ID, CannedService, answer, ctl


def test_login_keeps_the_session_and_logout_forgets_it(tmp_path: Path) -> None:
    reply = answer(
        {"operator_id": ID, "username": "alice", "role": "admin"}, set_cookie="id=abc; Path=/"
    )
    service = CannedService({"POST /v1/auth/login": reply, "POST /v1/auth/logout": None})
    said = ctl(service, "login", "alice", "--password-stdin", typed="secret\n", home=tmp_path)
    assert said.out == "signed in as alice (admin)\n"
    assert service.asked[0][2] == {"username": "alice", "password": "secret"}
    kept = tmp_path / ".local/state/prefixd/sessions.json"
    assert json.loads(kept.read_text()) == {"http://127.0.0.1:8080": "abc"}
    service.cookie = "abc"
    assert ctl(service, "logout", home=tmp_path).code == 0
    assert json.loads(kept.read_text()) == {}


def test_a_wrong_password_is_code_4_and_names_the_way_in(tmp_path: Path) -> None:
    service = CannedService({"POST /v1/auth/login": answer({"error": "wrong"}, 401)})
    said = ctl(service, "login", "alice", "--password-stdin", typed="x\n", home=tmp_path)
    assert said.code == 4
    assert "prefixd adduser" in said.err


def test_people_are_named_by_name() -> None:
    rows = {"operators": [{"operator_id": ID, "username": "alice"}]}
    service = CannedService({"GET /v1/operators": rows, f"DELETE /v1/operators/{ID}": None})
    assert ctl(service, "operators", "delete", "alice", typed="alice\n").code == 0
    assert ctl(service, "operators", "delete", "alice", typed="bob\n").code == 1
    assert ctl(service, "operators", "delete", "mallory", "--yes").code == 1


def test_a_password_on_the_command_line_is_warned_of() -> None:
    reply = {"operator_id": ID, "username": "bob", "role": "viewer"}
    service = CannedService({"POST /v1/operators": answer(reply, 201)})
    words = ("operators", "create", "-u", "bob", "-r", "viewer", "-p", "long enough")
    assert "is visible to other users" in ctl(service, *words).err
    assert service.asked[0][2]["password"] == "long enough"


def test_a_token_alone_stands_on_standard_output() -> None:
    reply = {"token_id": "t1", "name": "fnm", "token": "pfd_t1_secret"}
    service = CannedService({"POST /v1/tokens": answer(reply, 201)})
    said = ctl(service, "tokens", "create", "fnm", "ingest", "--ttl", "1d")
    assert said.out == "pfd_t1_secret\n"
    assert "only this once" in said.err
    assert service.asked[0][2]["ttl_seconds"] == 86400
