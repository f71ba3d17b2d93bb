"""One connection: time limits, callers that leave, and several processes that open a new file."""

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prefixd.errors import StoreFull, StoreUnavailable
from prefixd.store.settings import StoreSettings
from prefixd.store.sqlite_connection import SqliteConnection

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
IN_MEMORY = StoreSettings(connection_string="sqlite::memory:")

AT_ONCE = 8
ROUNDS = 150
"""The switch to write-ahead logging was refused in one round of some dozens, at random."""


@asynccontextmanager
async def opened(settings: StoreSettings = IN_MEMORY) -> AsyncIterator[SqliteConnection]:
    connection = SqliteConnection(settings)
    await connection.open(create=True)
    try:
        yield connection
    finally:
        await connection.close()


async def answers(connection: SqliteConnection) -> None:
    assert await connection.fetch_all("SELECT 1", (), 5.0) == [(1,)]


async def test_a_read_that_takes_too_long_is_interrupted() -> None:
    async with opened() as connection:
        with pytest.raises(StoreUnavailable, match="too long"):
            await connection.fetch_all(ENDLESS, (), 0.05)
        await answers(connection)


async def test_a_hanging_disk_answers_in_time() -> None:
    """A thread stuck in the kernel cannot be interrupted; callers are answered all the same."""
    async with opened() as connection:
        stuck = threading.Event()
        with pytest.raises(StoreUnavailable, match="too long"):
            await connection.run(lambda _: stuck.wait(30), 0.05)
        stuck.set()
        await answers(connection)


async def test_work_that_was_given_up_in_the_queue_is_not_run_later() -> None:
    """It was answered "unavailable": no row may appear when the disk answers again."""
    async with opened() as connection:
        stuck = threading.Event()
        run: list[int] = []
        for number in range(2):
            with pytest.raises(StoreUnavailable, match="too long"):
                await connection.run(lambda _, n=number: (stuck.wait(30), run.append(n)), 0.05)
        stuck.set()
        await answers(connection)
        assert run == [0]


async def test_a_caller_that_leaves_does_not_break_the_connection() -> None:
    async with opened() as connection:
        begun, stuck = threading.Event(), threading.Event()

        def wait(raw: sqlite3.Connection) -> None:
            begun.set()
            stuck.wait(30)
            raw.execute("CREATE TABLE stored (x)")

        leaves = asyncio.create_task(connection.run(wait, 5.0))
        await asyncio.to_thread(begun.wait)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        stuck.set()
        assert await connection.fetch_all("SELECT * FROM stored", (), 5.0) == []


async def test_a_process_ends_while_its_disk_hangs() -> None:
    program = """
import asyncio, threading
from prefixd.errors import StoreUnavailable
from prefixd.store.settings import StoreSettings
from prefixd.store.sqlite_connection import SqliteConnection

async def main():
    settings = StoreSettings(connection_string="sqlite::memory:", write_timeout_s=0.05)
    connection = SqliteConnection(settings)
    await connection.open(create=True)
    try:
        await connection.run(lambda _: threading.Event().wait(), 0.05)
    except StoreUnavailable as error:
        print(error)
    await connection.close()
    print("closed")

asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    assert output.decode().splitlines() == ["the database took too long to answer", "closed"]
    assert child.returncode == 0


async def test_a_full_disk_that_sqlite_calls_an_input_error_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        raise error

    async with opened(StoreSettings(connection_string=f"sqlite://{tmp_path}/a.db")) as connection:
        with pytest.raises(StoreUnavailable, match="reading or writing the database file failed"):
            await connection.run(no_room, 5.0)
        full = os.statvfs_result((4096, 4096, 512, 0, 0, 0, 0, 0, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _: full)
        with pytest.raises(StoreFull, match="the disk that holds the database is full"):
            await connection.run(no_room, 5.0)
        await answers(connection)


async def test_a_read_whose_caller_has_left_is_interrupted() -> None:
    async with opened() as connection:
        begun = threading.Event()
        await connection.run(lambda raw: raw.set_progress_handler(begun.set, 1000), 5.0)
        leaves = asyncio.create_task(connection.fetch_all(ENDLESS, (), 600.0))
        await asyncio.to_thread(begun.wait)
        leaves.cancel()
        await asyncio.wait([leaves])
        async with asyncio.timeout(30):  # without an interrupt it would take 600 s
            assert await connection.fetch_all("SELECT 1", (), 600.0) == [(1,)]


async def test_closing_leaves_one_file_without_a_write_ahead_log(tmp_path: Path) -> None:
    async with opened(StoreSettings(connection_string=f"sqlite://{tmp_path}/a.db")) as connection:
        await connection.fetch_all("CREATE TABLE here (x)", (), 5.0)
        assert len(list(tmp_path.iterdir())) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


async def test_a_closed_connection_says_so() -> None:
    async with opened() as connection:
        pass
    with pytest.raises(StoreUnavailable, match="closed"):
        await connection.fetch_all("SELECT 1", (), 5.0)


async def test_a_path_with_the_signs_of_an_address_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "50%25 of a?mode=memory#.db"
    async with opened(StoreSettings(connection_string=f"sqlite://{path}")) as connection:
        await connection.fetch_all("CREATE TABLE here (x)", (), 5.0)
    assert path.stat().st_size > 0


async def test_no_process_is_refused_while_others_switch_to_write_ahead_logging(
    tmp_path: Path,
) -> None:
    for number in range(ROUNDS):
        settings = StoreSettings(connection_string=f"sqlite://{tmp_path / str(number)}.db")
        connections = [SqliteConnection(settings) for _ in range(AT_ONCE)]
        await asyncio.gather(*(connection.open(create=True) for connection in connections))
        for connection in connections:
            await connection.close()
