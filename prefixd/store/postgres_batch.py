"""A batch of units on one PostgreSQL connection, in as few statements as it takes.

All rows for one table are sent as one `unnest` statement, whichever unit they belong to. Row
counts show whether every unit got what it asked for; when one did not, the savepoint is rolled
back and the batch is tried again in halves, so a unit that must fail costs a few extra round trips
and the other units nothing.

Merging changes the order of statements inside a unit. That is safe because a hot statement says
what it expects: whatever needed another order does not find its one row, and the unit is run again
by itself, in its own order.

Counters are changed after all rows, and locked in the order of their names, so that two instances
wait for each other instead of deadlocking.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby
from typing import TypeAlias

import asyncpg

from prefixd.errors import Conflict
from prefixd.store.changes import CHANNEL, encode_change
from prefixd.store.counters import CLAIM, RELEASE
from prefixd.store.database import ChainMoved, Outcome, Seal
from prefixd.store.dialect import from_postgres, merged, numbered
from prefixd.store.unit import Claim, Statement, Unit

# Generic for the type checker only, hence the quotes.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MERGE_FROM = 10  # statements in a single unit; fewer are not worth preparing arrays for
MAX_PAYLOAD_BYTES = 7900  # NOTIFY takes 8000

# Refusals of one statement, not of the database: they end a unit, not the batch.
_REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, UnicodeEncodeError)

_LOCK_COUNTERS = "SELECT name FROM counters WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE"
_CLAIMS = (
    "INSERT INTO counters (name, value) SELECT * FROM unnest($1::text[], $2::bigint[])"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value"
    " WHERE counters.value + excluded.value <= (SELECT v.ceiling"
    " FROM unnest($1::text[], $3::bigint[]) AS v(name, ceiling) WHERE v.name = counters.name)"
)
_RELEASES = (
    "UPDATE counters SET value = GREATEST(0, counters.value + v.amount)"
    " FROM unnest($1::text[], $2::bigint[]) AS v(name, amount) WHERE counters.name = v.name"
)
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', payload) FROM unnest($1::text[]) AS payload"


class _Clash(Exception):
    """Some unit of a merged statement did not get its row."""


class BatchWriter:
    def __init__(self) -> None:
        self._types: dict[str, tuple[str, ...]] = {}  # of the parameters, by statement

    async def apply(
        self, connection: Connection, units: Sequence[Unit], seal: Seal
    ) -> list[Outcome]:
        async with connection.transaction(isolation="read_committed"):
            outcomes: list[Outcome] = []
            for hot, run in groupby(units, key=_is_hot):
                group = list(run)
                parts = [group] if hot else [[unit] for unit in group]
                for part in parts:
                    outcomes += await self._store(connection, part)
            passed = [unit for unit, outcome in zip(units, outcomes, strict=True) if not outcome]
            entries = [entry for unit in passed for entry in unit.audit]
            rows = seal(entries)
            if rows and await self._run_merged(connection, rows) != len(rows):
                raise ChainMoved
            payloads = dict.fromkeys(
                encode_change(change) for unit in passed for change in unit.changes
            )
            fitting = [text for text in payloads if len(text.encode()) <= MAX_PAYLOAD_BYTES]
            if fitting:
                await connection.execute(_NOTIFY, fitting)
        return outcomes

    async def _store(self, connection: Connection, units: list[Unit]) -> list[Outcome]:
        """As few statements as possible; if that fails, each half by itself, at last each unit
        in its own order."""
        alone = len(units) == 1
        if not alone or (_is_hot(units[0]) and len(units[0].statements) >= MERGE_FROM):
            failure = await _attempt(connection, partial(self._run_together, connection, units))
            if failure is None:
                return [None] * len(units)
        if alone:
            return [await _attempt(connection, partial(self._run_unit, connection, units[0]))]
        middle = len(units) // 2
        return [
            *await self._store(connection, units[:middle]),
            *await self._store(connection, units[middle:]),
        ]

    async def _run_unit(self, connection: Connection, unit: Unit) -> None:
        unit.rows.clear()
        for statement in unit.statements:
            status = await connection.execute(numbered(statement.sql), *statement.params)
            count = _count(status)
            if statement.clash is not None and count != 1:
                raise Conflict(statement.clash, statement.key)
            unit.rows.append(count)
        for counter, amount, limit in sorted(unit.claims):
            if amount < 0:
                await connection.execute(numbered(RELEASE), amount, amount, counter)
            elif amount > limit or not _count(
                await connection.execute(numbered(CLAIM), counter, amount, limit)
            ):
                raise Conflict("quota", counter)

    async def _run_together(self, connection: Connection, units: list[Unit]) -> None:
        by_text: dict[str, list[Statement]] = defaultdict(list)
        for unit in units:
            unit.rows[:] = [1] * len(unit.statements)
            for statement in unit.statements:
                by_text[statement.sql].append(statement)
        for statements in by_text.values():
            if await self._run_merged(connection, statements) != len(statements):
                raise _Clash
        await self._claim_together(connection, [claim for unit in units for claim in unit.claims])

    async def _run_merged(self, connection: Connection, statements: Sequence[Statement]) -> int:
        """Statements of one text as one; how many rows they changed."""
        sql = statements[0].sql
        if len(statements) == 1:
            return _count(await connection.execute(numbered(sql), *statements[0].params))
        types = self._types.get(sql)
        if types is None:
            prepared = await connection.prepare(numbered(sql))
            types = self._types[sql] = tuple(kind.name for kind in prepared.get_parameters())
        together = merged(sql, types)
        assert together is not None, "a hot statement is an INSERT or an UPDATE"
        columns = zip(*(statement.params for statement in statements), strict=True)
        return _count(await connection.execute(together, *map(list, columns)))

    async def _claim_together(self, connection: Connection, claims: Sequence[Claim]) -> None:
        """Net change per counter, locked in the order of names (see above)."""
        sums: dict[str, int] = defaultdict(int)
        limits: dict[str, int] = {}
        for counter, amount, limit in claims:
            sums[counter] += amount
            limits[counter] = min(limit, limits.get(counter, limit))
        names = sorted(name for name, amount in sums.items() if amount)
        if not names:
            return
        if len(names) > 1:
            await connection.execute(_LOCK_COUNTERS, names)
        up = [name for name in names if sums[name] > 0]
        down = [name for name in names if sums[name] < 0]
        if up:
            amounts = [sums[name] for name in up]
            ceilings = [limits[name] for name in up]
            if any(amount > top for amount, top in zip(amounts, ceilings, strict=True)):
                raise _Clash
            if _count(await connection.execute(_CLAIMS, up, amounts, ceilings)) != len(up):
                raise _Clash
        if down:
            await connection.execute(_RELEASES, down, [sums[name] for name in down])


async def _attempt(connection: Connection, work: Callable[[], Awaitable[None]]) -> Outcome:
    """`work` inside a savepoint: undone when it is refused."""
    try:
        async with connection.transaction():
            await work()
    except _REFUSED as error:
        if isinstance(error, asyncpg.PostgresError):
            return from_postgres(error)
        return Conflict("value", str(error))
    except (Conflict, _Clash) as error:
        return error
    return None


def _is_hot(unit: Unit) -> bool:
    return all(statement.hot for statement in unit.statements)


def _count(status: str) -> int:
    """`INSERT 0 3`, `UPDATE 3`, `DELETE 3`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0
