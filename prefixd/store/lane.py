"""One SQLite connection and the one thread that uses it.

The standard library's `sqlite3` blocks, so each connection gets a thread of its own and work is
sent there as a function: however many statements that function runs, the event loop pays for one
hop. That is why the writer can store a whole batch for the price of one (`commit.py`).

A lane also knows that a database file can go away under an open connection. Linux keeps an
unlinked file readable and writable, and rows written there are lost at the next start; so before
each use the path is compared with the file that was opened, and when they differ the connection
is dropped. The next use opens what the path names now, and never creates a new file
where an old one was.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prefixd.errors import StoreUnavailable
from prefixd.store.dialect import from_sqlite
from prefixd.store.settings import MEMORY, StoreSettings

T = TypeVar("T")

PAGE_BYTES = 4096
CACHED_STATEMENTS = 512
WAL_PAUSE_S = 0.01
# After these the connection itself is suspect and the next use opens a fresh one.
_FATAL = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}


class Lane:
    def __init__(self, settings: StoreSettings, name: str) -> None:
        self._settings = settings
        self._path = settings.sqlite_path
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"store-{name}")
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    async def open(self, *, create: bool) -> None:
        def connect() -> None:
            self._connect(create=create)

        await self._hop(connect, self._settings.connect_timeout_s + self._settings.lock_timeout_s)

    async def run(self, work: Callable[[sqlite3.Connection], T], timeout_s: float) -> T:
        """`work(connection)` on our thread; StoreUnavailable when it fails or takes too long."""

        def guarded() -> T:
            connection = self._connection or self._connect(create=False)
            try:
                return work(connection)
            except sqlite3.Error as error:
                if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _FATAL:
                    self._drop()
                raise from_sqlite(error) from error

        return await self._hop(guarded, timeout_s)

    def check_identity(self) -> None:
        """On our thread, before any use: is the path still the file we opened?"""
        if self._identity is not None and self._identity != _identity(self._path):
            self._drop()
            raise StoreUnavailable("the database file has been removed or replaced", 5)

    async def close(self) -> None:
        try:
            await self._hop(self._drop, self._settings.write_timeout_s)
        finally:
            self._threads.shutdown(wait=False)

    async def _hop(self, work: Callable[[], T], timeout_s: float) -> T:
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._threads, work)
        except RuntimeError as error:  # the executor was shut down
            raise StoreUnavailable("the database is closed", 1) from error
        done, _ = await asyncio.wait((future,), timeout=timeout_s)
        if not done and self._connection is not None:
            self._connection.interrupt()
            done, _ = await asyncio.wait((future,), timeout=1.0)
        if not done:
            # The thread hangs in the kernel (a dead disk, a frozen network file system). Whoever
            # comes next waits behind it and gets the same answer.
            future.add_done_callback(_ignore)
            raise StoreUnavailable("the database took too long to answer", 5)
        return future.result()

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        try:
            connection = self._configured(create=create)
        except sqlite3.Error as error:
            problem = from_sqlite(error)
            if isinstance(problem, StoreUnavailable):
                text = f"{problem} ({self._settings.where})"
                raise StoreUnavailable(text, problem.retry_after_s) from error
            raise
        self._identity = None if self._path == MEMORY else _identity(self._path)
        self._connection = connection
        return connection

    def _configured(self, *, create: bool) -> sqlite3.Connection:
        settings = self._settings
        if self._path == MEMORY:
            target = MEMORY
        else:
            if create:
                _create_private(self._path)
            quoted = self._path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
            target = f"file:{quoted}?mode=rw"
        connection = sqlite3.connect(
            target,
            uri=True,
            isolation_level=None,  # we say BEGIN and COMMIT ourselves
            check_same_thread=False,  # close() and interrupt() may come from the loop's thread
            cached_statements=CACHED_STATEMENTS,
        )
        try:
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
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _write_ahead(connection: sqlite3.Connection, patience_s: float) -> str:
    """Switch to write-ahead logging; the mode it is in now. While another process does the same to
    a new file SQLite says "locked" at once, whatever its timeout, so the waiting is ours."""
    until = time.monotonic() + patience_s
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


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _ignore(future: "asyncio.Future[T]") -> None:
    if not future.cancelled():
        future.exception()
