"""Domain values to the shapes of `shapes.py`; nothing else builds replies out of them."""

from functools import lru_cache
from typing import TypeVar, overload

import msgspec

from prefixd.api import shapes
from prefixd.clock import from_us
from prefixd.domain.audit import AuditRow
from prefixd.domain.group import Evidence, EvidenceRole, Group, compatible_status
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.record import DecisionRecord, SignalRecord
from prefixd.domain.rule import Police, Ports, action_kind, format_action, format_match
from prefixd.domain.safelist import SafelistEntry
from prefixd.domain.signal import SignalKind
from prefixd.domain.vector import protocol_for

# A rule of many ports is a list of ranges here; older clients read single ports. Up to this many
# are listed one by one, beyond it only the ends of each range (never an empty list: that would
# read as "every port").
LISTED_PORTS = 64
AUTO_ID = "auto:"

Shape = TypeVar("Shape", bound=msgspec.Struct)


def shaped(shape: type[Shape], *values: object, **own: object) -> Shape:
    """A shape filled from domain values: a field is taken from the first value that has it by the
    same name, a time `created_at` from `created_at_us`. `own` holds what differs from that."""
    taken: dict[str, object] = {}
    for name, index, source in _sources(shape, tuple(map(type, values)), frozenset(own)):
        found = getattr(values[index], source)
        if source is not name:
            found = format_time(found)
        elif isinstance(found, tuple):
            found = list(found)
        taken[name] = found
    return shape(**taken, **own)


@lru_cache(maxsize=256)
def _sources(
    shape: type[msgspec.Struct], kinds: tuple[type, ...], own: frozenset[str]
) -> tuple[tuple[str, int, str], ...]:
    """Field, index of the value that has it, and its name there."""
    return tuple(
        next(
            (name, index, source)
            for index, kind in enumerate(kinds)
            for source in (name, f"{name}_us")
            if hasattr(kind, source)
        )
        for name in shape.__struct_fields__
        if name not in own
    )


def mitigation(
    value: Mitigation, correlation: shapes.Correlation | None = None
) -> shapes.Mitigation:
    match, action = value.rule.match, value.rule.action
    return shaped(
        shapes.Mitigation,
        value,
        victim_ip=value.victim.victim_text(),
        action_type=action_kind(action),
        rate_bps=action.rate_bps if isinstance(action, Police) else None,
        dst_prefix="" if match.dst is None else str(match.dst),
        protocol=match.protocol,
        dst_ports=listed_ports(match.dst_ports),
        reason=_reason(value),
        correlation=msgspec.UNSET if correlation is None else correlation,
        notes=msgspec.UNSET,
        withheld=msgspec.UNSET,
        match=format_match(match),
        action=format_action(action),
        dst_port_ranges=[str(ports) for ports in match.dst_ports],
        src_port_ranges=[str(ports) for ports in match.src_ports],
    )


def correlation(group: Group, explanation: str | None = None) -> shapes.Correlation:
    """The summary of a list row; with an explanation, what the detail page adds."""
    detailed = explanation is not None
    return shapes.Correlation(
        signal_group_id=group.group_id,
        derived_confidence=round(group.confidence, 4),
        source_count=group.source_count,
        corroboration_met=group.met,
        contributing_sources=sorted({e.source for e in group.evidence}) if detailed else None,
        explanation=explanation,
    )


def event(record: SignalRecord) -> shapes.Event:
    signal = record.signal
    return shaped(
        shapes.Event,
        record,
        signal,
        event_id=record.signal_id,
        external_event_id=external_id(signal.external_id),
        event_timestamp=format_time(signal.observed_at_us),
        ingested_at=format_time(signal.received_at_us),
        victim_ip=signal.victim.victim_text(),
        protocol=protocol_for(signal.vector, signal.victim.version),
        top_dst_ports_json=msgspec.json.encode(signal.dst_ports).decode(),
        action="ban" if signal.kind is SignalKind.FIRING else "unban",
        raw_details=msgspec.Raw(signal.raw.encode()) if signal.raw else None,
        last_seen_at=format_time(record.last_seen_us),
    )


def group(value: Group) -> shapes.Group:
    return shaped(
        shapes.Group,
        value,
        victim_ip=value.victim.victim_text(),
        window_expires_at=format_time(value.expires_at_us),
        derived_confidence=round(value.confidence, 4),
        status=compatible_status(value),
        corroboration_met=value.met,
        primary_dimensions=shapes.Dimensions(
            customer_ids=[] if value.customer_id is None else [value.customer_id],
            pops=list(value.pops),
            service_ids=[] if value.service_id is None else [value.service_id],
            interfaces=list(value.interfaces),
        ),
        playbook_name=value.playbook,
        held_reason=value.hold_reason,
    )


def group_detail(value: Group) -> shapes.GroupDetail:
    return shaped(
        shapes.GroupDetail,
        group(value),
        events=[_evidence(value, entry) for entry in value.evidence],
        mitigation_id=value.mitigation_ids[-1] if value.mitigation_ids else None,
    )


def audit_entry(row: AuditRow) -> shapes.AuditEntry:
    entry = row.entry
    return shaped(
        shapes.AuditEntry,
        row,
        entry,
        timestamp=format_time(entry.at_us),
        schema_version=1,
        details=msgspec.Raw(entry.details.encode()),
    )


def safelist_entry(entry: SafelistEntry) -> shapes.SafelistEntry:
    return shaped(shapes.SafelistEntry, entry, prefix=str(entry.prefix))


def decision(record: DecisionRecord) -> shapes.Decision:
    return shaped(
        shapes.Decision,
        record,
        event_id=record.signal_id,
        record=msgspec.Raw(record.body.encode()),
    )


def external_id(text: str) -> str | None:
    """The sender's own id; ids we made up for senders without one are not theirs."""
    return None if text.startswith(AUTO_ID) else text


def listed_ports(ports: Ports) -> list[int]:
    if sum(high - low + 1 for low, high in ports) <= LISTED_PORTS:
        return [port for low, high in ports for port in range(low, high + 1)]
    return sorted({end for low, high in ports for end in (low, high)})


def _reason(value: Mitigation) -> str:
    """Ended rows show why they ended; the reason they were made for is kept in the record."""
    if value.end_reason is None or value.ended_by in {None, "system"}:
        return value.reason
    return f"{value.ended_by}: {value.end_reason}"


@overload
def format_time(value_us: int) -> str: ...
@overload
def format_time(value_us: int | None) -> str | None: ...
def format_time(value_us: int | None) -> str | None:
    """RFC 3339 in UTC, always with microseconds."""
    if value_us is None:
        return None
    return from_us(value_us).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _evidence(owner: Group, entry: Evidence) -> shapes.GroupEvent:
    return shaped(
        shapes.GroupEvent,
        entry,
        group_id=owner.group_id,
        event_id=entry.signal_id,
        source_weight=entry.weight,
        is_corroborating=entry.role is EvidenceRole.CORROBORATING,
        ingested_at=format_time(entry.first_seen_us),
        last_seen_at=format_time(entry.last_seen_us),
    )
