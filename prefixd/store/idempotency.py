"""Answers already given to requests that carried an `Idempotency-Key`.

The key is stored hashed together with its sender, and beside the hash of the request: the same
key with another body is an error that the API names. Kept for a day (`retention.py`).
"""

from typing import Final, NamedTuple

from prefixd.store.database import Database
from prefixd.store.unit import Statement, Unit

_INSERT: Final = (
    "INSERT INTO idempotency_keys (key_hash, request_hash, status, body, created_at)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


class StoredAnswer(NamedTuple):
    request_hash: str
    status: int
    body: str


class IdempotencyWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(
        self, key_hash: str, request_hash: str, status: int, body: str, created_at_us: int
    ) -> None:
        """Conflict("idempotency") when another request has answered under this key."""
        params = (key_hash, request_hash, status, body, created_at_us)
        self._unit.statements.append(
            Statement(_INSERT, params, clash="idempotency", key=key_hash, hot=True)
        )


class IdempotencyReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key_hash: str, since_us: int) -> StoredAnswer | None:
        row = await self._database.fetch_one(
            "SELECT request_hash, status, body FROM idempotency_keys"
            " WHERE key_hash = ? AND created_at >= ?",
            (key_hash, since_us),
        )
        return None if row is None else StoredAnswer(row[0], row[1], row[2])
