"""SQLite: one file, one writing connection, a few for reading, each with a thread (aiosqlite).

Write-ahead logging lets readers go on while the writer commits; `synchronous=FULL` puts every
commit on disk before it is answered, which group commit makes affordable. A batch runs as one
`BEGIN IMMEDIATE ... COMMIT`, all units merged; only when one of them must be refused is it run
again with a savepoint around each. Another process may hold the file (a backup, the offline
commands): SQLite then waits up to `lock_timeout_s` and we answer "locked".

`:memory:` has one connection, so there reads wait for their turn on the writer's thread.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from prefixd.domain.record import Change, Lost
from prefixd.errors import Conflict, StoreDamaged, StoreUnavailable
from prefixd.store.changes import ChangeHub
from prefixd.store.counters import CLAIM, RELEASE
from prefixd.store.database import ChainMoved, InstanceLock, Outcome, Query, Row, Seal, Session
from prefixd.store.dialect import from_sqlite
from prefixd.store.instance_lock import FileLock
from prefixd.store.settings import MEMORY, StoreSettings
from prefixd.store.sqlite_connection import SqliteConnection
from prefixd.store.unit import Statement, Unit, Value

CHECK_PAUSE_S = 30.0
CHECK_TIMEOUT_S = 300.0
"""A check reads the whole file."""


class SqliteDatabase:
    name = "sqlite"

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._writer = SqliteConnection(settings, self._note_damage)
        self._readers: list[SqliteConnection] = []
        self._idle: asyncio.LifoQueue[SqliteConnection] = asyncio.LifoQueue()
        self._writing = asyncio.Lock()
        self._hub = ChangeHub()
        self._checked_at = -CHECK_PAUSE_S
        self.damage: StoreDamaged | None = None

    async def open(self) -> None:
        await self._writer.open(create=True)
        if self._settings.sqlite_path == MEMORY:
            return
        while len(self._readers) < self._settings.read_connections:
            reader = SqliteConnection(self._settings, self._note_damage)
            await reader.open(create=False)
            self._readers.append(reader)
            self._idle.put_nowait(reader)

    async def close(self) -> None:
        for connection in (*self._readers, self._writer):
            await connection.close()

    def _note_damage(self, found: StoreDamaged) -> None:
        self.damage = found

    async def ping(self) -> None:
        """A damaged file still answers some queries, so after damage was found it is checked."""
        if (damage := self.damage) is None:
            await self.fetch_one("SELECT 1")
            return
        now = asyncio.get_running_loop().time()
        if now - self._checked_at >= CHECK_PAUSE_S:
            self._checked_at = now
            await self._check()
        if self.damage is not None:
            raise StoreDamaged(str(damage), damage.retry_after_s)

    async def _check(self) -> None:
        fresh = SqliteConnection(self._settings)  # the others may have damaged pages in memory
        try:
            await fresh.open(create=False)
            found = await fresh.fetch_all("PRAGMA quick_check(1)", (), CHECK_TIMEOUT_S)
        finally:
            await fresh.close()
        if found == [("ok",)]:
            self.damage = None

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        async with self._reader() as reader:
            return await reader.fetch_all(sql, params, self._settings.read_timeout_s)

    async def fetch_one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def fetch_many(self, queries: Sequence[Query]) -> list[list[Row]]:
        async with self._reader() as reader:
            return await reader.run(partial(_read, queries), self._settings.read_timeout_s)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[SqliteConnection]:
        if not self._readers:
            yield self._writer
            return
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                reader = await self._idle.get()
        except TimeoutError as error:
            raise StoreUnavailable("too many slow reads at once", 1) from error
        try:
            yield reader
        finally:
            self._idle.put_nowait(reader)

    async def apply(self, units: Sequence[Unit], seal: Seal) -> list[Outcome]:
        write = partial(_apply, units, seal)
        async with self._writing:
            outcomes = await self._writer.run(write, self._settings.write_timeout_s)
        for unit, outcome in zip(units, outcomes, strict=True):
            if outcome is None:
                self._hub.publish(unit.changes)
        return outcomes

    def instance_lock(self, pop: str) -> InstanceLock:
        """Of the whole file: only PostgreSQL can serve several POPs."""
        return FileLock(self._settings.sqlite_path)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Session]:
        timeout_s = self._settings.write_timeout_s
        async with self._writing:
            session = _Session(self._writer, timeout_s)
            try:
                await session.execute("BEGIN IMMEDIATE")
                yield session
                await session.execute("COMMIT")
            except BaseException:
                with suppress(StoreUnavailable):  # a connection that was dropped has rolled back
                    await self._writer.run(sqlite3.Connection.rollback, timeout_s)
                raise

    def changes(self) -> AsyncIterator[Change | Lost]:
        return self._hub.listen()


class _Session:
    def __init__(self, connection: SqliteConnection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        await self.fetch_all(sql, params)

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return await self._connection.fetch_all(sql, params, self._timeout_s)

    async def lock(self, table: str) -> None:
        """BEGIN IMMEDIATE has locked everything already."""


# --- on a reader's thread -----------------------------------------------------------------------


def _read(queries: Sequence[Query], connection: sqlite3.Connection) -> list[list[Row]]:
    """All queries see one state of the database."""
    begun = not connection.in_transaction
    if begun:
        connection.execute("BEGIN")
    try:
        return [connection.execute(*query).fetchall() for query in queries]
    finally:
        if begun:
            connection.rollback()


# --- on the writer's thread ---------------------------------------------------------------------


def _apply(units: Sequence[Unit], seal: Seal, connection: sqlite3.Connection) -> list[Outcome]:
    """All units together; when one of them must fail, each by itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes = _run_together(connection, units)
        if outcomes is None:
            connection.rollback()
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_run_unit(connection, unit) for unit in units]
        passed = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is None]
        rows = seal([entry for unit in passed for entry in unit.audit])
        if rows and not _run_merged(connection, rows):
            raise ChainMoved
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return outcomes


