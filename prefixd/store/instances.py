"""Which POPs have an instance: each one notes now and then that it is there."""

from typing import Final

from prefixd.store.database import Database
from prefixd.store.unit import Statement, Unit

_SEEN: Final = (
    "INSERT INTO instances (pop, seen_at) VALUES (?, ?) ON CONFLICT (pop) DO UPDATE SET"
    " seen_at = excluded.seen_at WHERE excluded.seen_at > instances.seen_at"
)
_SINCE: Final = "SELECT pop FROM instances WHERE seen_at >= ?"


class InstanceWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def seen(self, pop: str, at_us: int) -> None:
        """An instance of this POP was there; a moment before the last one changes nothing."""
        self._unit.statements.append(Statement(_SEEN, (pop, at_us)))


class InstanceReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def pops_since(self, since_us: int) -> frozenset[str]:
        rows = await self._database.fetch_all(_SINCE, (since_us,))
        return frozenset(row[0] for row in rows)
