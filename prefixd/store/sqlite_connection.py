"""One SQLite connection, opened again when it has to be.

aiosqlite gives each connection a thread and queues work for it. Three things are added here.

A database file can be removed or replaced under an open connection. Linux keeps an unlinked file
readable and writable, and rows written there are lost at the next start; so before each transaction
the path is compared with the file that was opened. When they differ the connection is dropped. The
next use opens what the path names by then, and never creates a new file where an old one was.

A disk can hang. Every use has a time limit: at the limit the running statement is interrupted, and
a thread that does not return even then is left behind. Its caller is answered, work that was queued
after it is not run later, and the process can end.

Many statements can be run in one hop to the thread (`run`), which is why the writer stores a
whole batch for the price of one statement.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from prefixd.errors import StoreDamaged, StoreUnavailable
from prefixd.store.database import Row
from prefixd.store.dialect import from_sqlite
from prefixd.store.settings import MEMORY, StoreSettings
from prefixd.store.unit import Value

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

PAGE_BYTES = 4096
CACHED_STATEMENTS = 512
WAL_PAUSE_S = 0.01
INTERRUPT_S = 1.0
"""For an interrupted statement to return."""
_FATAL = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}
"""After these the connection itself is suspect, and the next use opens another."""


class Connection(aiosqlite.Connection):
    """aiosqlite's connection, with a way to run a function on its thread."""

    def __init__(self, settings: StoreSettings, *, create: bool) -> None:
        super().__init__(partial(_connect, settings, create=create), iter_chunk_size=64)
        self._path = settings.sqlite_path
        self._thread.daemon = True  # the process can end while a disk hangs
        self._stopped: asyncio.Future[object] | None = None

    async def run(self, work: Work[T]) -> T:
        """`work` on the thread. When the caller leaves before it begins, it is not run."""
        caller_left = False

        def begin() -> T:
            if caller_left:
                raise asyncio.CancelledError
            try:
                return work(self._conn)
            except sqlite3.Error as error:
                _recognize_full_disk(error, self._path)
                raise

        try:
            answer: T = await self._execute(begin)  # type: ignore[no-untyped-call] # because aiosqlite types only what it exports
        except asyncio.CancelledError:
            caller_left = True
            raise
        return answer

    def interrupt_now(self) -> None:
        with suppress(ValueError, sqlite3.ProgrammingError):  # it is closed already
            self._conn.interrupt()

    def stop(self) -> "asyncio.Future[object] | None":
        self._stopped = super().stop()
        return self._stopped

    async def end(self, timeout_s: float) -> None:
        """Close, and wait until the thread is at its end. Unlike close() this has a time limit:
        close() waits for its thread even when it is cancelled."""
        try:
            async with asyncio.timeout(timeout_s):
                if (stopped := self._stopped or self.stop()) is not None:
                    await stopped
        except (TimeoutError, sqlite3.Error) as error:
            log.warning("database not closed", extra={"reason": str(error) or "timeout"})


class SqliteConnection:
    def __init__(
        self,
        settings: StoreSettings,
        on_damage: Callable[[StoreDamaged], None] = lambda damage: None,
    ) -> None:
        self._settings = settings
        self._on_damage = on_damage
        self._connection: Connection | None = None
        self._closed = False

    async def open(self, *, create: bool) -> None:
        self._connection = await self._opened(create=create)

    async def _opened(self, *, create: bool) -> Connection:
        settings = self._settings
        connection = Connection(settings, create=create)
        try:
            async with asyncio.timeout(settings.connect_timeout_s + settings.lock_timeout_s):
                _ = await connection
        except TimeoutError as error:
            raise _too_slow() from error
        except (sqlite3.Error, StoreUnavailable):
            await connection.end(settings.write_timeout_s)
            raise
        return connection

    async def fetch_all(self, sql: str, params: Sequence[Value], timeout_s: float) -> list[Row]:
        try:
            return list(await self._answer(lambda c: c.execute_fetchall(sql, params), timeout_s))
        except asyncio.CancelledError:
            if self._connection is not None:
                self._connection.interrupt_now()  # a read that has no caller ends
            raise

    async def run(self, work: Work[T], timeout_s: float) -> T:
        """`work(connection)` on the thread; StoreUnavailable when it fails or takes too long."""
        return await self._answer(lambda connection: connection.run(work), timeout_s)

    async def _answer(self, ask: Callable[[Connection], Awaitable[T]], timeout_s: float) -> T:
        if self._closed:
            raise StoreUnavailable("the database is closed", 1)
        try:
            async with asyncio.timeout(timeout_s + INTERRUPT_S):
                if self._connection is None:
                    self._connection = await self._opened(create=False)
                connection = self._connection
                limit = asyncio.get_running_loop().call_later(timeout_s, connection.interrupt_now)
                try:
                    return await ask(connection)
                finally:
                    limit.cancel()
        except TimeoutError as error:
            raise _too_slow() from error
        except sqlite3.Error as error:
            if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _FATAL:
                await self._drop()
            problem = from_sqlite(error)
            if isinstance(problem, StoreDamaged):
                self._on_damage(problem)
            raise problem from error

    async def close(self) -> None:
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.end(self._settings.write_timeout_s)


