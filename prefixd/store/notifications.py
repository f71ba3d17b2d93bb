"""Alerts waiting for delivery: a queue that survives a restart.

Each row is one alert for one destination. An instance delivers the rows of its own POP. A row is
kept a while after it was delivered or given up, for the operator who asks what was sent.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from prefixd.store.database import Database, Row
from prefixd.store.unit import Statement, Unit

_COLUMNS: Final = (
    "notification_id, pop, destination, event, body, state, attempts, created_at, due_at,"
    " last_error"
)
_INSERT: Final = (
    f"INSERT INTO notification_queue ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_SETTLE: Final = (
    "UPDATE notification_queue SET state = ?, attempts = ?, due_at = ?, last_error = ?"
    " WHERE notification_id = ? AND state = 'queued'"
)


class Queued(NamedTuple):
    notification_id: str
    pop: str
    destination: str
    event: str
    body: str
    state: str
    attempts: int
    created_at_us: int
    due_at_us: int
    last_error: str | None


class NotificationWrites:
    """All of it hot: one statement that could not be merged would take its unit, and on SQLite
    every unit of the commit, out of those that are stored together."""

    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def enqueue(
        self,
        notification_id: str,
        *,
        pop: str,
        destination: str,
        event: str,
        body: str,
        created_at_us: int,
        due_at_us: int,
    ) -> None:
        """A second enqueue of the same id changes nothing."""
        params = (
            notification_id, pop, destination, event, body, "queued", 0, created_at_us, due_at_us,
            None,
        )  # fmt: skip
        self._unit.statements.append(Statement(_INSERT, params, hot=True))

    def delivered(self, notification_id: str, attempts: int, at_us: int) -> None:
        self._settle(notification_id, "delivered", attempts, at_us, None)

    def failed(self, notification_id: str, attempts: int, at_us: int, error: str) -> None:
        """Given up."""
        self._settle(notification_id, "failed", attempts, at_us, error)

    def retry(self, notification_id: str, attempts: int, due_at_us: int, error: str) -> None:
        self._settle(notification_id, "queued", attempts, due_at_us, error)

    def _settle(
        self, notification_id: str, state: str, attempts: int, at_us: int, error: str | None
    ) -> None:
        params = (state, attempts, at_us, error, notification_id)
        self._unit.statements.append(Statement(_SETTLE, params, hot=True))


class NotificationReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, pop: str, now_us: int, limit: int = 100) -> Sequence[Queued]:
        """Oldest due first."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS} FROM notification_queue"
            " WHERE state = 'queued' AND pop = ? AND due_at <= ?"
            " ORDER BY due_at, notification_id LIMIT ?",
            (pop, now_us, limit),
        )
        return [_queued(row) for row in rows]

    async def depth(self, pop: str) -> int:
        row = await self._database.fetch_one(
            "SELECT COUNT(*) FROM notification_queue WHERE state = 'queued' AND pop = ?", (pop,)
        )
        return 0 if row is None else int(row[0])


def _queued(row: Row) -> Queued:
    return Queued(*row)
