"""Questions that send nothing: what would be told, what was told, and why not.

Reads what the others keep and changes none of it, except that a question about terms nobody has yet
makes the group that can answer it.
"""

from prefixd.bgp.peer.interface import Link
from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.export import explain
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.preview import Decision, Preview, preview, simulate
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Finding, Step, Withheld
from prefixd.bgp.speaker.neighbors import Standings
from prefixd.bgp.speaker.peers import Roster
from prefixd.bgp.speaker.status import (
    PeerTable,
    Progress,
    RuleState,
    SpeakerStatus,
    peer_table,
)
from prefixd.clock import Clock


class Questions:
    def __init__(
        self, loc: LocRib, fanout: Fanout, standings: Standings, roster: Roster, clock: Clock
    ) -> None:
        self._loc = loc
        self._fanout = fanout
        self._standings = standings
        self._roster = roster
        self._clock = clock

    def preview(self, route: Route) -> tuple[Preview, ...]:
        return tuple(
            preview(link.name, self._group(link), self._loc, route) for link in self._roster.peers()
        )

    def simulate(self, packet: Packet) -> dict[str, Decision]:
        return {link.name: simulate(self._group(link), packet) for link in self._roster.peers()}

    def explain(self, route_id: str, peer: str) -> tuple[Finding, ...]:
        route, link = self._loc.get(route_id), self._roster.get(peer)
        if route is None or link is None:
            return ()
        findings = explain(route, self._standings.terms(link))
        verdict = self._group(link).verdict(route.key)
        if isinstance(verdict, Withheld) and verdict.step is Step.BUDGET:
            findings += (Finding(Step.BUDGET, passed=False, detail=verdict.detail),)
        return findings

    def state(self, route_id: str, peer: str) -> RuleState | None:
        route, progress = self._loc.get(route_id), self.progress(peer)
        return None if route is None or progress is None else progress.of(route)

    def progress(self, peer: str) -> Progress | None:
        link = self._roster.get(peer)
        if link is None:
            return None
        member = self._fanout.member(peer)
        return Progress(self._loc, member.group if member else self._group(link), member)

    def status(self) -> SpeakerStatus:
        return SpeakerStatus(
            revision=self._loc.revision,
            rules=len(self._loc),
            groups=self._fanout.group_count(),
            peers=tuple(self._table(link) for link in self._roster.peers()),
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
