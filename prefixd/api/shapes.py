"""The JSON of requests and replies, as types.

Field names and values are the contract with existing clients; fields we added come after them. The
OpenAPI document is built from these types, so a field that is not here is never sent.
"""

from typing import Any

import msgspec

# requests


class EventIn(msgspec.Struct, kw_only=True):
    timestamp: str
    source: str
    victim_ip: str
    vector: str
    event_id: str | None = None
    bps: int | None = None
    pps: int | None = None
    top_dst_ports: list[int] | None = None
    confidence: float | None = None
    action: str = "ban"
    raw_details: Any = None
    force: bool = False


class BatchIn(msgspec.Struct):
    events: list[EventIn]


class Write(msgspec.Struct, forbid_unknown_fields=True):
    """A request that changes something. A member it does not know is refused: `dst_port` for
    `dst_ports`, ignored, makes a rule for every port."""


class ManualIn(Write, kw_only=True):
    reason: str
    victim_ip: str
    action: str
    ttl_seconds: int
    protocol: str = ""
    dst_ports: list[int] = []
    rate_bps: int | None = None
    dscp: int | None = None
    route_target: str | None = None
    next_hop: str | None = None
    dst_port_ranges: list[str] = []
    pops: list[str] = []
    operator_id: str | None = None


class ReasonIn(Write, kw_only=True):
    reason: str
    operator_id: str | None = None


class ExtendIn(Write, kw_only=True):
    ttl_seconds: int


class IdsIn(Write, kw_only=True):
    mitigation_ids: list[str]


class BulkWithdrawIn(Write, kw_only=True):
    mitigation_ids: list[str]
    reason: str
    operator_id: str | None = None


class PanicIn(Write, kw_only=True):
    reason: str
    confirm: str


class SafelistIn(Write, kw_only=True):
    prefix: str
    reason: str | None = None
    ttl_seconds: int | None = None
    operator_id: str | None = None


# replies


class EventReply(msgspec.Struct, kw_only=True):
    event_id: str
    external_event_id: str | None
    status: str
    mitigation_id: str | None
    outcome: str
    reason: str
    group_id: str | None
    episode: int
    duplicate: bool


class BatchItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    index: int
    event_id: str
    status: str
    mitigation_id: str | None = None
    error: str | None = None
    outcome: str | None = None


class BatchReply(msgspec.Struct, kw_only=True):
    accepted: int
    rejected: int
    results: list[BatchItem]


class Event(msgspec.Struct, kw_only=True):
    event_id: str
    external_event_id: str | None
    source: str
    event_timestamp: str
    ingested_at: str
    victim_ip: str
    vector: str
    protocol: int | None
    bps: int | None
    pps: int | None
    top_dst_ports_json: str
    confidence: float | None
    action: str
    raw_details: Any
    outcome: str
    reason: str
    mitigation_id: str | None
    group_id: str | None
    episode: int
    refresh_count: int
    last_seen_at: str
    adapter: str
    pop: str
    customer_id: str | None
    warnings: list[str]


class Correlation(msgspec.Struct, kw_only=True, omit_defaults=True):
    signal_group_id: str
    derived_confidence: float
    source_count: int
    corroboration_met: bool
    contributing_sources: list[str] | None = None
    explanation: str | None = None


class Mitigation(msgspec.Struct, kw_only=True):
    mitigation_id: str
    status: str
    customer_id: str | None
    service_id: str | None
    pop: str
    victim_ip: str
    vector: str
    action_type: str
    rate_bps: int | None
    dst_prefix: str
    protocol: int | None
    dst_ports: list[int]
    created_at: str
    updated_at: str
    expires_at: str
    withdrawn_at: str | None
    triggering_event_id: str
    last_event_id: str
    scope_hash: str
    reason: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    correlation: Correlation | msgspec.UnsetType = msgspec.UNSET
    notes: list[str] | msgspec.UnsetType = msgspec.UNSET
    withheld: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Neighbors that will not receive the rule, each with its reason; for manual rules."""
    # ours
    match: str
    action: str
    dst_port_ranges: list[str]
    src_port_ranges: list[str]
    origin: str
    created_by: str
    playbook: str | None
    step: int
    priority: int
    confidence: float | None
    sources: list[str]
    contributing_vectors: list[str]
    dry_run: bool
    pinned: bool
    escalated_at: str | None
    ended_by: str | None
    end_reason: str | None
    rejection_reason: str | None
    version: int


class BulkItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    mitigation_id: str
    status: str
    error: str | None = None


class BulkWithdrawReply(msgspec.Struct):
    withdrawn: int
    failed: int
    results: list[BulkItem]


class AcknowledgeReply(msgspec.Struct):
    acknowledged: int
    failed: int
    results: list[BulkItem]


class Dimensions(msgspec.Struct):
    customer_ids: list[str]
    pops: list[str]
    service_ids: list[str]
    interfaces: list[str]


class GroupEvent(msgspec.Struct, kw_only=True):
    group_id: str
    event_id: str
    source_weight: float
    is_corroborating: bool
    source: str
    confidence: float | None
    ingested_at: str
    state: str
    last_seen_at: str
    refresh_count: int
    vector: str
    bps: int | None
    pps: int | None


class Group(msgspec.Struct, kw_only=True):
    group_id: str
    victim_ip: str
    vector: str
    created_at: str
    window_expires_at: str
    derived_confidence: float
    source_count: int
    status: str
    corroboration_met: bool
    primary_dimensions: Dimensions
    playbook_name: str | None
    state: str
    pop: str
    held_reason: str | None
    incident_id: str | None
    close_reason: str | None
    met_at: str | None
    mitigation_ids: list[str]


class GroupDetail(Group, kw_only=True):
    events: list[GroupEvent]
    mitigation_id: str | None


class AuditEntry(msgspec.Struct, kw_only=True):
    audit_id: str
    timestamp: str
    schema_version: int
    actor_type: str
    actor_id: str | None
    action: str
    target_type: str | None
    target_id: str | None
    details: Any
    pop: str
    number: int
    hash: str
    previous_hash: str


class SafelistEntry(msgspec.Struct, kw_only=True):
    prefix: str
    added_at: str
    added_by: str
    reason: str | None
    expires_at: str | None
    source: str


class Decision(msgspec.Struct, kw_only=True):
    decision_id: str
    at: str
    pop: str
    trigger: str
    outcome: str
    text: str
    group_id: str | None
    event_id: str | None
    mitigation_id: str | None
    playbook: str | None
    record: Any


def _page(name: str, member: str, item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A list in pages; `member` is the word its array has always had."""
    envelope = [("count", int), ("next_cursor", str | None), ("has_more", bool)]
    return msgspec.defstruct(name, [(member, list[item]), *envelope])  # type: ignore[valid-type]  # because: the item's type is a value here


EventPage = _page("EventPage", "events", Event)
MitigationPage = _page("MitigationPage", "mitigations", Mitigation)
AuditPage = _page("AuditPage", "entries", AuditEntry)
GroupPage = _page("GroupPage", "groups", Group)
