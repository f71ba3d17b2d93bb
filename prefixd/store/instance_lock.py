"""One daemon for one SQLite file, and one for each POP of a PostgreSQL database.

Two daemons that serve the same rows would announce and expire them twice, and each would take the
changes of the other for drift. The lock is one that is freed when its holder ends, however it ends:
the kernel frees the lock of a file, and the server frees the advisory lock of a connection.
Commands that work beside a running daemon do not take it.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from prefixd.errors import StartupError, StoreUnavailable
from prefixd.store.dialect import from_postgres
from prefixd.store.postgres_batch import Connection
from prefixd.store.settings import MEMORY

log = logging.getLogger(__name__)

HEARTBEAT_S = 10.0
FREE_WITHIN_S = 3.0
"""The server needs a moment to notice that a process has ended."""
TRY_EVERY_S = 0.25

# The schema is part of the key: a database can hold the tables of several systems.
_KEY = "hashtext(current_schema()), hashtext($1)"
_TAKE = f"SELECT pg_try_advisory_lock({_KEY})"
_HOLDER = (
    "SELECT application_name, host(client_addr),"
    " to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
    " FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = hashtext(current_schema())::bigint & 4294967295"
    " AND objid::bigint = hashtext($1)::bigint & 4294967295"
)


class FileLock:
    """On a file beside the database, which may be replaced while the daemon runs."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._handle: int | None = None

    async def hold(self, owner: str) -> None:
        if self._database != MEMORY:
            self._handle = await asyncio.to_thread(_lock_file, self._database, owner)

    async def keep(self) -> None:
        """The kernel does."""

    def release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _lock_file(database: str, owner: str) -> int:
    path = f"{database}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be opened: {error.strerror}", 5) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(OSError):  # on a full disk the lock is without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, owner.encode(), 0)
    except OSError as error:
        holder = os.pread(handle, 200, 0).decode("utf-8", "replace") or "another process"
        os.close(handle)
        if not isinstance(error, BlockingIOError):
            raise StoreUnavailable(f"{path} cannot be locked: {error.strerror}", 5) from error
        raise StartupError(
            f"the database {database} is in use by prefixd {holder}: stop that one, or give"
            " this one a file of its own (storage.connection_string)"
        ) from error
    return handle


class AdvisoryLock:
    """Of a PostgreSQL connection that exists for this alone."""

    def __init__(self, connect: Callable[[str], Awaitable[Connection]], pop: str) -> None:
        self._connect = connect
        self._pop = pop
        self._owner = ""
        self._reported: str | None = None
        self._connection: Connection | None = None

    async def hold(self, owner: str) -> None:
        self._owner = owner
        now = asyncio.get_running_loop().time
        until = now() + FREE_WITHIN_S
        while (holder := await self._try()) is not None:
            if now() >= until:
                raise StartupError(
                    f"POP {self._pop} is served by another instance on this database, {holder}:"
                    " stop that one, or give this one a `pop` of its own"
                )
            await asyncio.sleep(TRY_EVERY_S)

    async def _try(self) -> str | None:
        """Who holds it; None when we do."""
        connection = None
        try:
            connection = await self._connect(self._owner)
            if await connection.fetchval(_TAKE, self._pop):
                self._connection, connection = connection, None
                return None
            row = await connection.fetchrow(_HOLDER, self._pop)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise from_postgres(error) from error
        finally:
            if connection is not None:
                connection.terminate()
        if row is None:
            return "which has just started or ended"
        name, address, since = row
        return f"{name} at {address or 'this host'} since {since} UTC"

    async def keep(self) -> None:
        """A heartbeat finds that the connection was lost; another then takes the lock again."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.beat()

    async def beat(self) -> None:
        try:
            if self._connection is not None:
                await self._connection.execute("SELECT 1", timeout=HEARTBEAT_S)
                return
            holder = await self._try()
            if holder is not None and holder != self._reported:
                log.error("another instance serves this POP", extra={"holder": holder})
            self._reported = holder
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, StoreUnavailable):
            self.release()

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
