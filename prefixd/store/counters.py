"""The counters table: how many live mitigations each quota counts, and totals for the dashboard.

A counter moves in the same transaction as the row it counts, so it can be trusted across
instances: raising it is conditional on its limit, and the database lets only one of two racing
writers have the last place. Lowering never fails and never goes below zero: a wrong counter must
not keep a mitigation from being withdrawn. `recount` (`stats.py`) repairs counters after a restored
backup or a manual DELETE.
"""

from typing import Final

CLAIM: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
    " SET value = counters.value + excluded.value"
    " WHERE counters.value + excluded.value <= ?"
)
RELEASE: Final = (
    "UPDATE counters SET value = CASE WHEN value + ? < 0 THEN 0 ELSE value + ? END WHERE name = ?"
)


def live_global(*, dry_run: bool) -> str:
    return f"{_prefix(dry_run)}:global"


def live_pop(pop: str, *, dry_run: bool) -> str:
    return f"{_prefix(dry_run)}:pop:{pop}"


def live_customer(customer_id: str, *, dry_run: bool) -> str:
    return f"{_prefix(dry_run)}:customer:{customer_id}"


def total_mitigations(pop: str) -> str:
    return f"total:mitigations:{pop}"


def total_events(pop: str) -> str:
    return f"total:events:{pop}"


def _prefix(dry_run: bool) -> str:
    """Rehearsed rows are counted apart: they must not use up the places of real ones."""
    return "dry" if dry_run else "live"
