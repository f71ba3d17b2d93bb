"""Which group a signal belongs to, how long groups stay open, and how a signal joins one.

A group is about one victim and one vector (or one family of vectors). Its window slides: every
report of a primary source moves the end, up to a fixed lifetime. A window that has passed is over
at once, whether or not a sweep came by: `place` names the groups to close together with the one to
join or open, so that the caller can do both in one transaction.

Joining is a merge keyed by alert and ordered by the time of arrival, not by the order of
processing: whatever order the same set of signals comes in, the evidence is the same.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from prefixd.correlation.settings import CorrelationSettings
from prefixd.correlation.weigh import SECOND_US
from prefixd.domain.group import (
    CloseReason,
    Evidence,
    EvidenceRole,
    EvidenceState,
    Group,
    GroupState,
)
from prefixd.domain.ids import GroupId, IncidentId, SignalId
from prefixd.domain.signal import Signal, SignalKind
from prefixd.domain.vector import UNSPECIFIC, Vector

ALERTS_MAX: Final = 32
"""Alerts of one source kept in a group; beyond that the oldest makes room for the newest."""

COLLECTING: Final = frozenset(
    {GroupState.OPEN, GroupState.READY, GroupState.HELD, GroupState.UNOWNED}
)
ACTING: Final = frozenset({GroupState.MITIGATING, GroupState.CLEARING})


class Place(Struct, frozen=True, kw_only=True):
    """Where a signal goes: into `group`, or into a new one when that is None. `over` are groups
    whose window has passed, already closed."""

    key: str
    group: Group | None
    over: tuple[Group, ...] = ()


class Where(Struct, frozen=True, kw_only=True):
    """What the inventory says of the victim; empty for a victim without an owner."""

    customer_id: str | None = None
    service_id: str | None = None
    interface: str | None = None
    router: str | None = None

    @property
    def owned(self) -> bool:
        return self.customer_id is not None


def key_of(vector: Vector, settings: CorrelationSettings) -> str:
    """What is kept with the victim's address as the group's identity."""
    if settings.aggregate_vectors_by_family and vector not in UNSPECIFIC:
        return vector.family.value
    return vector.value


def is_over(group: Group, now_us: int) -> bool:
    """A group that is being acted upon lives as long as its mitigations, not as its window."""
    return group.state in COLLECTING and now_us >= group.expires_at_us


def place(
    signal: Signal, live: Sequence[Group], settings: CorrelationSettings, now_us: int
) -> Place:
    """`live` are the victim's groups that are not closed, in any order."""
    key = key_of(signal.vector, settings)
    if not live:
        return Place(key=key, group=None)
    mine = [group for group in live if group.is_live and group.victim == signal.victim]
    over = tuple(
        close(group, CloseReason.TIMEOUT, now_us) for group in mine if is_over(group, now_us)
    )
    open_now = [group for group in mine if not is_over(group, now_us)]
    return Place(key=key, group=_choose(signal.vector, key, open_now), over=over)


def _choose(vector: Vector, key: str, groups: list[Group]) -> Group | None:
    for group in groups:
        if group.key == key:
            return group
    if vector in UNSPECIFIC:
        # "Much traffic" joins whatever is already known of the victim.
        candidates = groups
    else:
        # A precise name takes over a group that so far only knew "much traffic". Once we act on
        # the vague name the rule stands, and the precise one gets a group of its own.
        candidates = [
            group for group in groups if group.vector in UNSPECIFIC and group.state in COLLECTING
        ]
    return max(
        candidates, key=lambda group: (group.last_primary_at_us, group.group_id), default=None
    )


def open_group(
    signal: Signal,
    signal_id: SignalId,
    *,
    group_id: GroupId,
    pop: str,
    where: Where,
    settings: CorrelationSettings,
    episode: int = 1,
    incident_id: IncidentId | None = None,
) -> Group:
    """A new group with this signal in it. Only a primary source's signal may open one."""
    at_us = signal.received_at_us
    return Group(
        group_id=group_id,
        pop=pop,
        victim=signal.victim,
        key=key_of(signal.vector, settings),
        vector=signal.vector,
        state=GroupState.OPEN if where.owned else GroupState.UNOWNED,
        created_at_us=at_us,
        last_primary_at_us=at_us,
        expires_at_us=window_end(at_us, at_us, settings),
        evidence=(evidence_of(signal, signal_id, settings, EvidenceRole.PRIMARY, episode),),
        customer_id=where.customer_id,
        service_id=where.service_id,
        pops=(pop,),
        interfaces=_with((), where.interface),
        routers=_with((), where.router),
        incident_id=incident_id,
    )


def join(
    group: Group,
    signal: Signal,
    signal_id: SignalId,
    *,
    where: Where,
    settings: CorrelationSettings,
    role: EvidenceRole = EvidenceRole.PRIMARY,
    episode: int = 1,
) -> Group:
    """The group with this signal's word in it: a new alert, or a known one refreshed."""
    evidence = evidence_of(signal, signal_id, settings, role, episode)
    group = _in_place(group, signal.vector, where, settings)
    return with_evidence(group, evidence, settings)


