"""The audit trail: who did what to which thing, append-only and chained.

An entry is what the engine knows when it acts. The row is what the store keeps: the entry, its
number in the chain, and the hash over the row before it, so that a removed or altered row shows.
"""

from dataclasses import dataclass

from prefixd.domain.derive import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """`details` is canonical JSON text (sorted keys, no spaces): it goes into the hash."""

    audit_id: str
    at_us: int
    pop: str
    actor_type: str  # system, detector, operator
    actor_id: str | None
    action: str
    target_type: str | None = None
    target_id: str | None = None
    details: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    entry: AuditEntry
    chain: str
    number: int
    previous_hash: str
    hash: str
