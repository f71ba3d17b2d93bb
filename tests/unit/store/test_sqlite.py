"""SQLite when things go wrong: missing, moved, locked, full, damaged, slow."""

import asyncio
import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from prefixd.domain.page import EventFilter, PageRequest
from prefixd.errors import Conflict, StoreDamaged, StoreUnavailable
from prefixd.store.backup import backup_sqlite
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store
from tests.kit.rows import a_mitigation, a_record, a_store, an_entry


def in_file(path: Path, **changes: object) -> StoreSettings:
    return StoreSettings(connection_string=f"sqlite://{path}", **changes)  # type: ignore[arg-type] # because the tests name the fields


async def write(store: Store, **changes: object) -> None:
    async with store.transaction() as tx:
        tx.signals.insert(a_record(**changes))
        tx.audit.append(an_entry())


async def count(store: Store) -> int:
    return len((await store.signals.page(EventFilter(), PageRequest(limit=1000))).items)


async def test_commits_are_on_disk_and_readers_are_free(tmp_path: Path) -> None:
    async with await a_store(in_file(tmp_path / "a.db")) as store:
        await write(store)
        writer = store._database._writer  # type: ignore[attr-defined] # because it is the thing under test
        pragmas = await writer.run(
            lambda connection: [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ],
            5.0,
        )
        assert pragmas == ["wal", 2, 1]  # 2 is FULL


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"/no/such/a\.db cannot be opened: No such file"):
        await a_store(in_file(tmp_path / "no/such/a.db"))


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await a_store(in_file(path))
    assert path.read_text() == "dear diary, " * 1000


