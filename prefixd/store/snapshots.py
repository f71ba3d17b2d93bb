"""Configurations that were live, redacted, under the number decisions name.

The number grows by one whenever the digest differs from the newest one of the POP: an unchanged
reload makes no new version.
"""

from typing import Final, NamedTuple

from prefixd.store.database import Database
from prefixd.store.unit import Statement, Unit

_INSERT: Final = (
    "INSERT INTO config_snapshots (pop, version, digest, taken_at, body_json)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_SELECT: Final = "SELECT version, digest, taken_at, body_json FROM config_snapshots WHERE pop = ?"


class ConfigSnapshot(NamedTuple):
    version: int
    digest: str
    taken_at_us: int
    body: str


class ConfigWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, pop: str, snapshot: ConfigSnapshot) -> None:
        """Conflict("config_version") when another process of the POP took the number."""
        params = (pop, snapshot.version, snapshot.digest, snapshot.taken_at_us, snapshot.body)
        self._unit.statements.append(
            Statement(_INSERT, params, clash="config_version", key=str(snapshot.version))
        )


class ConfigReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, pop: str) -> ConfigSnapshot | None:
        return await self._one(f"{_SELECT} ORDER BY version DESC LIMIT 1", pop)

    async def get(self, pop: str, version: int) -> ConfigSnapshot | None:
        return await self._one(f"{_SELECT} AND version = ?", pop, version)

    async def _one(self, sql: str, *params: str | int) -> ConfigSnapshot | None:
        row = await self._database.fetch_one(sql, params)
        return None if row is None else ConfigSnapshot(row[0], row[1], row[2], row[3])
