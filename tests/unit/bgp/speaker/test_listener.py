import asyncio
import errno
import os
import socket
from ipaddress import ip_address

import pytest

from prefixd.bgp.neighbor_settings import (
    IPAddress,
)
from prefixd.bgp.settings import (
    AdmissionSettings,
    ListenAddress,
)
from prefixd.bgp.speaker.listener import (
    Admission,
    Admitted,
    Listener,
    adopt_listener,
    open_listener,
)
from prefixd.errors import StartupError

ALICE, BOB = ip_address("192.0.2.1"), ip_address("2001:db8::1")


def test_five_calls_a_minute_from_one_source() -> None:
    admission = Admission(AdmissionSettings())
    answers = [admission.ask(ALICE, 0, now) for now in range(6)]
    assert answers == [Admitted.YES] * 5 + [Admitted.TOO_OFTEN]
    assert admission.ask(BOB, 0, 6) is Admitted.YES
    assert admission.ask(ALICE, 0, 60.0) is Admitted.YES, "the first call is a minute old"
    assert admission.ask(ALICE, 0, 60.5) is Admitted.TOO_OFTEN


def test_refused_calls_do_not_extend_the_penalty() -> None:
    admission = Admission(AdmissionSettings())
    for now in range(60):
        admission.ask(ALICE, 0, now)
    assert admission.ask(ALICE, 0, 61.0) is Admitted.YES


def test_a_hundred_pending_handshakes() -> None:
    admission = Admission(AdmissionSettings())
    assert admission.ask(ALICE, 99, 0) is Admitted.YES
    assert admission.ask(ALICE, 100, 0) is Admitted.FULL


def test_memory_of_callers_is_bounded() -> None:
    admission = Admission(AdmissionSettings(connections_per_source_per_minute=1, tracked_sources=2))
    assert admission.ask(ALICE, 0, 0) is Admitted.YES
    for last in (2, 3):
        admission.ask(ip_address(f"192.0.2.{last}"), 0, 1)
    assert admission.ask(ALICE, 0, 2) is Admitted.YES, "the oldest caller was forgotten"


class Moody:
    """A listening socket whose accept() raises what it is given, then works."""

    def __init__(self, sock: socket.socket, *codes: int) -> None:
        self._sock = sock
        self._codes = list(codes)
        self.family = sock.family

    def accept(self) -> object:
        if self._codes:
            code = self._codes.pop(0)
            raise OSError(code, os.strerror(code))
        return self._sock.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EINVAL])
async def test_an_exhausted_listener_waits_and_listens_again(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefixd.bgp.speaker.listener.PAUSE_S", 0.01)
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[IPAddress] = loop.create_future()

    def arrived(sock: socket.socket, source: IPAddress) -> None:
        sock.close()
        accepted.set_result(source)

    sock = open_listener(ListenAddress(ip_address("127.0.0.1"), 0))
    listener = Listener(Moody(sock, code, code, errno.ECONNABORTED), arrived)  # type: ignore[arg-type]  # as much of a socket as a listener uses
    with socket.create_connection(("127.0.0.1", listener.port)):
        async with asyncio.timeout(20):
            assert await accepted == ip_address("127.0.0.1")
    listener.close()


def test_no_descriptor_for_a_listener_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*_: object, **_more: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket.socket, "__init__", exhausted)
    with pytest.raises(StartupError, match="Too many open files"):
        open_listener(ListenAddress(ip_address("127.0.0.1"), 0))
    with pytest.raises(StartupError, match="Too many open files"):
        adopt_listener(3)
