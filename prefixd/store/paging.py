"""Lists newest first, by (time, id): one page, and the cursor of the next.

The cursor comes from the raw columns of the last row read, so a row that cannot become a value
shortens the page and does not end the list. Filters are collected by `Where`; all values of a
caller become parameters, never SQL.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

from prefixd.domain.page import PAGE_MAX, Cursor, Live, Page, PageRequest, Unreadable
from prefixd.store.database import Database, Row
from prefixd.store.unit import Value
from prefixd.store.unreadable import Unreadables

T = TypeVar("T")
STEP_ROWS = 500  # rows read and translated before the event loop has its turn


class Listing(NamedTuple):
    table: str
    columns: str
    time: str
    id: str


class Where:
    def __init__(self) -> None:
        self._terms: list[str] = []
        self.params: list[Value] = []

    def term(self, sql: str, *params: Value) -> None:
        """`sql` is a constant of ours, with ? for each value from outside."""
        self._terms.append(sql)
        self.params.extend(params)

    def equal(self, column: str, value: Value) -> None:
        if value is not None:
            self.term(f"{column} = ?", value)

    def equal_unindexed(self, column: str, value: str | None) -> None:
        """For columns that many rows share and whose index has another order than the list:
        concatenation keeps the planner from fetching them all and sorting."""
        if value is not None:
            self.term(f"{column} || '' = ?", value)

    def one_of(self, column: str, values: Collection[str] | None) -> None:
        if values is None:
            return
        if not values:
            self.term("1 = 0")
            return
        self.term(f"{column} IN ({', '.join('?' * len(values))})", *sorted(values))

    @property
    def sql(self) -> str:
        return f" WHERE {' AND '.join(self._terms)}" if self._terms else ""


async def read_page(
    database: Database,
    listing: Listing,
    where: Where,
    page: PageRequest,
    translate: Callable[[Row], T],
    unreadables: Unreadables,
) -> Page[T]:
    """`where` is used up: the page's own bounds are added to it."""
    time, id_column = listing.time, listing.id
    if page.start_us is not None:
        where.term(f"{time} >= ?", page.start_us)
    if page.end_us is not None:
        where.term(f"{time} < ?", page.end_us)
    if page.cursor is not None:
        where.term(f"({time}, {id_column}) < (?, ?)", page.cursor.time_us, page.cursor.id)
    limit = min(page.limit, PAGE_MAX)
    found = await database.fetch_all(
        f"SELECT {time}, {id_column}, {listing.columns} FROM {listing.table}{where.sql}"
        f" ORDER BY {time} DESC, {id_column} DESC LIMIT {limit + 1}",
        where.params,
    )
    rows = found[:limit]
    values: list[T] = []
    unreadable = 0
    for row in rows:
        try:
            values.append(translate(row[2:]))
        except (ValueError, TypeError) as error:
            unreadables.note(listing.table, str(row[1]), error)
            unreadable += 1
    more = len(found) > limit and rows
    following = Cursor(rows[-1][0], rows[-1][1]) if more else None
    return Page(tuple(values), following, unreadable)


async def read_live(
    database: Database,
    table: str,
    columns: str,
    condition: str,
    pop: str | None,
    key: str,
    translate: Callable[[Row], T],
    unreadables: Unreadables,
) -> Live[T]:
    """Every live row of a POP (or of all), read in the order of `key` and in small steps, so
    that a hundred thousand of them do not stop keepalives."""
    values: list[T] = []
    unreadable: list[Unreadable] = []
    last: Row | None = None
    names = key.split(", ")
    marks = ", ".join("?" * len(names))
    while True:
        where = Where()
        where.term(condition)
        where.equal("pop", pop)
        if last is not None:
            where.term(f"({key}) > ({marks})", *last[: len(names)])
        rows = await database.fetch_all(
            f"SELECT {key}, {columns} FROM {table}{where.sql} ORDER BY {key} LIMIT {STEP_ROWS}",
            where.params,
        )
        good, bad = unreadables.read(table, [row[len(names) :] for row in rows], translate)
        values += good
        unreadable += bad
        if len(rows) < STEP_ROWS:
            return Live(tuple(values), tuple(unreadable))
        last = rows[-1]
        await asyncio.sleep(0)
