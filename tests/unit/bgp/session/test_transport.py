"""A socket that is read a part at a time, and one that ends while its last octets are unread."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from prefixd.bgp.fsm.action import SessionDown
from prefixd.bgp.fsm.collision import Origin
from prefixd.bgp.fsm.state import DownKind
from prefixd.bgp.session.io import Begin, Clear, Output, Probe
from prefixd.bgp.session.session import KEEPALIVE, TURN_MESSAGES, Session
from prefixd.bgp.session.transport import Transport
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.message import encode_message
from prefixd.bgp.wire.notification import cease
from tests.kit.bgp import an_offer

RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"


class TellsOnce(asyncio.SelectorEventLoop):
    """As uvloop does after a reset: the reader is called once, not until everything was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reader: Callable[[], None] | None = None

    def add_reader(self, fd: object, callback: Callable[[], None], *_: object) -> None:
        self.reader = callback

    def remove_reader(self, fd: object) -> bool:
        self.reader = None
        return True


@dataclass
class Ends:
    transport: Transport
    loop: TellsOnce
    theirs: socket.socket
    woken: list[bool]

    def turn_until_quiet(self) -> list[Output]:
        seen: list[Output] = []
        while self.woken and not self.transport.closed:
            self.woken.clear()
            seen += self.transport.turn(1.0)
        return seen


@pytest.fixture
def ends() -> Iterator[Ends]:
    woken: list[bool] = []
    loop = TellsOnce()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    ours.setblocking(False)
    transport = Transport(
        ours,
        Session(an_offer()),
        number=1,
        origin=Origin.INCOMING,
        loop=loop,
        wake=lambda: woken.append(True),
    )
    transport.feed(Begin(), 1.0)
    transport.flush(1.0)
    yield Ends(transport, loop, theirs, woken)
    theirs.close()
    transport.abort()
    loop.close()


def test_a_reset_behind_octets_is_seen_by_a_loop_that_tells_only_once(ends: Ends) -> None:
    ends.theirs.send(b"\xff" * 17)
    ends.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    ends.theirs.close()
    assert ends.loop.reader is not None
    ends.loop.reader()
    seen = ends.turn_until_quiet()
    assert ends.transport.closed
    assert any(isinstance(each, SessionDown) for each in seen)


def come_up(ends: Ends, behind: bytes) -> None:
    """The OPEN of a router, its KEEPALIVE, and what comes in the same segment."""
    router = Session(an_offer(64501, peer=64500, router_id=2))
    router.handle(Begin(), 1.0)
    ends.theirs.sendall(b"".join(router.outgoing.waiting()))
    assert ends.loop.reader is not None
    ends.loop.reader()
    ends.turn_until_quiet()
    ends.transport.feed(Clear(), 1.0)
    ends.theirs.sendall(KEEPALIVE + behind)
    ends.loop.reader()


def test_nothing_is_read_while_messages_are_not_judged(ends: Ends) -> None:
    """A neighbor that is faster than we are fills its own TCP window."""
    come_up(ends, KEEPALIVE * 5 * TURN_MESSAGES)
    for _ in range(5):
        ends.transport.turn(1.0)
        assert ends.transport.has_input
        assert ends.loop.reader is None
    ends.turn_until_quiet()
    assert not ends.transport.has_input
    assert ends.loop.reader is not None


def test_the_reason_is_found_in_what_was_read_before_the_end(ends: Ends) -> None:
    """Our own write fails first: the NOTIFICATION of the neighbor waits behind other messages."""
    note = encode_message(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN), BEFORE_OPEN)
    come_up(ends, KEEPALIVE * 2 * TURN_MESSAGES + note)
    ends.transport.turn(1.0)
    ends.transport.sock.shutdown(socket.SHUT_WR)
    outputs = ends.transport.feed(Probe(), 1.0) + ends.transport.flush(1.0)
    [down] = [each for each in outputs if isinstance(each, SessionDown)]
    assert down.reason.kind is DownKind.PEER_NOTIFIED
