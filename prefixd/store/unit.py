"""A unit of work: everything that must become durable together, written down before it is run.

The engine decides in memory; what it decided is collected here as plain statements, and only the
writer (`commit.py`) sends them to the database. So no transaction is open while a decision is made,
a cancelled request leaves nothing behind, and units that arrive together can share one commit.

A statement that was decided on a certain state says so in SQL (`WHERE version = ?`,
`ON CONFLICT DO NOTHING`) and carries the word for "that state is gone" in `clash`: unless it
changes exactly one row, its whole unit is undone and its caller gets `Conflict(clash)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from prefixd.domain.audit import AuditEntry
from prefixd.domain.record import Change

Value = str | int | float | None
UNLIMITED: Final = 1 << 62


class Statement(NamedTuple):
    sql: str  # portable, with ? for every parameter
    params: Sequence[Value]
    clash: str | None = None  # None: any number of rows is right
    key: str = ""  # what the clash was about
    hot: bool = False  # may be merged with others of the same text into one statement


class Claim(NamedTuple):
    """Raise (or lower) a counter, but never above its limit: quotas across instances."""

    counter: str
    amount: int
    limit: int = UNLIMITED


@dataclass(slots=True, kw_only=True)
class Unit:
    statements: list[Statement] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)  # per statement, once stored; hot ones are 1

    @property
    def is_empty(self) -> bool:
        return not (self.statements or self.claims or self.audit or self.changes)
