"""The lock of a SQLite file; that of a POP on PostgreSQL is in tests/contract/test_instances.py."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from prefixd.errors import StartupError, StoreUnavailable
from prefixd.store.instance_lock import FileLock

HOLD_FOR_EVER = """
import asyncio, sys
from prefixd.store.instance_lock import FileLock

async def main():
    await FileLock(sys.argv[1]).hold("pid 7 on elsewhere")
    print("held", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_the_second_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    first, second = FileLock(path), FileLock(path)
    await first.hold("pid 1 on ams1-a")
    with pytest.raises(StartupError, match=r"a\.db is in use by prefixd pid 1 on ams1-a: stop"):
        await second.hold("pid 2 on ams1-a")
    first.release()
    await second.hold("pid 2 on ams1-a")
    second.release()
    second.release()


async def test_a_process_that_is_killed_frees_it(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_FOR_EVER, path,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    lock = FileLock(path)
    with pytest.raises(StartupError, match="pid 7 on elsewhere"):
        await lock.hold("pid 1 on here")
    child.kill()
    await child.communicate()
    await lock.hold("pid 1 on here")
    lock.release()


async def test_the_file_is_private_and_keeps_no_longer_name_of_an_earlier_holder(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    for owner in ("pid 4194304 on a-host-with-a-long-name", "pid 1 on b"):
        lock = FileLock(str(path))
        await lock.hold(owner)
        lock.release()
    file = tmp_path / "a.db.lock"
    assert file.read_text() == "pid 1 on b"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_databases_in_memory_are_not_locked() -> None:
    for _ in range(2):
        await FileLock(":memory:").hold("pid 1 on a")
    assert not Path(":memory:.lock").exists()


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"b/a\.db\.lock cannot be opened: No such file"):
        await FileLock(str(tmp_path / "b" / "a.db")).hold("pid 1 on a")
