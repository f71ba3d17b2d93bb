import os
import socket
from pathlib import Path

import pytest

from prefixd.daemon import systemd
from prefixd.daemon.systemd import Notifier, inherited_sockets


def test_messages_reach_the_manager(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        notifier = Notifier({"NOTIFY_SOCKET": str(path)})
        notifier.ready("serving on 127.0.0.1:8080")
        notifier.alive()
        notifier.stopping()
        ready = f"READY=1\nMAINPID={os.getpid()}\nSTATUS=serving on 127.0.0.1:8080"
        assert manager.recv(200).decode() == ready
        assert manager.recv(200) == b"WATCHDOG=1"
        assert manager.recv(200) == b"STOPPING=1"


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready("x")
    assert notifier.watchdog_interval_s is None


def test_a_manager_that_went_away_is_no_error(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    environment: dict[str, str], interval: float | None
) -> None:
    assert Notifier(environment).watchdog_interval_s == interval


def test_sockets_of_the_manager_are_taken_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        duplicate = os.dup(listening.fileno())
        monkeypatch.setattr(systemd, "FIRST_FD", duplicate)
        found = inherited_sockets(
            {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "bgp"}
        )
        (taken,) = found["bgp"]
        with taken:
            assert taken.getsockname() == listening.getsockname()


def test_variables_meant_for_another_process_are_ignored() -> None:
    assert inherited_sockets({"LISTEN_FDS": "1", "LISTEN_PID": "1"}) == {}
