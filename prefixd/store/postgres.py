"""PostgreSQL: a pool for reading, one connection for writing, one per listener.

`postgres_batch.py` shows how a batch becomes statements. What PostgreSQL has to abort (a
deadlock, a serialization failure) was not stored, and is tried again here. When the server
cannot be reached, connections are dropped and the next batch opens a new one; there is nothing to
restart.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from prefixd.domain.record import Change, Lost
from prefixd.errors import StoreUnavailable
from prefixd.store.changes import CHANNEL, Mailbox, decode_change
from prefixd.store.database import InstanceLock, Outcome, Query, Row, Seal, Session
from prefixd.store.dialect import from_postgres, numbered
from prefixd.store.instance_lock import AdvisoryLock
from prefixd.store.postgres_batch import BatchWriter, Connection
from prefixd.store.settings import StoreSettings
from prefixd.store.unit import Unit, Value

log = logging.getLogger(__name__)

# Generic for the type checker only, hence the quotes.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

MIGRATION_LOCK = 0x7072_6566_6978_64  # "prefixd"
ABORT_ATTEMPTS = 5
LISTEN_RETRY_S = 1.0
LISTEN_CHECK_S = 10.0
EXCLUSIVE_WAIT = "10min"

_UNREACHABLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_ABORTED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class PostgresDatabase:
    name = "postgres"
    damage = None  # the server's own business: it names the damaged table with each error

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._writer: Connection | None = None
        self._batches = BatchWriter()
        self.listen_check_s = LISTEN_CHECK_S

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
        except (*_UNREACHABLE, ValueError) as error:
            await self.close()
            raise self._problem(error) from error

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    await pool.close()
            except _UNREACHABLE:
                pool.terminate()  # the server is gone
        self._drop_writer()

    # --- reading --------------------------------------------------------------------------------

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                return list(await self._open_pool().fetch(numbered(sql), *params))
        except _UNREACHABLE as error:
            raise from_postgres(error) from error

    async def fetch_one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def ping(self) -> None:
        await self.fetch_one("SELECT 1")

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
        except _UNREACHABLE as error:
            raise from_postgres(error) from error

    # --- writing --------------------------------------------------------------------------------

    async def apply(self, units: Sequence[Unit], seal: Seal) -> list[Outcome]:
        for _ in range(ABORT_ATTEMPTS):
            try:
                async with asyncio.timeout(self._settings.write_timeout_s):
                    connection = await self._connected_writer()
                    return await self._batches.apply(connection, units, seal)
            except _ABORTED:
                continue
            except _UNREACHABLE as error:
                self._drop_writer()
                raise self._problem(error) from error
            except asyncio.CancelledError:
                self._drop_writer()
                raise
        raise StoreUnavailable("the database server keeps aborting our transaction", 1)

    # --- the rest -------------------------------------------------------------------------------

    def instance_lock(self, pop: str) -> InstanceLock:
        return AdvisoryLock(self._connect, pop)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Session]:
        try:
            connection = await self._connect("upkeep")
        except (*_UNREACHABLE, ValueError) as error:
            raise self._problem(error) from error
        try:
            async with connection.transaction(isolation="read_committed"):
                # Another instance may be running a long migration.
                await connection.execute(f"SET LOCAL lock_timeout = '{EXCLUSIVE_WAIT}'")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
                yield _ConnectionSession(connection)
        except _UNREACHABLE as error:
            raise self._problem(error) from error
        finally:
            connection.terminate()

    async def changes(self) -> AsyncIterator[Change | Lost]:
        """Reconnects for ever; `Lost` follows every gap."""
        gap = False
        while True:
            mailbox = Mailbox()
            try:
                connection = await self._connect("listener")
            except (*_UNREACHABLE, ValueError):
                gap = True
                await asyncio.sleep(LISTEN_RETRY_S)
                continue
            try:
                connection.add_termination_listener(lambda _, box=mailbox: box.end())
                await connection.add_listener(CHANNEL, _delivery(mailbox))
                if gap:
                    yield Lost()
                while (change := await self._next(mailbox, connection)) is not None:
                    yield change
            except _UNREACHABLE as error:
                log.warning("change listener lost the database", extra={"reason": str(error)})
            finally:
                connection.terminate()
            gap = True
            await asyncio.sleep(LISTEN_RETRY_S)

    async def _next(self, mailbox: Mailbox, connection: Connection) -> Change | Lost | None:
        """What arrives next; None when the connection is gone. A connection that was cut without a
        TCP reset is found by a query now and then, long before the kernel gives up."""
        while True:
            try:
                async with asyncio.timeout(self.listen_check_s):
                    return await anext(mailbox, None)
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=self._settings.read_timeout_s)

    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise StoreUnavailable("the database is closed", 5)
        return self._pool

    async def _connected_writer(self) -> Connection:
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connect("writer")
        return self._writer

    async def _connect(self, purpose: str) -> Connection:
        """A connection of our own. The server ends transactions we leave open and probes silent
        connections, so a host that vanishes keeps no locks that other instances wait for."""
        settings = self._settings
        limit_ms = f"{int(settings.write_timeout_s * 1000)}"
        return await asyncpg.connect(
            settings.connection_string,
            timeout=settings.connect_timeout_s,
            server_settings={
                "application_name": f"prefixd {purpose}",
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
                "idle_in_transaction_session_timeout": limit_ms,
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


def _delivery(mailbox: Mailbox) -> Callable[[object, int, str, object], None]:
    def deliver(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        change = decode_change(payload) if isinstance(payload, str) else None
        if change is not None:
            mailbox.put(change)

    return deliver
