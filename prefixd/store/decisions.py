"""Decision records: written once, never changed, kept longer than what they explain."""

from collections.abc import Sequence
from typing import Final

from prefixd.domain.record import DecisionRecord
from prefixd.store.columns import Column, Columns
from prefixd.store.database import Database
from prefixd.store.unit import Statement, Unit

_RECORD: Final = Columns(
    DecisionRecord,
    Column("decision_id", "decision_id"),
    Column("at", "at_us"),
    Column("pop", "pop"),
    Column("trigger_kind", "trigger"),
    Column("outcome", "outcome"),
    Column("sentence", "text"),
    Column("body_json", "body"),
    Column("group_id", "group_id"),
    Column("event_id", "signal_id"),
    Column("mitigation_id", "mitigation_id"),
    Column("config_version", "config_version"),
    Column("playbook_name", "playbook"),
)
_INSERT: Final = f"{_RECORD.insert('decisions')} ON CONFLICT DO NOTHING"
_SELECT: Final = f"SELECT {_RECORD.sql} FROM decisions"


class DecisionWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, record: DecisionRecord) -> None:
        params = _RECORD.encode(record)
        self._unit.statements.append(
            Statement(_INSERT, params, clash="decision", key=record.decision_id, hot=True)
        )


class DecisionReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, decision_id: str) -> DecisionRecord | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE decision_id = ?", (decision_id,))
        return None if row is None else _RECORD.decode(row)

    async def of_group(self, group_id: str, limit: int = 100) -> Sequence[DecisionRecord]:
        """Newest first."""
        rows = await self._database.fetch_all(
            f"{_SELECT} WHERE group_id = ? ORDER BY at DESC, decision_id DESC LIMIT ?",
            (group_id, limit),
        )
        return [_RECORD.decode(row) for row in rows]