def _in_place(group: Group, vector: Vector, where: Where, settings: CorrelationSettings) -> Group:
    """What the signal says of vector and place taken over; the group itself when nothing is new."""
    pops = _with(group.pops, group.pop)
    interfaces = _with(group.interfaces, where.interface)
    routers = _with(group.routers, where.router)
    customer_id = group.customer_id or where.customer_id
    service_id = group.service_id or where.service_id
    refines = group.vector in UNSPECIFIC and vector not in UNSPECIFIC and group.state in COLLECTING
    known = (group.pops, group.interfaces, group.routers, group.customer_id, group.service_id)
    if not refines and known == (pops, interfaces, routers, customer_id, service_id):
        return group
    return replace(
        group,
        vector=vector if refines else group.vector,
        key=key_of(vector, settings) if refines else group.key,
        pops=pops,
        interfaces=interfaces,
        routers=routers,
        customer_id=customer_id,
        service_id=service_id,
    )


def evidence_of(
    signal: Signal,
    signal_id: SignalId,
    settings: CorrelationSettings,
    role: EvidenceRole,
    episode: int,
) -> Evidence:
    source = settings.source(signal.source)
    firing = signal.kind is SignalKind.FIRING
    return Evidence(
        signal_id=signal_id,
        source=signal.source,
        external_id=signal.external_id,
        episode=episode,
        role=role,
        state=EvidenceState.FIRING if firing else EvidenceState.CLEARED,
        vector=signal.vector,
        confidence=signal.confidence,
        weight=source.weight,
        first_seen_us=signal.received_at_us,
        last_seen_us=signal.received_at_us,
        bps=signal.bps,
        pps=signal.pps,
        dst_ports=signal.dst_ports,
        src_ports=signal.src_ports,
        direction=signal.direction,
        forced=signal.force,
    )


def with_evidence(group: Group, evidence: Evidence, settings: CorrelationSettings) -> Group:
    """Merge one piece of evidence; a primary that fires moves the window and ends a clearing."""
    merged = _merged(group.evidence, evidence)
    if evidence.role is not EvidenceRole.PRIMARY or evidence.state is not EvidenceState.FIRING:
        return replace(group, evidence=merged)
    created_us = min(group.created_at_us, evidence.first_seen_us)
    last_us = max(group.last_primary_at_us, evidence.last_seen_us)
    fires_again = group.state is GroupState.CLEARING and evidence.last_seen_us >= (
        group.clearing_since_us or 0
    )
    return replace(
        group,
        evidence=merged,
        created_at_us=created_us,
        last_primary_at_us=last_us,
        expires_at_us=window_end(created_us, last_us, settings),
        state=GroupState.MITIGATING if fires_again else group.state,
        clearing_since_us=None if fires_again else group.clearing_since_us,
    )


def window_end(created_us: int, last_primary_us: int, settings: CorrelationSettings) -> int:
    return min(
        last_primary_us + settings.window_s * SECOND_US,
        created_us + settings.max_group_lifetime_s * SECOND_US,
    )


def close(group: Group, reason: CloseReason, now_us: int) -> Group:
    """What held a group back stays readable: it tells a refusal from sources that never agreed."""
    return replace(group, state=GroupState.CLOSED, close_reason=reason, closed_at_us=now_us)


def _merged(held: tuple[Evidence, ...], new: Evidence) -> tuple[Evidence, ...]:
    others: list[Evidence] = []
    for item in held:
        if (item.source, item.external_id) == (new.source, new.external_id):
            new = _latest(item, new)
        else:
            others.append(item)
    return tuple(sorted(_bounded(others, new), key=lambda item: (item.source, item.external_id)))


def _latest(held: Evidence, new: Evidence) -> Evidence:
    """One alert, two reports: the later one speaks, both are counted."""
    later = new if _stamp(new) >= _stamp(held) else held
    is_rerun = (held.signal_id, held.last_seen_us) == (new.signal_id, new.last_seen_us)
    return replace(
        later,
        first_seen_us=min(held.first_seen_us, new.first_seen_us),
        refresh_count=held.refresh_count + new.refresh_count + (0 if is_rerun else 1),
        forced=held.forced or new.forced,
    )


def _stamp(evidence: Evidence) -> tuple[int, int, str]:
    # At the same instant a clear goes after a report: "it began and ended", never the reverse.
    cleared = 0 if evidence.state is EvidenceState.FIRING else 1
    return (evidence.last_seen_us, cleared, evidence.signal_id)


def _bounded(others: list[Evidence], new: Evidence) -> list[Evidence]:
    same = sorted((item for item in others if item.source == new.source), key=_stamp)
    surplus = same[: max(0, len(same) + 1 - ALERTS_MAX)]
    return [*(item for item in others if item not in surplus), new]


def _with(held: tuple[str, ...], value: str | None) -> tuple[str, ...]:
    return held if value is None or value in held else tuple(sorted((*held, value)))
