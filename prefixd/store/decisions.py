"""Decision records: written once, never changed, kept longer than what they explain."""

from collections.abc import Sequence
from typing import Final

from prefixd.domain.ids import DecisionId, GroupId, MitigationId, SignalId
from prefixd.domain.record import DecisionRecord
from prefixd.store.database import Database, Row
from prefixd.store.unit import Statement, Unit

_COLUMNS: Final = (
    "decision_id, at, pop, trigger_kind, outcome, sentence, body_json, group_id, event_id,"
    " mitigation_id, config_version, playbook_name"
)
_INSERT: Final = (
    f"INSERT INTO decisions ({_COLUMNS}) VALUES ({', '.join('?' * 12)}) ON CONFLICT DO NOTHING"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM decisions"


class DecisionWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, record: DecisionRecord) -> None:
        params = (
            record.decision_id,
            record.at_us,
            record.pop,
            record.trigger,
            record.outcome,
            record.text,
            record.body,
            record.group_id,
            record.signal_id,
            record.mitigation_id,
            record.config_version,
            record.playbook,
        )
        self._unit.statements.append(
            Statement(_INSERT, params, clash="decision", key=record.decision_id, hot=True)
        )


class DecisionReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, decision_id: str) -> DecisionRecord | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE decision_id = ?", (decision_id,))
        return None if row is None else _record(row)

    async def of_group(self, group_id: str, limit: int = 100) -> Sequence[DecisionRecord]:
        """Newest first."""
        rows = await self._database.fetch_all(
            f"{_SELECT} WHERE group_id = ? ORDER BY at DESC, decision_id DESC LIMIT ?",
            (group_id, limit),
        )
        return [_record(row) for row in rows]


def _record(row: Row) -> DecisionRecord:
    (
        decision_id,
        at_us,
        pop,
        trigger,
        outcome,
        text,
        body,
        group_id,
        signal_id,
        mitigation_id,
        config_version,
        playbook,
    ) = row
    return DecisionRecord(
        decision_id=DecisionId(decision_id),
        at_us=at_us,
        pop=pop,
        trigger=trigger,
        outcome=outcome,
        text=text,
        body=body,
        group_id=None if group_id is None else GroupId(group_id),
        signal_id=None if signal_id is None else SignalId(signal_id),
        mitigation_id=None if mitigation_id is None else MitigationId(mitigation_id),
        config_version=config_version,
        playbook=playbook,
    )
