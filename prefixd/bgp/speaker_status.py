"""What faces may show of rules and neighbours: copies, safe to keep, made when asked for."""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.bgp.link import PeerStatus
from prefixd.bgp.rib.adj_rib_in import AdjRibIn, Doubt
from prefixd.bgp.rib.fanout import Fanout
from prefixd.bgp.rib.group import UpdateGroup
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.member import Member
from prefixd.bgp.rib.quarantine import Evidence, Quarantine
from prefixd.bgp.rib.route import Key, Route
from prefixd.bgp.rib.verdict import Reason, Split, Withheld
from prefixd.bgp.wire.iana import Family


class RuleStage(StrEnum):
    """How far a rule has come at one neighbour. Being parsed is not being installed."""

    PENDING = "pending"
    WRITTEN = "written"
    """The kernel has taken it."""
    DELIVERED = "delivered"
    """The neighbour has parsed it, and the session lived on."""
    SEEN = "seen"
    """The neighbour showed us that it holds it."""
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


def rule_state(loc: LocRib, route: Route, group: UpdateGroup, member: Member | None) -> RuleState:
    shadow = loc.shadowed_by(route.route_id)
    if shadow is not None:
        return RuleState(stage=RuleStage.SHADOWED, detail=shadow)
    verdict = group.verdict(route.key)
    if isinstance(verdict, Withheld):
        quarantined = verdict.reason is Reason.QUARANTINED
        stage = RuleStage.QUARANTINED if quarantined else RuleStage.WITHHELD
        return RuleState(stage=stage, reason=verdict.reason, detail=verdict.detail)
    keys = (
        [Key(route.family, nlri) for nlri in verdict.parts]
        if isinstance(verdict, Split)
        else [route.key]
    )
    if member is None:
        return RuleState(stage=RuleStage.DOWN, parts=len(keys))
    order = list(RuleStage)
    stage = min((_stage(key, group, member) for key in keys), key=order.index)
    return RuleState(stage=stage, parts=len(keys))


def _stage(key: Key, group: UpdateGroup, member: Member) -> RuleStage:
    out = member.table_source
    unheard = member.own is None and any(
        key == changed for chunk in group.since(member.cursor) for changed, _ in chunk.before
    )
    wanted = group.desired(key)
    if unheard or out.told(key) is not wanted or key in out.outbox.urgent:
        return RuleStage.PENDING
    if key in member.seen:
        return RuleStage.SEEN
    works = any(fence.works for fence in member.fences.values())
    if works and out.recent.get(key, 0) <= member.proven:
        return RuleStage.DELIVERED
    return RuleStage.WRITTEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTable:
    """One neighbour: its session, what it was told, what it told us."""

    session: PeerStatus
    rules: dict[Family, int]
    """Told, by family."""
    announced: int
    """Routes announced in this session, repetitions included."""
    withdrawn: int
    outbox: int
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
    ignored: dict[Doubt, int]
    faults: dict[str, int]
    in_step: bool
    """Shares its messages with the other members of its update group."""


def peer_table(
    session: PeerStatus,
    fanout: Fanout,
    member: Member | None,
    received: AdjRibIn,
    quarantine: Quarantine,
    *,
    now: float,
    most_rules: int | None,
    fence_s: float | None,
    faults: dict[str, int],
) -> PeerTable:
    out = None if member is None else member.table_source
    synced = fanout.synced_revision(session.name)
    works = [] if member is None else [fence.works for fence in member.fences.values()]
    return PeerTable(
        session=session,
        rules={} if out is None else {f: len(t) for f, t in out.table.items() if t},
        announced=0 if member is None else member.announced,
        withdrawn=0 if member is None else member.withdrawn,
        outbox=0 if out is None else len(out.outbox),
        oldest_s=0.0 if out is None else out.outbox.waiting_s(now),
        synced_revision=synced,
        lag=fanout.loc.revision - synced,
        withheld={} if member is None else member.group.withheld(),
        quarantined=tuple(quarantine.convicted.values()),
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
