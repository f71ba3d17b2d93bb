"""The smallest BGP speaker that can put octets of our choosing in front of a real one.

It connects, exchanges OPEN and KEEPALIVE, and then sends what it is given; what comes back is kept.
It has no timers and no tables: the hold time it offers is 0, so nothing has to be sent to stay up.
"""

import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from prefixd.bgp.wire.capability import FourOctetAs, Multiprotocol, RouteRefreshCapability
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.message import Keepalive, Message, decode_message, encode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open, two_octet_as
from tests.kit.daemons import wait_for

PATIENCE_S = 30.0
LENIENT = WireContext(extended_messages=True)
"""FRR 8.4 sends UPDATEs of more than 4096 octets to peers that never agreed to them."""


class RawSpeaker:
    """One established session; a context manager, so that it always ends."""

    def __init__(
        self,
        peer: tuple[str, int],
        *,
        asn: int,
        families: Iterable[Family],
        source: str = "127.0.0.1",
        hold_time_s: int = 0,
    ) -> None:
        self._buffer = bytearray()
        self._socket = _connect(peer, source)
        self._socket.settimeout(PATIENCE_S)
        capabilities = [Multiprotocol(family) for family in families]
        greeting = Open(
            my_as=two_octet_as(asn),
            hold_time_s=hold_time_s,
            bgp_identifier=0x7F000001,
            capabilities=(*capabilities, RouteRefreshCapability(), FourOctetAs(asn)),
        )
        try:
            self._greet(greeting)
        except BaseException:
            self._socket.close()
            raise

    def _greet(self, greeting: Open) -> None:
        self.send(encode_message(greeting, BEFORE_OPEN))
        while not isinstance(self._receive(), Open):
            pass
        self.send(encode_message(Keepalive(), BEFORE_OPEN))
        while not isinstance(self._receive(), Keepalive):
            pass

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def _receive(self) -> Message:
        while (octets := cut_message(self._buffer, LENIENT)) is None:
            received = self._socket.recv(65536)
            if not received:
                raise AssertionError("the peer closed the connection")
            self._buffer += received
        message = decode_message(octets, LENIENT)
        if isinstance(message, Notification):
            raise AssertionError(f"the peer refused: {message}")
        return message

    def complaints(self) -> list[str]:
        """What the peer has said against us so far: a NOTIFICATION or the end of the connection."""
        self._socket.setblocking(False)
        try:
            while True:
                self._receive()
        except BlockingIOError:
            return []
        except AssertionError as complaint:
            return [str(complaint)]
        finally:
            self._socket.settimeout(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()


def _connect(peer: tuple[str, int], source: str) -> socket.socket:
    """A daemon that has just been started may not listen yet."""

    def attempt() -> socket.socket | None:
        try:
            return socket.create_connection(peer, 5, source_address=(source, 0))
        except OSError:
            return None

    connected = wait_for(attempt, PATIENCE_S, f"a listener at {peer}")
    assert isinstance(connected, socket.socket)
    return connected
