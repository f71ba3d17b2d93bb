"""All neighbours and the one table they are told from: announce, withdraw, replace, status.

The shell around `rib`: it gives the pure parts their sessions, their sockets and their time.
Announcing changes the Loc-RIB and returns; peers follow from the event loop, in slices of a few
milliseconds so that keepalives of two hundred sessions never wait for one table. A peer that cannot
take more is skipped until its socket drains; its changes stay keys, not messages.

Order of life: put the rules in first (`replace`), then `start`. End-of-RIB tells routers to delete
every rule they were keeping for us that we did not confirm, so it must not be sent from a table
that is not complete (RFC 4724 4.1).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.reason import DownKind, DownReason
from prefixd.bgp.link import Link, StaleStep, StallLevel, Transition
from prefixd.bgp.peer_terms import fence_of, import_policy_of, safety_of, terms_of
from prefixd.bgp.pump import Pump
from prefixd.bgp.reload import ReloadPlan
from prefixd.bgp.rib.adj_rib_in import AdjRibIn, Echoed, ImportEvent, Learned, Lost
from prefixd.bgp.rib.export import explain
from prefixd.bgp.rib.fanout import Fanout
from prefixd.bgp.rib.loc_rib import Drift, LocRib
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.quarantine import Quarantine
from prefixd.bgp.rib.route import Key, Route, describe
from prefixd.bgp.rib.terms import Terms
from prefixd.bgp.rib.verdict import Finding, Step, Withheld
from prefixd.bgp.rib.what_if import Decision, Preview, preview, simulate
from prefixd.bgp.roster import Roster, Tasks
from prefixd.bgp.settings import (
    BisectMode,
    IPNetwork,
    PeerSettings,
    SpeakerSettings,
    StopMode,
    default_stop_mode,
)
from prefixd.bgp.speaker_event import (
    BudgetLowered,
    PeerChanged,
    PeerStalled,
    PeerSynced,
    RuleLearned,
    RuleLost,
    RuleQuarantined,
    RulesExpired,
    SpeakerEvent,
    TablesDiffered,
)
from prefixd.bgp.speaker_status import PeerTable, RuleState, SpeakerStatus, peer_table, rule_state
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode, RefreshSubtype
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.refresh import RouteRefresh
from prefixd.bgp.wire.update import Update
from prefixd.clock import Clock

log = logging.getLogger(__name__)

EXPIRY_CHECK_S: Final = 1.0
EXPIRY_GRACE_US: Final = 500_000
"""The owner of a rule withdraws it when its time is over; we wait that long for it to do so."""


@dataclass(slots=True)
class _Neighbour:
    """What outlives a peer's sessions."""

    link: Link
    quarantine: Quarantine
    received: AdjRibIn
    most_rules: int | None = None
    up: bool = False
    quiet_after_s: float = 31.0
    synced: bool = False
    fence_s: float | None = None
    echoes: int = 0
    refreshes_in: int = 0
    faults: dict[str, int] = field(default_factory=dict[str, int])


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
        self._untouchable = untouchable
        self._safety = safety_of(settings, untouchable)
        self._scoped: frozenset[str] = frozenset()
        self._neighbours: dict[str, _Neighbour] = {}
        self._pump = Pump(clock, tell=self._tell_one, next_wake=self._next_wake, all_names=self._up)
        self._housekeeping: asyncio.TimerHandle | None = None
        self._checked_at = 0.0
        self.roster = Roster(
            settings,
            self,
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
        for neighbour in self._neighbours.values():
            chosen = mode or default_stop_mode(neighbour.link.settings)
            if neighbour.up and chosen is StopMode.WITHDRAW:
                self._take_back(neighbour.link)
        await self.roster.stop(mode, text)
        self._pump.stop()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            self._housekeeping = None

    def _take_back(self, link: Link) -> None:
        """Withdraw all that this peer was told, for as long as its socket takes it."""
        self._change_terms(link.name, withdraw_all=True)
        now = self._clock.monotonic()
        while link.writable:
            chunk = self._fanout.next_chunk(link.name, now)
            if chunk is not None:
                link.write(chunk.octets, chunk.messages)
            elif not self._fanout.judging(link.name):
                return

    def apply(
        self, settings: SpeakerSettings, untouchable: tuple[IPNetwork, ...] | None = None
    ) -> ReloadPlan:
        """New settings: sessions that need not fall stay up and get the difference only. Without
        `untouchable` what was declared so stays so."""
        if untouchable is not None:
            self._untouchable = untouchable
        plan = self.roster.apply(settings)
        self._safety = safety_of(settings, self._untouchable)
        names = {peer.name for peer in self.roster.peers()}
        for name in [name for name in self._neighbours if name not in names]:
            self._fanout.peer_down(name)
            del self._neighbours[name]
        for peer in self.roster.peers():
            neighbour = self._neighbours.get(peer.name)
            if neighbour is not None:
                neighbour.link = peer
                neighbour.received.policy = import_policy_of(peer.settings.accept)
                self._change_terms(peer.name)
        return plan

    # Rules

    @property
    def revision(self) -> int:
        """Rises with every change of what shall be on the wire."""
        return self.loc.revision

    def announce(self, routes: Iterable[Route]) -> None:
        """Add or change; peers follow at once or as fast as they can."""
        routes = tuple(routes)
        self._widen_scope(routes)
        self._moved(self.loc.put(routes))

    def withdraw(self, route_ids: Iterable[str]) -> None:
        self._moved(self.loc.remove(route_ids))

    def replace(self, routes: Iterable[Route]) -> Drift:
        """Hold exactly these."""
        routes = tuple(routes)
        self._widen_scope(routes)
        drift, keys = self.loc.replace(routes)
        self._moved(keys)
        return drift

    def _moved(self, keys: set[Key]) -> None:
        if not keys:
            return
        for neighbour in self._neighbours.values():
            convicted = neighbour.quarantine.convicted
            if convicted and not convicted.keys().isdisjoint(keys):
                neighbour.quarantine.pardon(keys)  # the rule is another now, or gone
                self._change_terms(neighbour.link.name)
        self._fanout.changed(keys, self._clock.monotonic())
        self._pump.ask_all()

    def _widen_scope(self, routes: Iterable[Route]) -> None:
        named = frozenset[str]().union(*(r.peers for r in routes if r.peers is not None))
        if not named <= self._scoped:
            self._scoped |= named
            for name in self._neighbours:
                self._change_terms(name)

    # Questions

    def preview(self, route: Route) -> tuple[Preview, ...]:
        """What every neighbour would be told of it."""
        return tuple(
            preview(
                link.name,
                self._fanout.group_for(self._terms(link), self._clock.monotonic()),
                self.loc,
                route,
            )
            for link in self.roster.peers()
        )

    def simulate(self, packet: Packet) -> dict[str, Decision]:
        """Which rule decides the packet at every neighbour, once everything is delivered."""
        return {
            link.name: simulate(
                self._fanout.group_for(self._terms(link), self._clock.monotonic()), packet
            )
            for link in self.roster.peers()
        }

    def explain(self, route_id: str, peer: str) -> tuple[Finding, ...]:
        """The chain of steps for one route and one neighbour, up to the one that stopped it."""
        route, link = self.loc.get(route_id), self.roster.get(peer)
        if route is None or link is None:
            return ()
        terms = self._terms(link)
        findings = explain(route, terms)
        verdict = self._fanout.group_for(terms, self._clock.monotonic()).verdict(route.key)
        if isinstance(verdict, Withheld) and verdict.step is Step.BUDGET:
            findings += (Finding(Step.BUDGET, passed=False, detail=verdict.detail),)
        return findings

    def state(self, route_id: str, peer: str) -> RuleState | None:
        """How far one route has come at one neighbour; None for an unknown one."""
        route, link = self.loc.get(route_id), self.roster.get(peer)
        if route is None or link is None:
            return None
        member = self._fanout.member(peer)
        group = (
            member.group
            if member
            else self._fanout.group_for(self._terms(link), self._clock.monotonic())
        )
        return rule_state(self.loc, route, group, member)

    def status(self) -> SpeakerStatus:
        now = self._clock.monotonic()
        tables: list[PeerTable] = []
        for link in self.roster.peers():
            neighbour = self._neighbour(link)
            tables.append(
                peer_table(
                    link.status(),
                    self._fanout,
                    self._fanout.member(link.name),
                    neighbour.received,
                    neighbour.quarantine,
                    now=now,
                    most_rules=neighbour.most_rules,
                    fence_s=neighbour.fence_s,
                    faults=dict(neighbour.faults),
                )
            )
        return SpeakerStatus(
            revision=self.loc.revision,
            rules=len(self.loc),
            groups=self._fanout.group_count(),
            peers=tuple(tables),
        )

    def pardon(self, peer: str) -> bool:
        """Send a neighbour the rules that were quarantined for it once more."""
        neighbour = self._neighbours.get(peer)
        if neighbour is None or not neighbour.quarantine.pardon():
            return False
        self._change_terms(peer)
        return True

    # Sessions

    def session_up(self, link: Link, negotiated: Negotiated) -> None:
        neighbour = self._neighbour(link)
        neighbour.up, neighbour.synced = True, False
        neighbour.quiet_after_s = (negotiated.hold_time_s or 90) / 3 + 1
        self._fanout.peer_up(
            link.name,
            self._terms(link),
            fence_of(link.settings),
            fence_usable=negotiated.enhanced_refresh,
        )
        self._pump.ask(link.name)

    def session_down(self, link: Link, reason: DownReason) -> None:
        neighbour = self._neighbour(link)
        neighbour.up = False
        member = self._fanout.member(link.name)
        self._fanout.peer_down(link.name)
        if member is None:
            return
        notification = reason.notification
        theirs = reason.kind is DownKind.PEER_NOTIFIED and notification is not None
        if (
            theirs
            and notification is not None
            and notification.code == ErrorCode.CEASE
            and notification.subcode == CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED
        ):
            sent = sum(map(len, member.table_source.table.values()))
            neighbour.most_rules = max(1, sent * 9 // 10)
            self._tell(BudgetLowered(link.name, sent, neighbour.most_rules))
            return
        recent = self._clock.monotonic() - member.written_at <= link.settings.poison.window_s
        named = (
            theirs and notification is not None and notification.code == ErrorCode.UPDATE_MESSAGE
        )
        # A daemon that dies of a rule says nothing; its kernel closes or resets for it.
        accused = recent and (named or reason.kind in (DownKind.TRANSPORT, DownKind.PEER_CLOSED))
        convicted = neighbour.quarantine.session_ended(
            blamed=accused,
            certain=named,
            at_us=self._clock.now_us(),
            code=0 if notification is None else notification.code,
            subcode=0 if notification is None else notification.subcode,
            data=b"" if notification is None else notification.data,
            detail=str(reason),
        )
        for key in convicted:
            evidence = neighbour.quarantine.convicted[key]
            log.error("rule quarantined", extra={"peer": link.name, "rule": describe(*key)})
            self._tell(RuleQuarantined(link.name, describe(*key), evidence))

    def update_received(self, link: Link, update: Update) -> None:
        negotiated = link.negotiated
        if negotiated is None:
            return
        neighbour = self._neighbour(link)
        outcome = assess(update, negotiated.context)
        for fault in outcome.faults:
            neighbour.faults[fault.reason] = neighbour.faults.get(fault.reason, 0) + 1
        self._learned(neighbour, neighbour.received.apply(outcome, self._clock.now_us()))

    def refresh_received(self, link: Link, refresh: RouteRefresh) -> None:
        now = self._clock.monotonic()
        neighbour, negotiated = self._neighbour(link), link.negotiated
        member = self._fanout.member(link.name)
        if negotiated is None or member is None:
            return
        match refresh.subtype:
            case RefreshSubtype.REQUEST:
                neighbour.refreshes_in += 1
                enhanced = negotiated.enhanced_refresh
                self._fanout.refresh_requested(link.name, refresh.family, now, enhanced=enhanced)
                self._pump.ask(link.name)
            case RefreshSubtype.BEGIN:
                neighbour.received.mark_stale((refresh.family,))
                fence = member.fences.get(refresh.family)
                took = None if fence is None else fence.answered(now)
                if took is not None:
                    neighbour.fence_s = took
                    self._fanout.proven(link.name)
                    self._quiet_point(neighbour, now)
            case RefreshSubtype.END:
                self._learned(neighbour, neighbour.received.sweep((refresh.family,)))
            case _:
                pass  # RFC 7313 3.2: unknown subtypes are ignored

    def drained(self, link: Link) -> None:
        self._pump.ask(link.name)

    def stale(self, link: Link, step: StaleStep, families: Sequence[object]) -> None:
        received = self._neighbour(link).received
        wanted = [family for family in received.tables if family in families]
        if step is StaleStep.MARK:
            received.mark_stale(wanted)
        elif step is StaleStep.SWEEP:
            self._learned(self._neighbour(link), received.sweep(wanted))

    def stalled(self, link: Link, level: StallLevel, seconds: float, queued_octets: int) -> None:
        self._tell(PeerStalled(link.name, level, seconds, queued_octets))

    def changed(self, link: Link, transition: Transition) -> None:
        self._tell(PeerChanged(transition))

    def _learned(self, neighbour: _Neighbour, events: Iterable[ImportEvent]) -> None:
        name = neighbour.link.name
        for event in events:
            match event:
                case Learned(received):
                    self._tell(RuleLearned(name, received))
                case Lost(key):
                    self._tell(RuleLost(name, key))
                case Echoed(key):
                    neighbour.echoes += 1
                    member = self._fanout.member(name)
                    if member is not None:
                        member.seen[key] = self._clock.now_us()

    # Telling peers

    def _tell_one(self, name: str, now: float) -> bool:
        """Hand one chunk to a peer; whether it should be asked again."""
        neighbour = self._neighbours.get(name)
        if neighbour is None or not neighbour.up or not neighbour.link.writable:
            return False
        chunk = self._fanout.next_chunk(name, now)
        if chunk is None and self._fanout.judging(name):
            return True
        if chunk is None:
            self._at_rest(neighbour, now)
            return False
        neighbour.quarantine.wrote(chunk.before)
        neighbour.link.write(chunk.octets, chunk.messages)
        return True

    def _at_rest(self, neighbour: _Neighbour, now: float) -> None:
        """Nothing to say for now: the moment to ask whether it was understood."""
        member = self._fanout.member(neighbour.link.name)
        if member is None:
            return
        if not neighbour.synced and not member.after_dump and not member.table_source.outbox:
            neighbour.synced = True
            rules = sum(map(len, member.table_source.table.values()))
            self._tell(PeerSynced(neighbour.link.name, rules))
        for family, fence in member.fences.items():
            if fence.ask(member.written, now):
                neighbour.link.refresh(RouteRefresh(family))

    def _quiet_point(self, neighbour: _Neighbour, now: float) -> None:
        """The peer has digested what it got, as far as we can know."""
        member = self._fanout.member(neighbour.link.name)
        if member is None or member.has_more:
            return  # what is on trial has not even been written
        believed = now - member.written_at >= neighbour.quiet_after_s
        if not believed and member.proven < member.written:
            return
        if neighbour.quarantine.quiet():
            self._change_terms(neighbour.link.name)

    def _next_wake(self, now: float, queued: frozenset[str]) -> float | None:
        """When the first peer outside `queued` may have something to hear."""
        self._fanout.drop_laggards(now)
        times = [
            at
            for name, neighbour in self._neighbours.items()
            if neighbour.up and neighbour.link.writable and name not in queued
            if (at := self._wake_at(name, now)) is not None
        ]
        return min(times, default=None)

    def _up(self) -> tuple[str, ...]:
        return tuple(name for name, neighbour in self._neighbours.items() if neighbour.up)

    def _wake_at(self, name: str, now: float) -> float | None:
        at = self._fanout.wake_at(name, now)
        member = self._fanout.member(name)
        if member is not None:
            for fence in member.fences.values():
                due = fence.due_at(member.written, now)
                if due is not None and (at is None or due < at):
                    at = due
        return at

    def _housekeep(self) -> None:
        """Once a second: overdue rules, quiet points; now and then a look at the whole."""
        now = self._clock.monotonic()
        gone, keys = self.loc.expire(self._clock.now_us() - EXPIRY_GRACE_US)
        if gone:
            self._tell(RulesExpired(gone))
            self._moved(keys)
        for neighbour in tuple(self._neighbours.values()):
            if neighbour.up and neighbour.quarantine.busy:
                self._quiet_point(neighbour, now)
        if now - self._checked_at >= self.roster.settings.self_check_s:
            self._checked_at = now
            if found := self._fanout.self_check(now):
                log.error("tables differed from what they should be", extra={"keys": found})
                self._tell(TablesDiffered(found))
                self._pump.ask_all()
        loop = asyncio.get_running_loop()
        self._housekeeping = loop.call_later(EXPIRY_CHECK_S, self._housekeep)

    # Terms

    def _neighbour(self, link: Link) -> _Neighbour:
        neighbour = self._neighbours.get(link.name)
        if neighbour is None:
            settings = self.roster.settings
            neighbour = self._neighbours[link.name] = _Neighbour(
                link=link,
                quarantine=Quarantine(bisect=link.settings.poison.bisect is BisectMode.ON),
                received=AdjRibIn(
                    policy=import_policy_of(link.settings.accept),
                    local_as=link.settings.local_asn or settings.local_asn,
                    router_id=int(settings.router_id),
                ),
            )
        return neighbour

    def _terms(self, link: Link, *, withdraw_all: bool = False) -> Terms:
        peer: PeerSettings = link.settings
        neighbour = self._neighbour(link)
        terms = terms_of(
            self.roster.settings,
            peer,
            link.negotiated,
            safety=self._safety,
            quarantined=neighbour.quarantine.held_back,
            most_rules=neighbour.most_rules,
            scoped=self._scoped,
        )
        return terms.without_policy() if withdraw_all else terms

    def _change_terms(self, name: str, *, withdraw_all: bool = False) -> None:
        neighbour = self._neighbours.get(name)
        if neighbour is None or not neighbour.up:
            return
        terms = self._terms(neighbour.link, withdraw_all=withdraw_all)
        self._fanout.terms_changed(name, terms, self._clock.monotonic())
        self._pump.ask(name)
