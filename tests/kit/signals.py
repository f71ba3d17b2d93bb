"""Builders for signals, evidence and groups, with the usual test addresses."""

from typing import Any

from msgspec.structs import replace

from prefixd.correlation.settings import CorrelationSettings, SourceSettings
from prefixd.correlation.window import Where, join, open_group, place
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group
from prefixd.domain.ids import GroupId, SignalId
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import Corroboration, Signal, SignalKind
from prefixd.domain.vector import Vector

T0 = 1_930_385_702_000_000  # 2031-03-04T10:15:02Z
SECOND = 1_000_000
VICTIM = "198.51.100.24"
OWNED = Where(customer_id="cust-17", service_id="svc-web", interface="edge1:et-0/0/3")


def prefix(text: str) -> Prefix:
    parsed = Prefix.parse(text)
    assert parsed is not None
    return parsed


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def a_signal(source: str = "fastnetmon", *, after: float = 0.0, **changes: Any) -> Signal:
    if isinstance(changes.get("victim"), str):
        changes["victim"] = prefix(changes["victim"])
    plain = Signal(
        source=source,
        adapter="native",
        external_id=f"{source}-1",
        kind=SignalKind.FIRING,
        victim=prefix(VICTIM),
        vector=Vector.UDP_FLOOD,
        observed_at_us=at(after),
        received_at_us=at(after),
        confidence=0.9,
        confidence_origin="given",
        bps=4_120_000_000,
        pps=1_180_000,
    )
    return replace(plain, **changes)


def a_clear(source: str = "fastnetmon", *, after: float = 0.0, **changes: Any) -> Signal:
    return a_signal(source, after=after, kind=SignalKind.CLEARED, confidence=None, **changes)


def an_evidence(
    source: str = "fastnetmon",
    confidence: float | None = 0.9,
    weight: float = 1.0,
    *,
    age: float = 0.0,
    **changes: Any,
) -> Evidence:
    """Last seen `age` seconds before T0."""
    plain = Evidence(
        signal_id=SignalId(f"sig-{source}"),
        source=source,
        external_id=f"{source}-1",
        episode=1,
        role=EvidenceRole.PRIMARY,
        state=EvidenceState.FIRING,
        vector=Vector.UDP_FLOOD,
        confidence=confidence,
        weight=weight,
        first_seen_us=at(-age),
        last_seen_us=at(-age),
    )
    return replace(plain, **changes)


def a_group(*evidence: Evidence, **changes: Any) -> Group:
    empty = a_group_of(a_signal())
    return replace(empty, evidence=tuple(evidence), **changes)


def a_group_of(
    *signals: Signal,
    settings: CorrelationSettings | None = None,
    where: Where = OWNED,
    group_id: str = "group-1",
) -> Group:
    """A group opened by the first signal and joined by the rest."""
    used = settings or CorrelationSettings(enabled=True)
    first, *rest = signals
    group = open_group(
        first,
        SignalId(f"sig-{first.source}-{first.external_id}"),
        group_id=GroupId(group_id),
        pop="ams1",
        where=where,
        settings=used,
    )
    for signal in rest:
        assert place(signal, [group], used, signal.received_at_us).group is not None
        sid = SignalId(f"sig-{signal.source}-{signal.external_id}")
        group = join(group, signal, sid, where=where, settings=used)
    return group


def a_corroboration(
    source: str = "edge-snmp", *, after: float = 0.0, **changes: Any
) -> Corroboration:
    plain = Corroboration(
        source=source,
        adapter="corroborator",
        external_id=f"{source}-1",
        kind=SignalKind.FIRING,
        vector=None,
        observed_at_us=at(after),
        received_at_us=at(after),
        expires_at_us=at(after + 300),
        confidence=0.6,
        confidence_origin="given",
        customer_id="cust-17",
    )
    return replace(plain, **changes)


def settings_with(
    sources: dict[str, SourceSettings] | None = None, **changes: Any
) -> CorrelationSettings:
    return CorrelationSettings(enabled=True, sources=sources or {}, **changes)
