"""All neighbors and the one table they receive: announce, withdraw, replace, status.

The shell around `rib`: it gives the pure parts their sessions, their sockets and their time.
Announcing changes the Loc-RIB and returns; peers follow from the event loop, in slices of a few
milliseconds so that keepalives of two hundred sessions never wait for one table. A peer that cannot
take more is skipped until its socket drains; its changes stay keys, not messages.

Here the parts are put together, started and stopped: `peers.py` holds the sessions, `inbound.py`
judges what they report, `advertise.py` schedules what is sent, `neighbors.py` keeps what outlives a
session. Questions about the tables are answered here.

Order: put the rules in first (`replace`), then `start`. End-of-RIB tells routers to delete
every rule they were keeping for us that we did not confirm, so it must not be sent from a table
that is not complete (RFC 4724 4.1).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prefixd.bgp.neighbor_settings import IPAddress, IPNetwork, StopMode
from prefixd.bgp.peer.interface import PeerHandle
from prefixd.bgp.peer.shutdown import shutdown
from prefixd.bgp.reload import ReloadPlan
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export import explain
from prefixd.bgp.rib.loc_rib import Drift, LocRib
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.preview import Decision, Preview, preview, simulate
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Finding, Step, Withheld
from prefixd.bgp.settings import SpeakerSettings, default_stop_mode
from prefixd.bgp.speaker.advertise import Advertiser
from prefixd.bgp.speaker.events import (
    OwnAddressesChanged,
    RulesExpired,
    SpeakerEvent,
    TablesDiffered,
)
from prefixd.bgp.speaker.inbound import InboundEvents
from prefixd.bgp.speaker.neighbors import NeighborStates
from prefixd.bgp.speaker.own_addresses import OwnAddresses
from prefixd.bgp.speaker.peers import PeerRegistry, Tasks
from prefixd.bgp.speaker.status import (
    PeerTable,
    Progress,
    RuleState,
    SpeakerStatus,
    peer_table,
)
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.clock import Clock

log = logging.getLogger(__name__)

EXPIRY_CHECK_S: Final = 1.0
EXPIRY_GRACE_US: Final = 500_000
"""The owner of a rule withdraws it when its time is over; we wait that long for it to do so."""


class Speaker:
    def __init__(
        self,
        settings: SpeakerSettings,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        tasks: Tasks,
        publish: Callable[[SpeakerEvent], None],
        untouchable: tuple[IPNetwork, ...] = (),
        restarting_for_s: float = 0.0,
        inherited: Sequence[int] = (),
    ) -> None:
        """`publish` gets every event; it must not block."""
        self.loc = LocRib()
        self._distribution = Distribution(self.loc)
        self._clock = clock
        self._publish = publish
        self._own = OwnAddresses()
        self._own.look(settings, ())
        self._states = NeighborStates(settings, untouchable)
        self._states.protect(frozenset(self._own.known))
        self._advertiser = Advertiser(
            self._distribution, self._states, clock=clock, publish=publish
        )
        self._housekeeping: asyncio.TimerHandle | None = None
        self._checked_at = 0.0
        inbound = InboundEvents(
            self._distribution,
            self._states,
            self._advertiser,
            clock=clock,
            publish=publish,
            present=lambda name: self.registry.get(name),
            before_up=self._look_for_own_addresses,
        )
        self.registry = PeerRegistry(
            settings,
            inbound,
            clock=clock,
            jitter=jitter,
            tasks=tasks,
            restarting_for_s=restarting_for_s,
            inherited=inherited,
        )

    # Life

    def start(self) -> None:
        """The Loc-RIB is complete: listen and connect."""
        self._distribution.ready()
        self._checked_at = self._clock.monotonic()
        self._housekeep()
        self.registry.start()

    async def stop(self, mode: StopMode | None = None, text: str = "") -> None:
        """End every session in its configured way, or all in one."""
        for state in self._states:
            chosen = mode or default_stop_mode(state.handle.settings)
            if state.up and chosen is StopMode.WITHDRAW:
                self._advertiser.withdraw_all(state)
        await self.registry.stop(mode, text)
        self._advertiser.stop()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            self._housekeeping = None

    def apply(
        self, settings: SpeakerSettings, untouchable: tuple[IPNetwork, ...] | None = None
    ) -> ReloadPlan:
        """New settings: sessions that need not fall stay up and get the difference only. Without
        `untouchable` what was declared so stays so."""
        plan = self.registry.apply(settings)
        self._look_for_own_addresses()
        handles = self.registry.peers()
        for name in self._states.take_over(settings, untouchable, handles):
            self._distribution.peer_down(name)
        for handle in handles:
            self._advertiser.change_terms(handle.name)
        return plan

    def _housekeep(self) -> None:
        """Once a second: overdue rules, what was digested; now and then a look at the whole."""
        now = self._clock.monotonic()
        gone, keys = self.loc.expire(self._clock.now_us() - EXPIRY_GRACE_US)
        if gone:
            self._publish(RulesExpired(gone))
            self._advertiser.changed(keys)
        self._look_for_own_addresses()
        for state in self._states:
            if state.up:
                self._advertiser.note_progress(state)
            elif self.registry.get(state.handle.name) is None:
                self._states.forget(state.handle.name)  # a dynamic neighbor that left
        if now - self._checked_at >= self.registry.settings.self_check_s:
            self._checked_at = now
            if found := self._distribution.self_check(now):
                log.error("self-check repaired entries of an Adj-RIB-Out", extra={"entries": found})
                self._publish(TablesDiffered(found))
                self._advertiser.ask_all()
        loop = asyncio.get_running_loop()
        self._housekeeping = loop.call_later(EXPIRY_CHECK_S, self._housekeep)

    @property
    def own_addresses(self) -> Mapping[IPAddress, str]:
        """What no rule may touch because it is ours, with the reason."""
        return self._own.known

    def _look_for_own_addresses(self) -> None:
        if not self._own.look(self.registry.settings, self.registry.peers()):
            return
        self._states.protect(frozenset(self._own.known))
        for state in self._states:
            self._advertiser.change_terms(state.handle.name)
        self._publish(OwnAddressesChanged(self._own.known))

    # Rules

    @property
    def revision(self) -> int:
        """Rises with every change of the routes to announce."""
        return self.loc.revision

    def announce(self, routes: Iterable[Route]) -> None:
        """Add or change; peers follow at once or as fast as they can."""
        routes = tuple(routes)
        self._widen_scope(routes)
        self._advertiser.changed(self.loc.put(routes))

    def withdraw(self, route_ids: Iterable[str]) -> None:
        self._advertiser.changed(self.loc.remove(route_ids))

    def replace(self, routes: Iterable[Route]) -> Drift:
        """Hold exactly these."""
        routes = tuple(routes)
        self._widen_scope(routes)
        drift, keys = self.loc.replace(routes)
        self._advertiser.changed(keys)
        return drift

    def _widen_scope(self, routes: Iterable[Route]) -> None:
        if self._states.widen_scope(routes):
            for state in self._states:
                self._advertiser.change_terms(state.handle.name)

    def release(self, peer: str) -> bool:
        """Send a neighbor the rules that were quarantined for it once more."""
        state = self._states.get(peer)
        if state is None or not state.quarantine.release():
            return False
        self._advertiser.change_terms(peer)
        return True

    # What an operator does to one neighbor; None, or why it cannot be done

    def reset(self, peer: str, text: str) -> str | None:
        """End the session with Cease/4 and the operator's words; it comes up again at once."""
        handle = self.registry.get(peer)
        if handle is None or not handle.status().enabled:
            return "the neighbor is disabled"
        handle.reset(shutdown(handle.settings, text, CeaseSubcode.ADMINISTRATIVE_RESET), text)
        return None

    def refresh(self, peer: str) -> str | None:
        """Send the whole table again, and ask for that of the neighbor, without a reset."""
        handle = self.registry.get(peer)
        negotiated = None if handle is None else handle.negotiated
        if handle is None or negotiated is None:
            return "the session is not established"
        now = self._clock.monotonic()
        for family in sorted(negotiated.families):
            self._distribution.refresh_requested(
                peer, family, now, enhanced=negotiated.enhanced_refresh
            )
            handle.refresh(RouteRefresh(family))
        self._advertiser.ask(peer)
        return None

    def disable(self, peer: str, text: str) -> str | None:
        """End the session with Cease/2 and the operator's words, and stay down until `enable` or a
        restart. The router forgets our rules, also where it is a graceful restart helper."""
        handle = self.registry.get(peer)
        if handle is None or not handle.status().enabled:
            return "the neighbor is disabled already"
        handle.stop(StopMode.HARD, text)
        return None

    def enable(self, peer: str) -> str | None:
        handle = self.registry.get(peer)
        if handle is None or handle.status().enabled:
            return "the neighbor is enabled already"
        handle.start()
        return None

    # Questions: they send nothing

    def preview(self, route: Route) -> tuple[Preview, ...]:
        """What every neighbor would receive of it."""
        return tuple(
            preview(handle.name, self._group(handle), self.loc, route)
            for handle in self.registry.peers()
        )

    def simulate(self, packet: Packet) -> dict[str, Decision]:
        """Which rule decides the packet at every neighbor, once everything is delivered."""
        return {
            handle.name: simulate(self._group(handle), packet) for handle in self.registry.peers()
        }

    def explain(self, route_id: str, peer: str) -> tuple[Finding, ...]:
        """The chain of steps for one route and one neighbor, up to the one that stopped it."""
        route, handle = self.loc.get(route_id), self.registry.get(peer)
        if route is None or handle is None:
            return ()
        findings = explain(route, self._states.terms(handle))
        verdict = self._group(handle).verdict(route.key)
        if isinstance(verdict, Withheld) and verdict.step is Step.BUDGET:
            findings += (Finding(Step.BUDGET, passed=False, detail=verdict.detail),)
        return findings

    def state(self, route_id: str, peer: str) -> RuleState | None:
        """How far one route has come at one neighbor; None for an unknown one."""
        route, progress = self.loc.get(route_id), self.progress(peer)
        return None if route is None or progress is None else progress.of(route)

    def progress(self, peer: str) -> Progress | None:
        """To ask for many routes at once; stale with the next change."""
        handle = self.registry.get(peer)
        if handle is None:
            return None
        member = self._distribution.member(peer)
        return Progress(self.loc, member.group if member else self._group(handle), member)

    def status(self) -> SpeakerStatus:
        return SpeakerStatus(
            revision=self.loc.revision,
            rules=len(self.loc),
            groups=self._distribution.group_count(),
            peers=tuple(self._table(handle) for handle in self.registry.peers()),
        )

    def _table(self, handle: PeerHandle) -> PeerTable:
        state = self._states.of(handle)
        return peer_table(
            handle.status(),
            self._distribution,
            self._distribution.member(handle.name),
            state.received,
            state.quarantine,
            now=self._clock.monotonic(),
            most_rules=state.most_rules,
            fence_s=state.fence_s,
            faults=dict(state.faults),
        )

    def _group(self, handle: PeerHandle) -> UpdateGroup:
        return self._distribution.group_for(self._states.terms(handle), self._clock.monotonic())
