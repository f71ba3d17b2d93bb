"""Routers that send as fast as they can: threads with blocking sockets, whatever the loop does."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import Direction
from prefixd.bgp.session.session import KEEPALIVE
from prefixd.bgp.settings import ListenAddress
from prefixd.bgp.wire.capability import (
    EnhancedRouteRefresh,
    FourOctetAs,
    Multiprotocol,
    RouteRefreshCapability,
)
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, RefreshSubtype
from prefixd.bgp.wire.message import Message, RouteRefresh, decode_message, encode_message
from prefixd.bgp.wire.open import Open
from tests.kit.speaking import Speaking, a_neighbor, speaking
from tests.kit.wire import attribute, reach, update

RULE = reach("060120c6336405")
ATTRIBUTES = (attribute(0x40, 1, "00"), attribute(0x40, 2, ""), attribute(0x40, 5, "00000064"))
FLOODS = {
    "keepalive": KEEPALIVE * 500,
    "update": update(RULE, *ATTRIBUTES) * 200,
    "malformed update": update(RULE) * 200,
    "route refresh": encode_message(RouteRefresh(IPV4_FLOWSPEC), BEFORE_OPEN) * 500,
    "begin of refresh": encode_message(
        RouteRefresh(IPV4_FLOWSPEC, RefreshSubtype.BEGIN), BEFORE_OPEN
    )
    * 500,
}
GREETING = Open(
    my_as=65000,
    hold_time_s=90,
    bgp_identifier=0x0A0A0A0A,
    capabilities=(
        Multiprotocol(IPV4_FLOWSPEC),
        RouteRefreshCapability(),
        EnhancedRouteRefresh(),
        FourOctetAs(65000),
    ),
)


@dataclass
class Caller:
    """A router that calls, gets a session, and then does what its thread is given to do."""

    address: str
    port: int
    received: list[Message] = field(default_factory=list)
    _sock: socket.socket = field(default_factory=socket.socket)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def connect(self) -> None:
        self._sock.bind((self.address, 0))
        self._sock.connect(("127.0.0.1", self.port))
        self.send(encode_message(GREETING, BEFORE_OPEN) + KEEPALIVE)
        self._run(self._read)

    def send(self, octets: bytes) -> None:
        self._sock.sendall(octets)

    def flood(self, octets: bytes, *, piece: int = 0) -> None:
        """`piece`: octets to a segment, so that messages come in halves."""

        def send() -> None:
            while not self._stop.is_set():
                for at in range(0, len(octets), piece or len(octets)):
                    self.send(octets[at : at + (piece or len(octets))])

        self._run(send)

    def _read(self) -> None:
        buffer = bytearray()
        while octets := self._sock.recv(65536):
            buffer += octets
            while (message := cut_message(buffer, BEFORE_OPEN)) is not None:
                self.received.append(decode_message(message, BEFORE_OPEN))

    def _run(self, work: Callable[[], None]) -> None:
        def quietly() -> None:
            with contextlib.suppress(OSError):
                work()

        self._threads.append(threading.Thread(target=quietly, daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._sock.close()


@dataclass
class Flooded:
    speaking: Speaking
    flooders: list[Caller]
    quiet: Caller

    def judged(self, name: str) -> int:
        peer = self.speaking.speaker.registry.get(name)
        assert peer is not None
        return sum(peer.status().counters.messages_in.values())

    @property
    def all_established(self) -> bool:
        peers = self.speaking.speaker.registry.peers()
        return all(peer.state is PeerState.ESTABLISHED for peer in peers)

    def judged_of_all(self) -> int:
        peers = self.speaking.speaker.registry.peers()
        return sum(self.judged(peer.name) for peer in peers)


@contextlib.contextmanager
def callers(port: int, addresses: list[str]) -> Iterator[list[Caller]]:
    found = [Caller(address, port) for address in addresses]
    try:
        yield found
    finally:
        for caller in found:
            caller.close()


def addresses(count: int) -> list[str]:
    return [f"127.0.7.{number}" for number in range(1, count + 1)]


@contextlib.asynccontextmanager
async def listening(count: int, **more: object) -> AsyncIterator[Speaking]:
    """A speaker to which `count` neighbors may connect."""
    peers = [
        replace(a_neighbor(f"router{number}", address, direction=Direction.PASSIVE), **more)  # type: ignore[arg-type]  # a builder trusts its tests
        for number, address in enumerate(addresses(count))
    ]
    async with speaking(*peers, listen=(ListenAddress(ip_address("127.0.0.1"), 0),)) as at_work:
        at_work.speaker.start()
        yield at_work


@contextlib.asynccontextmanager
async def flooded(count: int, **more: object) -> AsyncIterator[Flooded]:
    """Established: `count` neighbors that may flood, and one that will not."""
    async with listening(count + 1, **more) as at_work:
        port = at_work.speaker.registry.ports[0]
        with callers(port, addresses(count + 1)) as found:
            for caller in found:
                await asyncio.to_thread(caller.connect)
            scene = Flooded(at_work, found[:-1], found[-1])
            await at_work.until(lambda: scene.all_established)
            yield scene
