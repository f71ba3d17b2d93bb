"""Safelist entries, each under its own source.

The one table where a row that cannot be read fails the whole read: a list with a hole would let a
rule through, so `all` raises instead of leaving one out.
"""

from collections.abc import Sequence
from typing import Final

from prefixd.domain.prefix import Prefix
from prefixd.domain.record import Change, ChangeKind
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.store.database import Database, Row
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

_COLUMNS: Final = "prefix, source, added_at, added_by, reason, expires_at"
_PUT: Final = (
    f"INSERT INTO safelist ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (prefix, source) DO UPDATE SET added_at = excluded.added_at,"
    " added_by = excluded.added_by, reason = excluded.reason, expires_at = excluded.expires_at"
)
_REMOVE: Final = "DELETE FROM safelist WHERE prefix = ? AND source = ?"


class SafelistWrites:
    __slots__ = ("_origin", "_unit")

    def __init__(self, unit: Unit, origin: str) -> None:
        self._unit = unit
        self._origin = origin

    def put(self, entry: SafelistEntry) -> None:
        params = (
            str(entry.prefix),
            entry.source,
            entry.added_at_us,
            entry.added_by,
            entry.reason,
            entry.expires_at_us,
        )
        self._unit.statements.append(Statement(_PUT, params))
        self._changed(entry.prefix)

    def remove(self, prefix: Prefix, source: EntrySource) -> None:
        """Conflict("safelist") when there is no such entry (any more)."""
        self._unit.statements.append(
            Statement(_REMOVE, (str(prefix), source), clash="safelist", key=str(prefix))
        )
        self._changed(prefix)

    def _changed(self, prefix: Prefix) -> None:
        self._unit.changes.append(Change(ChangeKind.SAFELIST, "", str(prefix), self._origin))


class SafelistReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def all(self) -> Sequence[SafelistEntry]:
        """Every entry, or StoreUnavailable."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS} FROM safelist ORDER BY prefix, source"
        )
        return [self._unreadables.one("safelist", row, _entry) for row in rows]


def _entry(row: Row) -> SafelistEntry:
    prefix, source, added_at, added_by, reason, expires_at = row
    return SafelistEntry(
        prefix=parse_prefix(prefix),
        source=EntrySource(source),
        added_at_us=added_at,
        added_by=added_by,
        reason=reason,
        expires_at_us=expires_at,
    )
