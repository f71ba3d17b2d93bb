"""A mitigation as a row: its columns, and the one translation each way.

What lists filter by or people look for has a column of its own; the rest shares `details_json`.
Decoding refuses whatever it does not understand: a row that means something else than was decided
must not be announced. Ids and words that stand in many rows are interned, here and in the tables
that are loaded with this one: a start reads tens of thousands of rows that name each other.
"""

from sys import intern
from typing import Final

import msgspec

from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.mitigation import Mitigation, Origin, Status
from prefixd.domain.rule import action_kind
from prefixd.domain.vector import Vector
from prefixd.store.database import Row
from prefixd.store.rules import decode_rule, encode_action, encode_match, parse_prefix
from prefixd.store.unit import Value

COLUMNS: Final = (
    "mitigation_id, version, status, pop, scope_hash, dry_run, customer_id, service_id, victim_ip,"
    " vector, match_json, action_type, action_params_json, created_at, updated_at, expires_at,"
    " withdrawn_at, triggering_event_id, last_event_id, signal_group_id, reason, origin,"
    " created_by, details_json, end_reason, ended_by, rejection_reason, acknowledged_at,"
    " acknowledged_by"
)


class _Details(msgspec.Struct, omit_defaults=True):
    """What nobody filters by. Unknown members of a newer release are passed over."""

    contributing_vectors: tuple[Vector, ...] = ()
    playbook: str | None = None
    playbook_version: int = 0
    step: int = 0
    priority: int = 0
    confidence: float | None = None
    sources: tuple[str, ...] = ()
    pinned: bool = False
    escalated_at_us: int | None = None
    escalated_from_id: str | None = None


_ENCODER: Final = msgspec.json.Encoder()
_DETAILS: Final = msgspec.json.Decoder(_Details)


def encode_details(m: Mitigation) -> str:
    vectors = m.contributing_vectors
    return _ENCODER.encode(
        _Details(
            contributing_vectors=() if vectors == (m.vector,) else vectors,
            playbook=m.playbook,
            playbook_version=m.playbook_version,
            step=m.step,
            priority=m.priority,
            confidence=m.confidence,
            sources=m.sources,
            pinned=m.pinned,
            escalated_at_us=m.escalated_at_us,
            escalated_from_id=m.escalated_from_id,
        )
    ).decode()


def encode_row(m: Mitigation) -> tuple[Value, ...]:
    """In the order of COLUMNS."""
    return (
        m.mitigation_id,
        m.version,
        m.status,
        m.pop,
        m.scope_hash,
        m.dry_run,
        m.customer_id,
        m.service_id,
        m.victim.victim_text(),
        m.vector,
        encode_match(m.rule.match),
        action_kind(m.rule.action),
        encode_action(m.rule.action),
        m.created_at_us,
        m.updated_at_us,
        m.expires_at_us,
        m.withdrawn_at_us,
        m.triggering_event_id,
        m.last_event_id,
        m.group_id,
        m.reason,
        m.origin,
        m.created_by,
        encode_details(m),
        m.end_reason,
        m.ended_by,
        m.rejection_reason,
        m.acknowledged_at_us,
        m.acknowledged_by,
    )


def decode_row(row: Row) -> Mitigation:
    """ValueError when the row is not one of ours any more."""
    (
        mitigation_id,
        version,
        status,
        pop,
        scope_hash,
        dry_run,
        customer_id,
        service_id,
        victim,
        vector_word,
        match_text,
        action_word,
        action_text,
        created_at,
        updated_at,
        expires_at,
        withdrawn_at,
        triggering_event_id,
        last_event_id,
        group_id,
        reason,
        origin,
        created_by,
        details_text,
        end_reason,
        ended_by,
        rejection_reason,
        acknowledged_at,
        acknowledged_by,
    ) = row
    details = _DETAILS.decode(details_text)
    vector = Vector(vector_word)
    return Mitigation(
        mitigation_id=MitigationId(intern(mitigation_id)),
        version=version,
        status=Status(status),
        pop=intern(pop),
        scope_hash=scope_hash,
        dry_run=bool(dry_run),
        customer_id=customer_id and intern(customer_id),
        service_id=service_id and intern(service_id),
        victim=parse_prefix(victim),
        vector=vector,
        contributing_vectors=details.contributing_vectors or (vector,),
        rule=decode_rule(match_text, action_word, action_text),
        created_at_us=created_at,
        updated_at_us=updated_at,
        expires_at_us=expires_at,
        withdrawn_at_us=withdrawn_at,
        triggering_event_id=SignalId(intern(triggering_event_id)),
        last_event_id=SignalId(intern(last_event_id)),
        group_id=None if group_id is None else GroupId(intern(group_id)),
        reason=reason,
        origin=Origin(origin),
        created_by=intern(created_by),
        playbook=details.playbook and intern(details.playbook),
        playbook_version=details.playbook_version,
        step=details.step,
        priority=details.priority,
        confidence=details.confidence,
        sources=details.sources,
        pinned=details.pinned,
        escalated_at_us=details.escalated_at_us,
        escalated_from_id=(
            None if details.escalated_from_id is None else MitigationId(details.escalated_from_id)
        ),
        end_reason=end_reason,
        ended_by=ended_by,
        rejection_reason=rejection_reason,
        acknowledged_at_us=acknowledged_at,
        acknowledged_by=acknowledged_by,
    )
