"""Sessions and peers for tests: joined in memory, or over loopback with a listening observer."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address

from prefixd.bgp.fsm.action import Close, SessionDown, SessionUp
from prefixd.bgp.fsm.negotiate import Negotiated, Offer
from prefixd.bgp.fsm.state import DownReason, PeerState
from prefixd.bgp.peer.interface import PeerHandle, StaleStep, Transition
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.peer.read_turns import ReadTurns
from prefixd.bgp.session.io import (
    Begin,
    Clear,
    Data,
    Due,
    Gone,
    Input,
    OpenHeld,
    Output,
    Taken,
)
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.session.session import Session
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.update import Update
from prefixd.clock import Clock, SystemClock


def an_offer(
    asn: int = 64500,
    *,
    peer: int = 64501,
    router_id: int = 0x0A000001,
    families: tuple[Family, ...] = (IPV4_FLOWSPEC, IPV6_FLOWSPEC),
    **changes: object,
) -> Offer:
    offer = Offer(
        local_asn=asn, router_id=router_id, peer_asns=frozenset({peer}), families=families
    )
    return replace(offer, **changes)  # type: ignore[arg-type]  # a builder trusts its tests


class Joined:
    """Two sessions and the wire between them; `now` moves only when a test says so."""

    def __init__(self, left: Session, right: Session, now: float = 1000.0) -> None:
        self.left = left
        self.right = right
        self.now = now
        self.connected = True
        self.events: dict[Session, list[Output]] = {left: [], right: []}

    def feed(self, session: Session, what: Input) -> list[Output]:
        outputs = session.handle(what, self.now)
        while session.unjudged:
            outputs += session.handle(Data(b""), self.now)
        self.events[session] += outputs
        for output in outputs:
            if isinstance(output, OpenHeld):
                self.feed(session, Clear())
        return outputs

    def begin(self) -> None:
        self.feed(self.left, Begin())
        self.feed(self.right, Begin())
        self.settle()

    def settle(self) -> None:
        """Carry octets until both sides are silent."""
        while self._carry(self.left, self.right) | self._carry(self.right, self.left):
            pass

    def _carry(self, source: Session, target: Session) -> bool:
        octets = b"".join(source.outgoing.waiting())
        if not octets:
            return False
        self.feed(source, Taken(len(octets)))
        if self.connected:
            self.feed(target, Data(octets))
        return True

    def run(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now + seconds
        while True:
            deadlines = [d for s in (self.left, self.right) if (d := s.next_deadline) is not None]
            first = min(deadlines, default=end)
            if first > end:
                break
            self.now = max(self.now, first)
            for session in (self.left, self.right):
                deadline = session.next_deadline
                if deadline is not None and deadline <= self.now:
                    self.feed(session, Due())
            self.settle()
            if not deadlines:
                break
        self.now = end

    def up(self, session: Session) -> Negotiated | None:
        return next((e.negotiated for e in self.events[session] if isinstance(e, SessionUp)), None)

    def down(self, session: Session) -> DownReason | None:
        return next((e.reason for e in self.events[session] if isinstance(e, SessionDown)), None)

    def closing(self, session: Session) -> Close | None:
        return next((e for e in self.events[session] if isinstance(e, Close)), None)

    def cut(self) -> None:
        """Both sides learn that TCP is gone."""
        for session in (self.left, self.right):
            self.feed(session, Gone("cut"))


def joined(left: Offer | None = None, right: Offer | None = None) -> Joined:
    return Joined(
        Session(left or an_offer()),
        Session(right or an_offer(64501, peer=64500, router_id=0x0A000002)),
    )


@dataclass
class Watcher:
    """An observer that remembers everything and lets tests wait for it."""

    ups: list[tuple[str, Negotiated]] = field(default_factory=list)
    downs: list[tuple[str, DownReason]] = field(default_factory=list)
    updates: list[tuple[str, Update]] = field(default_factory=list)
    refreshes: list[tuple[str, RouteRefresh]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    stales: list[tuple[StaleStep, tuple[Family, ...]]] = field(default_factory=list)
    stalls: list[StallLevel] = field(default_factory=list)
    drains: int = 0
    on_up: Callable[[PeerHandle], None] | None = None
    on_drained: Callable[[PeerHandle], None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def session_up(self, link: PeerHandle, negotiated: Negotiated) -> None:
        self.ups.append((link.name, negotiated))
        if self.on_up is not None:
            self.on_up(link)
        self._changed.set()

    def session_down(self, link: PeerHandle, reason: DownReason) -> None:
        self.downs.append((link.name, reason))
        self._changed.set()

    def update_received(self, link: PeerHandle, update: Update) -> None:
        self.updates.append((link.name, update))
        self._changed.set()

    def refresh_received(self, link: PeerHandle, refresh: RouteRefresh) -> None:
        self.refreshes.append((link.name, refresh))
        self._changed.set()

    def drained(self, link: PeerHandle) -> None:
        self.drains += 1
        if self.on_drained is not None:
            self.on_drained(link)
        self._changed.set()

    def stale(self, link: PeerHandle, step: StaleStep, families: Sequence[Family]) -> None:
        self.stales.append((step, tuple(families)))
        self._changed.set()

    def stalled(
        self, link: PeerHandle, level: StallLevel, seconds: float, queued_octets: int
    ) -> None:
        self.stalls.append(level)
        self._changed.set()

    def changed(self, link: PeerHandle, transition: Transition) -> None:
        self.transitions.append(transition)
        self._changed.set()

    async def until(self, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        """Wait for something this observer is told of; fails loudly when it does not happen."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_state(self, peer: Peer, state: PeerState, timeout_s: float = 20.0) -> None:
        await self.until(lambda: peer.state is state, timeout_s)


def a_speaker(asn: int = 64500, router_id: str = "10.0.0.1", **changes: object) -> SpeakerSettings:
    speaker = SpeakerSettings(local_asn=asn, router_id=IPv4Address(router_id), listen=())
    return replace(speaker, **changes)  # type: ignore[arg-type]  # a builder trusts its tests


def a_peer(
    name: str = "router", address: str = "127.0.0.1", asn: int = 64501, **changes: object
) -> PeerSettings:
    peer = PeerSettings(
        name=name,
        address=ip_address(address),
        peer_asns=frozenset({asn}),
        families=(IPV4_FLOWSPEC, IPV6_FLOWSPEC),
    )
    return replace(peer, **changes)  # type: ignore[arg-type]  # a builder trusts its tests


@contextlib.asynccontextmanager
async def running(
    settings: PeerSettings,
    speaker: SpeakerSettings | None = None,
    watcher: Watcher | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Peer, Watcher]]:
    """A peer with its task; both are gone afterwards, and a failure of the task is the test's."""
    watcher = watcher or Watcher()
    peer = Peer(
        settings,
        speaker or a_speaker(),
        watcher,
        clock=clock or SystemClock(),
        jitter=random.Random(7).random,
        read_turns=ReadTurns(),
    )
    task = asyncio.create_task(peer.run())
    await asyncio.sleep(0)  # let it start: what never ran has nothing to clean up
    try:
        yield peer, watcher
    finally:
        if task.done():
            task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
