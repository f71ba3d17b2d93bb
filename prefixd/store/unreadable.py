"""Rows that exist and cannot become values: counted, and logged once.

A row may be damaged, written by a newer release, or edited by hand. A read of many rows goes on
without it; a read of this row gets the reason. Its id is remembered, so that a row that is read
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
        self._logged: set[tuple[str, str]] = set()

    def note(self, table: str, row_id: str, error: Exception) -> Unreadable:
        self.counts[table] += 1
        key = (table, row_id)
        if key not in self._logged:
            if len(self._logged) >= REMEMBERED:
                self._logged.clear()
            self._logged.add(key)
            log.error(
                "row cannot be read",
                extra={"table": table, "row_id": row_id, "reason": str(error)},
            )
        return Unreadable(row_id, str(error))

    def one(self, table: str, row: Row, translate: Callable[[Row], T]) -> T:
        """The value of a row that was asked for by its id, where an unreadable row is an error."""
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
