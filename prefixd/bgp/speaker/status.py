"""What faces may show of rules and neighbors: copies, safe to keep, made when asked for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prefixd.bgp.peer.interface import PeerStatus
from prefixd.bgp.rib.adj_rib_in import AdjRibIn, ImportRefusal
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.group_member import GroupMember
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.quarantine import Evidence, Quarantine
from prefixd.bgp.rib.route import Key, Route
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Reason, Split, Withheld
from prefixd.bgp.wire.iana import Family


class RuleStage(StrEnum):
    """How far a rule has come at one neighbor. Being parsed is not being installed."""

    PENDING = "pending"
    WRITTEN = "written"
    """The kernel has taken it."""
    DELIVERED = "delivered"
    """The neighbor has parsed it, and the session stayed up."""
    SEEN = "seen"
    """The neighbor sent it back to us, so it holds it."""
    WITHHELD = "withheld"
    QUARANTINED = "quarantined"
    SHADOWED = "shadowed"
    """Another rule has the same match and precedence."""
    DOWN = "down"
    """No session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    stage: RuleStage
    reason: Reason | None = None
    detail: str = ""
    parts: int = 1


class Progress:
    """How far rules have come at one neighbor, for as long as nothing changes.

    What concerns all rules is looked up once: a listing asks for tens of thousands.
    """

    __slots__ = ("_group", "_loc", "_member", "_proven", "_unsent")

    def __init__(self, loc: LocRib, group: UpdateGroup, member: GroupMember | None) -> None:
        self._loc = loc
        self._group = group
        self._member = member
        self._unsent: frozenset[Key] = frozenset()
        self._proven = -1
        if member is not None:
            if member.own is None:
                behind = group.since(member.cursor)
                self._unsent = frozenset(key for chunk in behind for key, _ in chunk.before)
            if any(probe.works for probe in member.probes.values()):
                self._proven = member.proven

    @property
    def place(self) -> tuple[int, int, int] | None:
        """Neighbors at the same place have come equally far with every rule; None: like no other.
        Fifty equal routers in step are at one."""
        member = self._member
        if member is None or member.own is not None or member.seen:
            return None
        return id(self._group), member.cursor, self._proven

    def of(self, route: Route) -> RuleState:
        key = route.key
        if self._loc.winner(key) is not route:
            shadow = self._loc.shadowed_by(route.route_id)
            return RuleState(stage=RuleStage.SHADOWED, detail=shadow or "")
        verdict = self._group.verdict(key)
        if isinstance(verdict, Withheld):
            quarantined = verdict.reason is Reason.QUARANTINED
            stage = RuleStage.QUARANTINED if quarantined else RuleStage.WITHHELD
            return RuleState(stage=stage, reason=verdict.reason, detail=verdict.detail)
        if not isinstance(verdict, Split):
            return _UNSPLIT[self._stage(key)]
        keys = [Key(route.family, nlri) for nlri in verdict.parts]
        stage = min(map(self._stage, keys), key=_ORDER.index)
        return RuleState(stage=stage, parts=len(keys))

    def _stage(self, key: Key) -> RuleStage:
        member = self._member
        if member is None:
            return RuleStage.DOWN
        out = member.table_source
        if (
            key in self._unsent
            or key in out.pending.urgent
            or out.advertised(key) is not self._group.desired(key)
        ):
            return RuleStage.PENDING
        if key in member.seen:
            return RuleStage.SEEN
        if out.recent.get(key, 0) <= self._proven:
            return RuleStage.DELIVERED
        return RuleStage.WRITTEN


_ORDER: Final = list(RuleStage)
_UNSPLIT: Final = {stage: RuleState(stage=stage) for stage in RuleStage}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTable:
    """One neighbor: its session, routes advertised and received."""

    session: PeerStatus
    rules: dict[Family, int]
    """Advertised, by family."""
    announced: int
    """Routes announced in this session, repetitions included."""
    withdrawn: int
    pending: int
    oldest_s: float
    synced_revision: int
    lag: int
    withheld: dict[Reason, int]
    quarantined: tuple[Evidence, ...]
    budget_lowered_to: int | None
    fence_works: bool | None
    fence_round_trip_s: float | None
    seen: int
    received: dict[Family, int]
    ignored: dict[ImportRefusal, int]
    faults: dict[str, int]
    in_step: bool
    """Shares its messages with the other members of its update group."""


def peer_table(
    session: PeerStatus,
    distribution: Distribution,
    member: GroupMember | None,
    received: AdjRibIn,
    quarantine: Quarantine,
    *,
    now: float,
    most_rules: int | None,
    fence_s: float | None,
    faults: dict[str, int],
) -> PeerTable:
    out = None if member is None else member.table_source
    synced = distribution.synced_revision(session.name)
    works = [] if member is None else [probe.works for probe in member.probes.values()]
    return PeerTable(
        session=session,
        rules={} if out is None else {f: len(t) for f, t in out.table.items() if t},
        announced=0 if member is None else member.announced,
        withdrawn=0 if member is None else member.withdrawn,
        pending=0 if out is None else len(out.pending),
        oldest_s=0.0 if out is None else out.pending.waiting_s(now),
        synced_revision=synced,
        lag=distribution.loc.revision - synced,
        withheld={} if member is None else member.group.withheld(),
        quarantined=tuple(quarantine.quarantined.values()),
        budget_lowered_to=most_rules,
        fence_works=True if True in works else (None if None in works else False),
        fence_round_trip_s=fence_s,
        seen=0 if member is None else len(member.seen),
        received={family: len(table) for family, table in received.tables.items() if table},
        ignored=dict(received.ignored),
        faults=faults,
        in_step=member is not None and member.in_step,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerStatus:
    revision: int
    rules: int
    groups: int
    peers: tuple[PeerTable, ...]
