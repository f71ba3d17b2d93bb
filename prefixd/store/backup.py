"""A copy of a SQLite database while it is in use.

The copy is one state of the database: it is read in one transaction, which write-ahead logging
lets run beside the writer. It is checked, flushed and only then given its name, so a file that has
the name is a good backup. PostgreSQL brings its own tools for this (`docs/storage.md`).
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from prefixd.errors import StartupError


@dataclass(frozen=True, slots=True)
class BackupReport:
    path: Path
    size_bytes: int
    schema_version: int


def backup_sqlite(source: Path, target: Path) -> BackupReport:
    """Blocks for as long as the copy takes. StartupError with a sentence when it cannot be made;
    then there is no file at `target` that was not there before."""
    if target.exists():
        raise StartupError(f"{target} exists; a backup never overwrites")
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        _copy(source, partial)
        version = _check(partial)
        _flush(partial)
        os.link(partial, target)  # unlike a rename, this refuses to overwrite
        _flush(target.parent)
    except sqlite3.Error as error:
        raise StartupError(f"the backup of {source} failed: {error}") from error
    except OSError as error:
        raise StartupError(f"the backup to {target} failed: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return BackupReport(target, target.stat().st_size, version)


def _copy(source: Path, partial: Path) -> None:
    if not source.is_file():
        raise StartupError(f"there is no database at {source}")
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    writer = sqlite3.connect(partial)
    try:
        os.chmod(partial, 0o600)  # it holds password hashes
        reader.execute("PRAGMA busy_timeout = 5000")
        reader.backup(writer)
        # The copy says "write-ahead log" as its source does; a backup is one file without any.
        writer.execute("PRAGMA journal_mode = DELETE")
    finally:
        writer.close()
        reader.close()


def _check(partial: Path) -> int:
    copy = sqlite3.connect(partial)
    try:
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise StartupError(f"the copy is damaged, so the database is too: {verdict}")
        row = copy.execute("SELECT MAX(version) FROM schema_migrations").fetchone()
    finally:
        copy.close()
    return int(row[0] or 0)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
