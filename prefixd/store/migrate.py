"""Bringing the schema up to date: numbered scripts, forward only, one transaction each.

Every script is applied under a lock that other instances wait for, and remembered with its
checksum in `schema_migrations`. Two instances that start together agree by themselves: the second
finds the work done. A database that knows a migration we do not know was written by a newer
release and is refused; so is a script whose text is not the one that was applied.

A released script is never edited; the next one corrects it.
"""

import hashlib
import importlib.resources
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from prefixd.clock import Clock
from prefixd.errors import StartupError
from prefixd.store.database import Database, Session

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL,"
    " checksum TEXT NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.script.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    version: int
    name: str
    applied_at_us: int
    checksum: str


def shipped() -> list[Migration]:
    """The scripts of this release, in order, without gaps."""
    folder = importlib.resources.files("prefixd.store") / "migrations"
    found = [
        Migration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in folder.iterdir()
        if (match := _NAME.fullmatch(file.name))
    ]
    found.sort(key=lambda migration: migration.version)
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    return found


async def migrate(
    database: Database, clock: Clock, migrations: Sequence[Migration] | None = None
) -> list[Migration]:
    """Apply what is missing; returns what was applied. StartupError when we must not touch it."""
    wanted = shipped() if migrations is None else migrations
    applied_now = []
    for migration in wanted:
        async with database.exclusive() as session:
            await session.execute(_TABLE)
            known = await _applied(session)
            _refuse_unknown(known, wanted)
            if migration.version in known:
                continue
            for statement in statements(migration.script):
                await session.execute(statement)
            await session.execute(
                "INSERT INTO schema_migrations (version, name, applied_at, checksum)"
                " VALUES (?, ?, ?, ?)",
                (migration.version, migration.name, clock.now_us(), migration.checksum),
            )
        log.info(
            "migration applied", extra={"version": migration.version, "migration": migration.name}
        )
        applied_now.append(migration)
    return applied_now


async def applied(database: Database) -> list[AppliedMigration]:
    rows = await database.fetch_all(
        "SELECT version, name, applied_at, checksum FROM schema_migrations ORDER BY version"
    )
    return [AppliedMigration(row[0], row[1], row[2], row[3]) for row in rows]


def statements(script: str) -> list[str]:
    """Split at semicolons. Our scripts keep them out of literals and comments start a line."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


async def _applied(session: Session) -> dict[int, tuple[str, str]]:
    rows = await session.fetch_all("SELECT version, name, checksum FROM schema_migrations")
    return {row[0]: (row[1], row[2]) for row in rows}


def _refuse_unknown(known: dict[int, tuple[str, str]], wanted: Sequence[Migration]) -> None:
    ours = {migration.version: migration for migration in wanted}
    newest = max(ours, default=0)
    for version, (name, checksum) in sorted(known.items()):
        if version not in ours:
            raise StartupError(
                f"the database has migration {version} ({name}), this release knows {newest}:"
                " it was written by a newer prefixd; install that one or restore a backup"
            )
        if checksum != ours[version].checksum:
            raise StartupError(
                f"migration {version} ({name}) was applied with another text than this release"
                " ships: the database and the program do not belong together"
            )
