"""Rows that exist and cannot become values: counted, reported once, never in the way.

A row may be damaged, or written by a newer release, or by a hand. Whoever reads many rows goes on
without it; whoever needs it in particular gets the reason. The id is remembered so that a row read
every second is logged once.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from prefixd.domain.page import Unreadable
from prefixd.errors import StoreUnavailable
from prefixd.store.database import Row

log = logging.getLogger(__name__)

T = TypeVar("T")
REMEMBERED = 1000
TABLES = (
    "api_tokens", "audit_log", "corroborating_signals", "events", "mitigations", "safelist",
    "signal_groups",
)  # fmt: skip


class Unreadables:
    def __init__(self) -> None:
        self.counts = Counter(dict.fromkeys(TABLES, 0))  # for the metrics, from zero on
        self._told: set[tuple[str, str]] = set()

    def note(self, table: str, row_id: str, error: Exception) -> Unreadable:
        self.counts[table] += 1
        key = (table, row_id)
        if key not in self._told:
            if len(self._told) >= REMEMBERED:
                self._told.clear()
            self._told.add(key)
            log.error(
                "row cannot be read",
                extra={"table": table, "row_id": row_id, "reason": str(error)},
            )
        return Unreadable(row_id, str(error))

    def one(self, table: str, row: Row, translate: Callable[[Row], T]) -> T:
        """The value of a row somebody asked for by name; a doubt about it is an error."""
        try:
            return translate(row)
        except (ValueError, TypeError) as error:
            self.note(table, str(row[0]), error)
            raise StoreUnavailable(f"a row of {table} cannot be read", 60) from error

    def read(
        self, table: str, rows: Iterable[Row], translate: Callable[[Row], T], *, id_column: int = 0
    ) -> tuple[list[T], list[Unreadable]]:
        """The values, and what could not become one."""
        values: list[T] = []
        unreadable: list[Unreadable] = []
        for row in rows:
            try:
                values.append(translate(row))
            except (ValueError, TypeError) as error:
                unreadable.append(self.note(table, str(row[id_column]), error))
        return values, unreadable