async def test_a_removed_file_is_noticed_and_its_return_too(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "a.db", tmp_path / "b.db"
    async with await a_store(in_file(path)) as store:
        await write(store)
        for suffix in ("", "-wal", "-shm"):
            os.rename(f"{path}{suffix}", f"{elsewhere}{suffix}")
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await write(store)
        for use in (write, count, write, count):
            with pytest.raises(StoreUnavailable, match=r"removed or replaced|cannot be opened"):
                await use(store)
        assert not path.exists()  # no empty database takes its place
        for suffix in ("", "-wal", "-shm"):
            if Path(f"{elsewhere}{suffix}").exists():
                os.rename(f"{elsewhere}{suffix}", f"{path}{suffix}")
        await write(store)  # without a restart
        assert await count(store) == 2
    async with await a_store(in_file(path)) as store:
        assert await count(store) == 2
        (report,) = await store.audit.verify()
        assert (report.rows, report.fault) == (2, None)


async def test_a_locked_file_is_unavailable_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await a_store(in_file(path, lock_timeout_s=0.05)) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another process") as refused:
            await write(store)
        assert refused.value.retry_after_s == 1
        assert await count(store) == 0  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        await write(store)
        assert await count(store) == 1


async def test_a_full_disk_refuses_whole_units_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await a_store(in_file(path, max_file_mb=1)) as store:
        stored = 0
        refused = None
        while refused is None and stored < 2000:
            try:
                await write(store, of_raw="x" * 20_000)
                stored += 1
            except StoreUnavailable as error:
                refused = error
        assert refused is not None
        assert "is full" in str(refused)
        assert refused.retry_after_s == 30
        assert stored > 5
        assert await count(store) == stored
        (report,) = await store.audit.verify()  # the audit row of the refused unit is absent too
        assert (report.rows, report.fault) == (stored, None)
        writer = store._database._writer  # type: ignore[attr-defined] # because the disk is ours
        await writer.run(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall(), 5.0)
        await write(store)  # somebody made room
        assert await count(store) == stored + 1


async def test_a_full_disk_fails_neighbors_in_the_batch_too(tmp_path: Path) -> None:
    """Nothing of a batch is stored when its commit is impossible, and everybody is told."""
    async with await a_store(in_file(tmp_path / "a.db", max_file_mb=1)) as store:
        await write(store)
        answers = await asyncio.gather(
            *(write(store, of_raw="x" * 60_000) for _ in range(40)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        assert await count(store) == 1


async def test_a_damaged_page_is_reported_not_served(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await a_store(in_file(path)) as store:
        for _ in range(50):
            await write(store, of_raw="y" * 3000)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * (size // 4))

    async def use_it() -> None:
        async with await a_store(in_file(path)) as store:
            await store.signals.page(EventFilter(), PageRequest(limit=1000))
            await store.audit.verify()
            await write(store)

    with pytest.raises(StoreUnavailable, match="damaged"):
        await use_it()


def page_of_events(path: Path) -> int:
    """Where in the file the events table begins."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'events'"
        ).fetchone()
    database.close()
    return (int(page) - 1) * 4096


def overwrite(path: Path, at: int, octets: bytes) -> bytes:
    """What was there before."""
    with path.open("r+b") as file:
        file.seek(at)
        was = file.read(len(octets))
        file.seek(at)
        file.write(octets)
    return was


async def test_nothing_is_stored_in_a_file_that_is_damaged_in_another_place(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await a_store(in_file(path)) as store:
        await write(store)
        assert store.damage is None
    at = page_of_events(path)
    was = overwrite(path, at, b"\xff" * 4096)
    async with await a_store(in_file(path)) as store:
        async with store.transaction() as tx:
            tx.audit.append(an_entry())  # the damage has not been found yet
        with pytest.raises(StoreDamaged, match="damaged"):
            await count(store)
        with pytest.raises(StoreDamaged, match="restore a backup"):
            async with store.transaction() as tx:
                tx.audit.append(an_entry())
        with pytest.raises(StoreDamaged):
            await store.ping()
        overwrite(path, at, was)
        with pytest.raises(StoreDamaged):
            await store.ping()  # a check reads the whole file: not at every question
        store._database._checked_at -= 60  # type: ignore[attr-defined] # because time is the loop's
        await store.ping()
        assert store.damage is None
        await write(store)


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    store = await a_store(in_file(tmp_path / "a.db"))
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await write(store)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


async def test_reads_share_few_connections(tmp_path: Path) -> None:
    async with await a_store(in_file(tmp_path / "a.db", read_connections=2)) as store:
        await write(store)
        assert await asyncio.gather(*(count(store) for _ in range(50))) == [1] * 50


async def test_a_process_that_dies_loses_only_what_was_not_answered(tmp_path: Path) -> None:
    """Many units in flight, killed without warning: answered ones are there, all are whole."""
    path = tmp_path / "a.db"
    program = f"""
import asyncio, os
from tests.kit.rows import a_store, a_record, an_entry
from prefixd.store.settings import StoreSettings

async def main():
    store = await a_store(StoreSettings(connection_string="sqlite://{path}"))
    async def one():
        while True:
            record = a_record()
            async with store.transaction() as tx:
                tx.signals.insert(record)
                tx.audit.append(an_entry(target_id=record.signal_id))
            os.write(1, record.signal_id.encode() + b"\\n")
    await asyncio.gather(*(one() for _ in range(20)))

asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    answered = [(await child.stdout.readline()).decode().strip() for _ in range(300)]
    child.kill()
    rest = await child.stdout.read()
    answered += rest.decode().split("\n")[:-1]
    await child.wait()
    async with await a_store(in_file(path)) as store:
        for signal_id in answered:
            assert await store.signals.get(signal_id) is not None
        (report,) = await store.audit.verify()
        assert report.fault is None
        assert report.rows == await total(store) >= len(answered)


async def total(store: Store) -> int:
    rows = await store._database.fetch_all("SELECT COUNT(*) FROM events")
    return int(rows[0][0])


async def test_the_file_of_an_installation_is_private(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.db"
    async with await a_store(in_file(path)) as store:
        await write(store)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_offline_work_beside_a_running_daemon(tmp_path: Path) -> None:
    settings = in_file(tmp_path / "a.db")
    async with await a_store(settings) as daemon, await a_store(settings) as offline:
        row = a_mitigation()
        async with offline.transaction() as tx:
            tx.mitigations.insert(row)
        assert await daemon.mitigations.get(row.mitigation_id) == row
        with pytest.raises(Conflict, match="scope"):
            async with daemon.transaction() as tx:
                tx.mitigations.insert(a_mitigation(victim=row.victim))


async def test_an_exclusive_transaction_that_is_cancelled_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    async with await a_store(in_file(tmp_path / "a.db")) as store:
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # so that ours waits for the file
        upkeep = asyncio.create_task(store.recount())
        await asyncio.sleep(0.02)
        upkeep.cancel()
        other.execute("ROLLBACK")
        other.close()
        assert await asyncio.gather(upkeep, return_exceptions=True) != [None]
        await write(store)
        assert await count(store) == 1


async def test_a_restore_under_a_running_daemon_is_followed(tmp_path: Path) -> None:
    """Not the recommended way, but nothing is written to the file that is gone."""
    path, backup = tmp_path / "a.db", tmp_path / "backup.db"
    async with await a_store(in_file(path, read_connections=1)) as store:
        await write(store)
        backup_sqlite(path, backup)
        await write(store)
        await write(store)
        for suffix in ("", "-wal", "-shm"):
            os.unlink(f"{path}{suffix}")
        os.rename(backup, path)
        outages = 0
        while outages < 5:
            try:
                await write(store)
                break
            except StoreUnavailable:
                outages += 1
        assert 1 <= outages < 5
        assert await count(store) == 2
        (report,) = await store.audit.verify()
        assert (report.rows, report.fault) == (2, None)
