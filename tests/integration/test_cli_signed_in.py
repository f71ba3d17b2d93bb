"""prefixdctl against a daemon that has no operator yet, and on a real terminal."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemon_process import ROOT, DaemonProcess

LIMIT_S = 30.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    main = {"http": {"auth": {"mode": "credentials"}}}
    with DaemonProcess(tmp_path, main=main) as running:
        yield running


def environment(daemon: DaemonProcess, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(daemon.directory),
        "TERM": "xterm",
        "PREFIXD_API": f"http://127.0.0.1:{daemon.port}",
        **more,
    }


def add_first_admin(daemon: DaemonProcess) -> None:
    subprocess.run(
        [sys.executable, "-m", "prefixd", "adduser", "root1", "-c", str(daemon.config_dir),
         "--role", "admin", "--password-stdin"],
        input="correct horse\n", text=True, capture_output=True, check=True, timeout=60,
        env=environment(daemon), cwd=daemon.directory,
    )  # fmt: skip


def on_a_terminal(
    daemon: DaemonProcess, *words: str, answers: dict[str, str] | None = None, **more: str
) -> tuple[int, str]:
    """Runs it on a terminal of 100 columns; types each answer when its question appears."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "prefixd.cli.main", *words],
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env=environment(daemon, COLUMNS="100", **more),
    )  # fmt: skip
    os.close(follower)
    waiting, shown = dict(answers or {}), ""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([leader], [], [], 0.1)
        if not ready:
            continue
        try:
            data = os.read(leader, 65536)
        except OSError:
            break  # Linux: the last process has closed the other side
        if not data:
            break
        shown += data.decode()
        for question in [text for text in waiting if text in shown]:
            os.write(leader, waiting.pop(question).encode() + b"\n")
    os.close(leader)
    return process.wait(LIMIT_S), shown.replace("\r\n", "\n")


def test_from_no_operator_to_the_first_operator(daemon: DaemonProcess) -> None:
    code, shown = on_a_terminal(daemon, "status")
    assert code == 4
    assert "prefixdctl login" in shown
    add_first_admin(daemon)
    code, shown = on_a_terminal(daemon, "login", "root1", answers={"Password: ": "correct horse"})
    assert (code, "signed in as root1 (admin)" in shown) == (0, True), shown
    assert "correct horse" not in shown, "a password is never echoed"
    code, shown = on_a_terminal(
        daemon, "operators", "create", "-u", "alice", "-r", "operator",
        answers={"New password: ": "battery staple", "New password again: ": "battery staple"},
    )  # fmt: skip
    assert (code, "operator alice (operator)" in shown) == (0, True), shown
    code, shown = on_a_terminal(
        daemon, "operators", "delete", "alice", answers={"to go on: ": "alice"}
    )
    assert (code, "operator alice removed" in shown) == (0, True), shown


def test_a_terminal_gets_colours_and_lines_that_fit(daemon: DaemonProcess) -> None:
    add_first_admin(daemon)
    on_a_terminal(daemon, "login", "root1", answers={"Password: ": "correct horse"})
    for number in (20, 21):
        on_a_terminal(
            daemon, "events", "send", f"198.51.100.{number}", "udp_flood", "--confidence", "0.9"
        )
    code, shown = on_a_terminal(daemon, "events", "list")
    assert code == 0
    assert "\x1b[32mmitigated\x1b[0m" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert len(plain.splitlines()) == 3
    assert max(map(len, plain.splitlines())) <= 100
    for words, more in ((["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
        _, shown = on_a_terminal(daemon, "events", "list", *words, **more)
        assert "\x1b" not in shown
        assert "mitigated" in shown


def test_a_token_revokes_another_by_name(daemon: DaemonProcess) -> None:
    add_first_admin(daemon)
    on_a_terminal(daemon, "login", "root1", answers={"Password: ": "correct horse"})
    _, shown = on_a_terminal(daemon, "-f", "json", "tokens", "create", "boss", "operators", "read")
    secret = json.loads(shown)["token"]
    for name in ("one", "two"):
        assert on_a_terminal(daemon, "tokens", "create", name, "ingest")[0] == 0
    code, shown = on_a_terminal(daemon, "tokens", "revoke", "one", "-t", secret)
    assert (code, "token one" in shown) == (0, True), shown
    assert secret not in shown
    code, shown = on_a_terminal(daemon, "tokens", "revoke", "two", PREFIXD_API_TOKEN=secret)
    assert (code, "token two" in shown) == (0, True), shown


def test_the_end_of_input_at_a_prompt_is_no_traceback(daemon: DaemonProcess) -> None:
    code, shown = on_a_terminal(daemon, "login", "root1", answers={"Password: ": "\x04"})
    assert code == 2
    assert "no password given\n" in shown
    assert "Traceback" not in shown


def test_panic_asks_for_the_sentence(daemon: DaemonProcess) -> None:
    add_first_admin(daemon)
    on_a_terminal(daemon, "login", "root1", answers={"Password: ": "correct horse"})
    on_a_terminal(daemon, "events", "send", "198.51.100.20", "udp_flood", "--confidence", "0.9")
    code, shown = on_a_terminal(daemon, "panic", "-r", "x", answers={"to go on: ": "yes"})
    assert (code, "nothing was changed" in shown) == (1, True), shown
    assert "all 1 active mitigations of lab1" in shown
    code, shown = on_a_terminal(
        daemon, "panic", "-r", "x", answers={"to go on: ": "withdraw all of lab1"}
    )
    assert (code, "1 withdrawn, 0 failed" in shown) == (0, True), shown