def _too_slow() -> StoreUnavailable:
    return StoreUnavailable("the database took too long to answer", 5)


# --- on the thread ------------------------------------------------------------------------------


class WatchedConnection(sqlite3.Connection):
    """Begins nothing when its path does not name the file that it has open."""

    def watch(self, path: str) -> None:
        self._path = path
        self._identity = _identity(path)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if not self.in_transaction:
            now = _identity(self._path)
            if now is None or now != self._identity:
                error = sqlite3.OperationalError("the file was removed or replaced")
                error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DBMOVED
                raise error
        return super().execute(sql, parameters)


def _identity(path: str) -> tuple[int, int] | None:
    if path == MEMORY:
        return 0, 0
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(settings: StoreSettings, *, create: bool) -> sqlite3.Connection:
    path = settings.sqlite_path
    try:
        if create and path != MEMORY:
            _create_private(path)
        quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        connection = sqlite3.connect(
            MEMORY if path == MEMORY else f"file:{quoted}?mode=rw",
            uri=True,
            factory=WatchedConnection,
            isolation_level=None,  # we say BEGIN and COMMIT ourselves
            check_same_thread=False,  # interrupt() comes from the event loop's thread
            cached_statements=CACHED_STATEMENTS,
        )
        try:
            connection.watch(path)
            _configure(connection, settings)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        _recognize_full_disk(error, path)
        problem = from_sqlite(error)
        if isinstance(problem, StoreUnavailable):
            raise type(problem)(f"{problem} ({settings.where})", problem.retry_after_s) from error
        raise
    return connection


def _recognize_full_disk(error: sqlite3.Error, path: str) -> None:
    """Some writes that find no room are I/O errors to SQLite."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code & 0xFF == sqlite3.SQLITE_IOERR and path != MEMORY:
        with suppress(OSError):
            if os.statvfs(os.path.dirname(path) or ".").f_bavail == 0:
                error.sqlite_errorcode = sqlite3.SQLITE_FULL


def _configure(connection: sqlite3.Connection, settings: StoreSettings) -> None:
    run = connection.execute
    run(f"PRAGMA busy_timeout = {int(settings.lock_timeout_s * 1000)}")
    mode = _write_ahead(connection, settings.lock_timeout_s)
    if mode not in ("wal", "memory"):
        raise StoreUnavailable(
            f"{settings.where} cannot use write-ahead logging (mode {mode!r});"
            " is it on a network file system?",
            60,
        )
    run("PRAGMA synchronous = FULL")
    run("PRAGMA foreign_keys = ON")
    run("PRAGMA journal_size_limit = 67108864")
    run("PRAGMA temp_store = MEMORY")
    if settings.max_file_mb:
        run(f"PRAGMA max_page_count = {settings.max_file_mb * 1024 * 1024 // PAGE_BYTES}")


def _write_ahead(connection: sqlite3.Connection, wait_s: float) -> str:
    """Switch to write-ahead logging; the mode it is in now. While another process does the same to
    a new file SQLite says "locked" at once, whatever its timeout, so the waiting is ours."""
    until = time.monotonic() + wait_s
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(WAL_PAUSE_S)
        else:
            return str(mode)


def _create_private(path: str) -> None:
    """Password hashes will be in it. SQLite gives its side files the mode of the file.

    A first start may make the folder, but not its parents: a path that is missing altogether is
    more often a mistake, or a file system that was not mounted.
    """
    try:
        folder = os.path.dirname(path)
        if folder and not os.path.exists(folder):
            os.mkdir(folder, 0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"the database file {path} cannot be opened: {error.strerror}", 5
        ) from error
