"""The audit trail: who did what to which thing, append-only and chained.

An entry is what the engine knows when it acts. The row is what the store keeps: the entry, its
number in the chain, and the hash over the row before it, so that a removed or altered row shows.
"""

from msgspec import Struct


class AuditEntry(Struct, frozen=True, kw_only=True):
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


class AuditRow(Struct, frozen=True, kw_only=True):
    entry: AuditEntry
    chain: str
    number: int
    previous_hash: str
    hash: str
