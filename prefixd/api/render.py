"""Domain values to the shapes of `shapes.py`; nothing else builds replies out of them."""

from typing import overload

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


def mitigation(
    value: Mitigation, correlation: shapes.Correlation | None = None
) -> shapes.Mitigation:
    match, action = value.rule.match, value.rule.action
    return shapes.Mitigation(
        mitigation_id=value.mitigation_id,
        status=value.status,
        customer_id=value.customer_id,
        service_id=value.service_id,
        pop=value.pop,
        victim_ip=value.victim.victim_text(),
        vector=value.vector,
        action_type=action_kind(action),
        rate_bps=action.rate_bps if isinstance(action, Police) else None,
        dst_prefix="" if match.dst is None else str(match.dst),
        protocol=match.protocol,
        dst_ports=listed_ports(match.dst_ports),
        created_at=format_time(value.created_at_us),
        updated_at=format_time(value.updated_at_us),
        expires_at=format_time(value.expires_at_us),
        withdrawn_at=format_time(value.withdrawn_at_us),
        triggering_event_id=value.triggering_event_id,
        last_event_id=value.last_event_id,
        scope_hash=value.scope_hash,
        reason=_reason(value),
        acknowledged_at=format_time(value.acknowledged_at_us),
        acknowledged_by=value.acknowledged_by,
        correlation=msgspec.UNSET if correlation is None else correlation,
        match=format_match(match),
        action=format_action(action),
        dst_port_ranges=[str(ports) for ports in match.dst_ports],
        src_port_ranges=[str(ports) for ports in match.src_ports],
        origin=value.origin,
        created_by=value.created_by,
        playbook=value.playbook,
        step=value.step,
        priority=value.priority,
        confidence=value.confidence,
        sources=list(value.sources),
        contributing_vectors=list(value.contributing_vectors),
        dry_run=value.dry_run,
        pinned=value.pinned,
        escalated_at=format_time(value.escalated_at_us),
        ended_by=value.ended_by,
        end_reason=value.end_reason,
        rejection_reason=value.rejection_reason,
        version=value.version,
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
    raw = msgspec.Raw(signal.raw.encode()) if signal.raw else None
    return shapes.Event(
        event_id=record.signal_id,
        external_event_id=external_id(signal.external_id),
        source=signal.source,
        event_timestamp=format_time(signal.observed_at_us),
        ingested_at=format_time(signal.received_at_us),
        victim_ip=signal.victim.victim_text(),
        vector=signal.vector,
        protocol=protocol_for(signal.vector, signal.victim.version),
        bps=signal.bps,
        pps=signal.pps,
        top_dst_ports_json=msgspec.json.encode(signal.dst_ports).decode(),
        confidence=signal.confidence,
        action="ban" if signal.kind is SignalKind.FIRING else "unban",
        raw_details=raw,
        outcome=record.outcome,
        reason=record.reason,
        mitigation_id=record.mitigation_id,
        group_id=record.group_id,
        episode=record.episode,
        refresh_count=record.refresh_count,
        last_seen_at=format_time(record.last_seen_us),
        adapter=signal.adapter,
        pop=record.pop,
        customer_id=record.customer_id,
        warnings=list(signal.warnings),
    )


def group(value: Group) -> shapes.Group:
    return shapes.Group(
        group_id=value.group_id,
        victim_ip=value.victim.victim_text(),
        vector=value.vector,
        created_at=format_time(value.created_at_us),
        window_expires_at=format_time(value.expires_at_us),
        derived_confidence=round(value.confidence, 4),
        source_count=value.source_count,
        status=compatible_status(value),
        corroboration_met=value.met,
        primary_dimensions=shapes.Dimensions(
            customer_ids=[] if value.customer_id is None else [value.customer_id],
            pops=list(value.pops),
            service_ids=[] if value.service_id is None else [value.service_id],
            interfaces=list(value.interfaces),
        ),
        playbook_name=value.playbook,
        state=value.state,
        pop=value.pop,
        held_reason=value.hold_reason,
        incident_id=value.incident_id,
        close_reason=value.close_reason,
        met_at=format_time(value.met_at_us),
        mitigation_ids=list(value.mitigation_ids),
    )


def group_detail(value: Group) -> shapes.GroupDetail:
    return shapes.GroupDetail(
        **msgspec.structs.asdict(group(value)),
        events=[_evidence(value, entry) for entry in value.evidence],
        mitigation_id=value.mitigation_ids[-1] if value.mitigation_ids else None,
    )


def audit_entry(row: AuditRow) -> shapes.AuditEntry:
    entry = row.entry
    return shapes.AuditEntry(
        audit_id=entry.audit_id,
        timestamp=format_time(entry.at_us),
        schema_version=1,
        actor_type=entry.actor_type,
        actor_id=entry.actor_id,
        action=entry.action,
        target_type=entry.target_type,
        target_id=entry.target_id,
        details=msgspec.Raw(entry.details.encode()),
        pop=entry.pop,
        number=row.number,
        hash=row.hash,
        previous_hash=row.previous_hash,
    )


def safelist_entry(entry: SafelistEntry) -> shapes.SafelistEntry:
    return shapes.SafelistEntry(
        prefix=str(entry.prefix),
        added_at=format_time(entry.added_at_us),
        added_by=entry.added_by,
        reason=entry.reason,
        expires_at=format_time(entry.expires_at_us),
        source=entry.source,
    )


def decision(record: DecisionRecord) -> shapes.Decision:
    return shapes.Decision(
        decision_id=record.decision_id,
        at=format_time(record.at_us),
        pop=record.pop,
        trigger=record.trigger,
        outcome=record.outcome,
        text=record.text,
        group_id=record.group_id,
        event_id=record.signal_id,
        mitigation_id=record.mitigation_id,
        playbook=record.playbook,
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
    return shapes.GroupEvent(
        group_id=owner.group_id,
        event_id=entry.signal_id,
        source_weight=entry.weight,
        is_corroborating=entry.role is EvidenceRole.CORROBORATING,
        source=entry.source,
        confidence=entry.confidence,
        ingested_at=format_time(entry.first_seen_us),
        state=entry.state,
        last_seen_at=format_time(entry.last_seen_us),
        refresh_count=entry.refresh_count,
        vector=entry.vector,
        bps=entry.bps,
        pps=entry.pps,
    )