def _run_together(connection: sqlite3.Connection, units: Sequence[Unit]) -> list[Outcome] | None:
    """Statements of one text in one go, and each counter once; None when some unit is refused.

    As in `postgres_batch`, this changes the order of statements within a unit, which is safe for
    hot ones: each says what it expects, and one that needed another order does not find its row.
    """
    by_text: dict[str, list[Statement]] = {}
    for unit in units:
        for statement in unit.statements:
            if not statement.hot:
                return None
            by_text.setdefault(statement.sql, []).append(statement)
    try:
        merged = all(_run_merged(connection, statements) for statements in by_text.values())
        if not merged or not _claim_together(connection, units):
            return None
    except (OverflowError, UnicodeEncodeError):
        return None
    except sqlite3.Error as error:
        if isinstance(from_sqlite(error), Conflict):
            return None
        raise
    for unit in units:
        unit.rows[:] = [1] * len(unit.statements)
    return [None] * len(units)


def _run_merged(connection: sqlite3.Connection, statements: Sequence[Statement]) -> bool:
    """Statements of one text; whether each of them changed its row."""
    rows = [statement.params for statement in statements]
    return connection.executemany(statements[0].sql, rows).rowcount == len(rows)


def _claim_together(connection: sqlite3.Connection, units: Sequence[Unit]) -> bool:
    """The net change of each counter; whether all of it fits."""
    sums: Counter[str] = Counter()
    limits: dict[str, int] = {}
    for unit in units:
        for counter, amount, limit in unit.claims:
            sums[counter] += amount
            limits[counter] = min(limit, limits.get(counter, limit))
    return all(_claim(connection, name, sums[name], limits[name]) for name in sums if sums[name])


def _claim(connection: sqlite3.Connection, counter: str, amount: int, limit: int) -> bool:
    """Raise a counter if its limit allows, or lower it; whether that was possible."""
    if amount < 0:
        connection.execute(RELEASE, (amount, amount, counter))
        return True
    return amount <= limit and connection.execute(CLAIM, (counter, amount, limit)).rowcount == 1


def _run_unit(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    connection.execute("SAVEPOINT unit")
    try:
        unit.rows[:] = [_run(connection, statement) for statement in unit.statements]
        for claim in unit.claims:
            if not _claim(connection, *claim):
                raise Conflict("quota", claim.counter)
    except Conflict as conflict:
        outcome: Outcome = conflict
    except (OverflowError, UnicodeEncodeError) as error:
        outcome = Conflict("value", str(error))
    except sqlite3.Error as error:
        outcome = from_sqlite(error)
        if not isinstance(outcome, Conflict):
            raise
    else:
        connection.execute("RELEASE unit")
        return None
    connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return outcome


def _run(connection: sqlite3.Connection, statement: Statement) -> int:
    count = connection.execute(statement.sql, statement.params).rowcount
    if statement.clash is not None and count != 1:
        raise Conflict(statement.clash, statement.key)
    return count
