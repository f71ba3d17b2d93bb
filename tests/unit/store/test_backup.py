"""A backup is one state of a database in use, checked before it has its name."""

import asyncio
import stat
from pathlib import Path

import pytest

from prefixd.errors import StartupError
from prefixd.store.backup import backup_sqlite
from prefixd.store.migrate import shipped
from prefixd.store.settings import StoreSettings
from tests.kit.rows import a_record, a_store, an_entry


async def test_a_backup_taken_while_writing_is_one_state(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "backup.db"
    async with await a_store(StoreSettings(connection_string=f"sqlite://{source}")) as store:
        stop = False

        async def keep_writing() -> None:
            while not stop:
                record = a_record()
                async with store.transaction() as tx:
                    tx.signals.insert(record)
                    tx.audit.append(an_entry(target_id=record.signal_id))

        async with store.transaction() as tx:
            tx.signals.insert(a_record())
            tx.audit.append(an_entry())
        writing = asyncio.create_task(keep_writing())
        report = await asyncio.to_thread(backup_sqlite, source, target)
        stop = True
        await writing
    assert (report.path, report.schema_version) == (target, len(shipped()))
    assert report.size_bytes == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.glob("*backup*")) == ["backup.db"]
    # A restore is: put the file where the database was.
    async with await a_store(StoreSettings(connection_string=f"sqlite://{target}")) as store:
        (audit,) = await store.audit.verify()
        assert audit.fault is None
        (events,) = await store._database.fetch_all("SELECT COUNT(*) FROM events")
        assert events[0] == audit.rows >= 1


def test_a_backup_never_overwrites(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "backup.db"
    source.touch()
    target.write_text("yesterday's")
    with pytest.raises(StartupError, match="never overwrites"):
        backup_sqlite(source, target)
    assert target.read_text() == "yesterday's"


def test_no_database_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no database at"):
        backup_sqlite(tmp_path / "a.db", tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_gives_no_backup(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    source.write_text("dear diary, " * 1000)
    with pytest.raises(StartupError, match="failed"):
        backup_sqlite(source, tmp_path / "backup.db")
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]
