"""A socket that ends while its last octets are still unread."""

import asyncio
import socket
from collections.abc import Callable

from prefixd.bgp.fsm.action import SessionDown
from prefixd.bgp.fsm.collision import Origin
from prefixd.bgp.session.io import Begin
from prefixd.bgp.session.session import Session
from prefixd.bgp.session.transport import Transport
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


def test_a_reset_behind_octets_is_seen_by_a_loop_that_tells_only_once() -> None:
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
    theirs.send(b"\xff" * 17)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    theirs.close()
    assert loop.reader is not None
    loop.reader()
    heard = []
    while woken and not transport.closed:
        woken.clear()
        heard += transport.turn(1.0)
    loop.close()
    assert transport.closed
    assert any(isinstance(each, SessionDown) for each in heard)
