"""PostgreSQL: a pool for reading, one connection for writing, one per listener.

The writer merges what a batch has in common: all rows for one table go there as one `unnest`
statement, whichever unit they belong to. Row counts tell whether every unit got what it asked
for; when one did not, the savepoint is rolled back and the batch is tried again in halves, so a
unit that must fail costs a few extra trips and its neighbours nothing.

Counters are touched after all rows and in the order of their names, always under row locks taken
in that order, so that two instances queue up instead of deadlocking. What PostgreSQL still has to
break off (a deadlock, a serialization failure) was not stored, and is tried again here.

When the server goes away, connections are dropped and the next batch opens a new one.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from typing import TypeAlias

import asyncpg

from prefixd.domain.record import Change, Lost
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.changes import Mailbox, decode_change, encode_change
from prefixd.store.counters import CLAIM, RELEASE
from prefixd.store.database import ChainMoved, Outcome, Query, Row, Seal, Session
from prefixd.store.dialect import from_postgres, merged, numbered
from prefixd.store.settings import StoreSettings
from prefixd.store.unit import Claim, Statement, Unit, Value

log = logging.getLogger(__name__)

# Generic for the type checker only, hence the quotes.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

CHANNEL = "prefixd"
MIGRATION_LOCK = 0x7072_6566_6978_64  # "prefixd"
BREAK_OFF_ATTEMPTS = 5
MERGE_FROM = 10  # statements in a single unit; fewer are not worth preparing arrays for
LISTEN_RETRY_S = 1.0
MAX_PAYLOAD_BYTES = 7900  # NOTIFY takes 8000

_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_BROKEN_OFF = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
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


class PostgresDatabase:
    name = "postgres"

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._writer: Connection | None = None
        self._types: dict[str, tuple[str, ...]] = {}

    async def open(self) -> None:
        settings = self._settings
        try:
            self._pool = await asyncpg.create_pool(
                settings.connection_string,
                min_size=1,
                max_size=settings.read_connections,
                timeout=settings.connect_timeout_s,
                command_timeout=settings.read_timeout_s,
                server_settings={"application_name": "prefixd"},
            )
            await self._connected_writer()
        except (*_AWAY, ValueError) as error:
            await self.close()
            raise self._problem(error) from error

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    await pool.close()
            except _AWAY:
                pool.terminate()  # the server is gone; there is nobody to say goodbye to
        self._drop_writer()

    # --- reading --------------------------------------------------------------------------------

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                return list(await self._open_pool().fetch(numbered(sql), *params))
        except _AWAY as error:
            raise from_postgres(error) from error

    async def fetch_one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def fetch_many(self, queries: Sequence[Query]) -> list[list[Row]]:
        try:
            async with (
                asyncio.timeout(self._settings.read_timeout_s),
                self._open_pool().acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return [
                    list(await connection.fetch(numbered(sql), *params)) for sql, params in queries
                ]
        except _AWAY as error:
            raise from_postgres(error) from error

    # --- writing --------------------------------------------------------------------------------

    async def apply(self, units: Sequence[Unit], seal: Seal) -> list[Outcome]:
        for _ in range(BREAK_OFF_ATTEMPTS):
            try:
                async with asyncio.timeout(self._settings.write_timeout_s):
                    connection = await self._connected_writer()
                    return await self._apply(connection, units, seal)
            except _BROKEN_OFF:
                continue
            except _AWAY as error:
                self._drop_writer()
                raise self._problem(error) from error
            except asyncio.CancelledError:
                self._drop_writer()
                raise
        raise StoreUnavailable("the database keeps breaking off our transaction", 1)

    async def _apply(
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
        """Net change per counter. Raised in the order of names; see the module's text."""
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

    # --- the rest -------------------------------------------------------------------------------

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Session]:
        try:
            connection = await self._connect()
        except (*_AWAY, ValueError) as error:
            raise self._problem(error) from error
        try:
            async with connection.transaction(isolation="read_committed"):
                await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
                yield _ConnectionSession(connection)
        except _AWAY as error:
            raise self._problem(error) from error
        finally:
            connection.terminate()

    async def changes(self) -> AsyncIterator[Change | Lost]:
        """Reconnects for ever; every gap is told as `Lost`."""
        gap = False
        while True:
            mailbox = Mailbox()
            try:
                connection = await self._connect()
            except (*_AWAY, ValueError):
                gap = True
                await asyncio.sleep(LISTEN_RETRY_S)
                continue
            try:
                connection.add_termination_listener(lambda _, box=mailbox: box.end())
                await connection.add_listener(CHANNEL, _delivery(mailbox))
                if gap:
                    yield Lost()
                async for change in mailbox:
                    yield change
            except _AWAY as error:
                log.warning("change listener lost the database", extra={"reason": str(error)})
            finally:
                connection.terminate()
            gap = True
            await asyncio.sleep(LISTEN_RETRY_S)

    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise StoreUnavailable("the database is closed", 5)
        return self._pool

    async def _connected_writer(self) -> Connection:
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connect()
        return self._writer

    async def _connect(self) -> Connection:
        """A connection of our own. The server ends transactions we leave open, so a machine that
        vanishes does not keep locks that other instances wait for."""
        settings = self._settings
        patience = f"{int(settings.write_timeout_s * 1000)}"
        return await asyncpg.connect(
            settings.connection_string,
            timeout=settings.connect_timeout_s,
            server_settings={
                "application_name": "prefixd writer",
                "idle_in_transaction_session_timeout": patience,
                "lock_timeout": f"{int(settings.lock_timeout_s * 1000)}",
            },
        )

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.terminate()

    def _problem(self, error: Exception) -> Exception:
        problem = from_postgres(error)
        if isinstance(problem, StoreUnavailable):
            text = f"{problem} ({self._settings.where})"
            return StoreUnavailable(text, problem.retry_after_s)
        return problem


class _ConnectionSession:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        await self._connection.execute(numbered(sql), *params)

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return list(await self._connection.fetch(numbered(sql), *params))

    async def lock(self, table: str) -> None:
        await self._connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")


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


def _delivery(mailbox: Mailbox) -> Callable[[object, int, str, object], None]:
    def deliver(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        change = decode_change(payload) if isinstance(payload, str) else None
        if change is not None:
            mailbox.put(change)

    return deliver
