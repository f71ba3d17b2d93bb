"""All neighbors and the one table they are told from: announce, withdraw, replace, status.

The shell around `rib`: it gives the pure parts their sessions, their sockets and their time.
Announcing changes the Loc-RIB and returns; peers follow from the event loop, in slices of a few
milliseconds so that keepalives of two hundred sessions never wait for one table. A peer that cannot
take more is skipped until its socket drains; its changes stay keys, not messages.

Here the parts are put together, started and stopped: `peers.py` holds the sessions, `inbound.py`
judges what they report, `advertise.py` schedules what is sent, `neighbors.py` keeps what outlives a
session. Questions about the tables are answered here.

Order of life: put the rules in first (`replace`), then `start`. End-of-RIB tells routers to delete
every rule they were keeping for us that we did not confirm, so it must not be sent from a table
that is not complete (RFC 4724 4.1).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prefixd.bgp.peer.interface import Link
from prefixd.bgp.reload import ReloadPlan
from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.export import explain
from prefixd.bgp.rib.loc_rib import Drift, LocRib
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.preview import Decision, Preview, preview, simulate
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Finding, Step, Withheld
from prefixd.bgp.settings import IPNetwork, SpeakerSettings, StopMode, default_stop_mode
from prefixd.bgp.speaker.advertise import Telling
from prefixd.bgp.speaker.events import RulesExpired, SpeakerEvent, TablesDiffered
from prefixd.bgp.speaker.inbound import Hearing
from prefixd.bgp.speaker.neighbors import Standings
from prefixd.bgp.speaker.peers import Roster, Tasks
from prefixd.bgp.speaker.status import (
    PeerTable,
    Progress,
    RuleState,
    SpeakerStatus,
    peer_table,
)
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
        tell: Callable[[SpeakerEvent], None],
        untouchable: tuple[IPNetwork, ...] = (),
        restarting_for_s: float = 0.0,
        inherited: Sequence[int] = (),
    ) -> None:
        """`tell` hears of everything that happens; it must not block."""
        self.loc = LocRib()
        self._fanout = Fanout(self.loc)
        self._clock = clock
        self._tell = tell
        self._standings = Standings(settings, untouchable)
        self._telling = Telling(self._fanout, self._standings, clock=clock, tell=tell)
        self._housekeeping: asyncio.TimerHandle | None = None
        self._checked_at = 0.0
        hearing = Hearing(
            self._fanout,
            self._standings,
            self._telling,
            clock=clock,
            tell=tell,
            present=lambda name: self.roster.get(name),
        )
        self.roster = Roster(
            settings,
            hearing,
            clock=clock,
            jitter=jitter,
            tasks=tasks,
            restarting_for_s=restarting_for_s,
            inherited=inherited,
        )

    # Life

    def start(self) -> None:
        """The Loc-RIB is complete: open the doors."""
        self._fanout.ready()
        self._checked_at = self._clock.monotonic()
        self._housekeep()
        self.roster.start()

    async def stop(self, mode: StopMode | None = None, text: str = "") -> None:
        """End every session in its configured way, or all in one."""
        for standing in self._standings:
            chosen = mode or default_stop_mode(standing.link.settings)
            if standing.up and chosen is StopMode.WITHDRAW:
                self._telling.take_back(standing)
        await self.roster.stop(mode, text)
        self._telling.stop()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            self._housekeeping = None

    def apply(
        self, settings: SpeakerSettings, untouchable: tuple[IPNetwork, ...] | None = None
    ) -> ReloadPlan:
        """New settings: sessions that need not fall stay up and get the difference only. Without
        `untouchable` what was declared so stays so."""
        plan = self.roster.apply(settings)
        links = self.roster.peers()
        for name in self._standings.take_over(settings, untouchable, links):
            self._fanout.peer_down(name)
        for link in links:
            self._telling.change_terms(link.name)
        return plan

    def _housekeep(self) -> None:
        """Once a second: overdue rules, what was digested; now and then a look at the whole."""
        now = self._clock.monotonic()
        gone, keys = self.loc.expire(self._clock.now_us() - EXPIRY_GRACE_US)
        if gone:
            self._tell(RulesExpired(gone))
            self._telling.moved(keys)
        for standing in self._standings:
            if standing.up:
                self._telling.digest(standing)
            elif self.roster.get(standing.link.name) is None:
                self._standings.forget(standing.link.name)  # a dynamic neighbor that left
        if now - self._checked_at >= self.roster.settings.self_check_s:
            self._checked_at = now
            if found := self._fanout.self_check(now):
                log.error("tables differed from what they should be", extra={"keys": found})
                self._tell(TablesDiffered(found))
                self._telling.ask_all()
        loop = asyncio.get_running_loop()
        self._housekeeping = loop.call_later(EXPIRY_CHECK_S, self._housekeep)

    # Rules

    @property
    def revision(self) -> int:
        """Rises with every change of what shall be on the wire."""
        return self.loc.revision

    def announce(self, routes: Iterable[Route]) -> None:
        """Add or change; peers follow at once or as fast as they can."""
        routes = tuple(routes)
        self._widen_scope(routes)
        self._telling.moved(self.loc.put(routes))

    def withdraw(self, route_ids: Iterable[str]) -> None:
        self._telling.moved(self.loc.remove(route_ids))

    def replace(self, routes: Iterable[Route]) -> Drift:
        """Hold exactly these."""
        routes = tuple(routes)
        self._widen_scope(routes)
        drift, keys = self.loc.replace(routes)
        self._telling.moved(keys)
        return drift

    def _widen_scope(self, routes: Iterable[Route]) -> None:
        if self._standings.widen_scope(routes):
            for standing in self._standings:
                self._telling.change_terms(standing.link.name)

    def pardon(self, peer: str) -> bool:
        """Send a neighbor the rules that were quarantined for it once more."""
        standing = self._standings.get(peer)
        if standing is None or not standing.quarantine.pardon():
            return False
        self._telling.change_terms(peer)
        return True

    # Questions: they send nothing

    def preview(self, route: Route) -> tuple[Preview, ...]:
        """What every neighbor would receive of it."""
        return tuple(
            preview(link.name, self._group(link), self.loc, route) for link in self.roster.peers()
        )

    def simulate(self, packet: Packet) -> dict[str, Decision]:
        """Which rule decides the packet at every neighbor, once everything is delivered."""
        return {link.name: simulate(self._group(link), packet) for link in self.roster.peers()}

    def explain(self, route_id: str, peer: str) -> tuple[Finding, ...]:
        """The chain of steps for one route and one neighbor, up to the one that stopped it."""
        route, link = self.loc.get(route_id), self.roster.get(peer)
        if route is None or link is None:
            return ()
        findings = explain(route, self._standings.terms(link))
        verdict = self._group(link).verdict(route.key)
        if isinstance(verdict, Withheld) and verdict.step is Step.BUDGET:
            findings += (Finding(Step.BUDGET, passed=False, detail=verdict.detail),)
        return findings

    def state(self, route_id: str, peer: str) -> RuleState | None:
        """How far one route has come at one neighbor; None for an unknown one."""
        route, progress = self.loc.get(route_id), self.progress(peer)
        return None if route is None or progress is None else progress.of(route)

    def progress(self, peer: str) -> Progress | None:
        """To ask for many routes at once; stale with the next change."""
        link = self.roster.get(peer)
        if link is None:
            return None
        member = self._fanout.member(peer)
        return Progress(self.loc, member.group if member else self._group(link), member)

    def status(self) -> SpeakerStatus:
        return SpeakerStatus(
            revision=self.loc.revision,
            rules=len(self.loc),
            groups=self._fanout.group_count(),
            peers=tuple(self._table(link) for link in self.roster.peers()),
        )

    def _table(self, link: Link) -> PeerTable:
        standing = self._standings.of(link)
        return peer_table(
            link.status(),
            self._fanout,
            self._fanout.member(link.name),
            standing.received,
            standing.quarantine,
            now=self._clock.monotonic(),
            most_rules=standing.most_rules,
            fence_s=standing.fence_s,
            faults=dict(standing.faults),
        )

    def _group(self, link: Link) -> UpdateGroup:
        return self._fanout.group_for(self._standings.terms(link), self._clock.monotonic())
