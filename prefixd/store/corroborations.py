"""Evidence without a victim, kept until it expires so that later groups can use it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from prefixd.domain.ids import GroupId
from prefixd.domain.record import CorroborationRecord
from prefixd.domain.signal import Corroboration
from prefixd.store.columns import Column, Columns, Json, Shared
from prefixd.store.database import Database
from prefixd.store.rules import ADDRESS, PREFIX
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

_ENCODER: Final = msgspec.json.Encoder()
_IDS: Final = msgspec.json.Decoder(tuple[GroupId, ...])


def _ids(ids: tuple[GroupId, ...]) -> str:
    return _ENCODER.encode(ids).decode()


_RECORD: Final = Columns(
    CorroborationRecord,
    Column("signal_id", "signal_id"),
    Column("source", "corroboration.source"),
    Column("external_id", "corroboration.external_id"),
    Column("pop", "pop"),
    Column("weight", "weight"),
    Column("received_at", "corroboration.received_at_us"),
    Column("expires_at", "corroboration.expires_at_us"),
    Shared(
        "body_json",
        Json(
            Corroboration,
            "adapter", "kind", "observed_at_us", "vector", "polarity", "confidence",
            "confidence_origin", "customer_id", "service_id", "interface", "pop", "router",
            "protocol", "victim_ip", "victim_prefix", "dst_ports", "src_ports", "spoofable",
            "explain", "warnings",
            texts={"victim_ip": ADDRESS, "victim_prefix": PREFIX},
        ),
        part="corroboration",
    ),
    Column("attached_group_ids", "attached", _ids, _IDS.decode),
    Column("raw_details", "corroboration.raw", null=""),
    parts={"corroboration": Corroboration},
)  # fmt: skip
_KEY: Final = ("source", "external_id", "pop")
_PUT: Final = (
    f"{_RECORD.insert('corroborating_signals')} ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _RECORD.names if name not in _KEY)
)


class CorroborationWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def put(self, record: CorroborationRecord) -> None:
        """Insert, or replace the one of the same source and external id in this POP."""
        self._unit.statements.append(Statement(_PUT, _RECORD.encode(record)))


class CorroborationReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def cached(self, pop: str, now_us: int) -> Sequence[CorroborationRecord]:
        """Not yet expired, oldest first."""
        rows = await self._database.fetch_all(
            f"SELECT {_RECORD.sql} FROM corroborating_signals WHERE pop = ? AND expires_at > ?"
            " ORDER BY received_at, signal_id",
            (pop, now_us),
        )
        return self._unreadables.read("corroborating_signals", rows, _RECORD.decode)[0]
