"""Signals with their outcome: the `events` table.

One row is one episode of one alert at one source; the unique index over (source, external id,
action, episode) decides between two requests that bring the same news. A repeat refreshes the row
and adds none, so a detector that reports every ten seconds for a week leaves one row.
"""

from collections.abc import Sequence
from sys import intern
from typing import Final

import msgspec

from prefixd.domain.page import EventFilter, Page, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.columns import INTERNED, Column, Columns, Json, Shared
from prefixd.store.counters import total_events
from prefixd.store.database import Database
from prefixd.store.paging import Listing, Where, read_page
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Claim, Statement, Unit
from prefixd.store.unreadable import Unreadables

_ENCODER: Final = msgspec.json.Encoder()
_WORDS: Final = msgspec.json.Decoder(tuple[str, ...])


def _codes(codes: tuple[str, ...]) -> str:
    return _ENCODER.encode(codes).decode() if codes else "[]"


def _read_codes(text: str) -> tuple[str, ...]:
    return () if text == "[]" else _WORDS.decode(text)


_RECORD: Final = Columns(
    SignalRecord,
    Column("event_id", "signal_id", read=intern),
    Column("external_event_id", "signal.external_id"),
    Column("source", "signal.source", read=intern),
    Column("action", "signal.kind", read=SignalKind),
    Column("episode", "episode"),
    Column("pop", "pop", read=intern),
    Column("event_timestamp", "signal.observed_at_us"),
    Column("ingested_at", "signal.received_at_us"),
    Column("last_seen_at", "last_seen_us"),
    Column("refresh_count", "refresh_count"),
    Column("victim_ip", "signal.victim", Prefix.victim_text, parse_prefix),
    Column("vector", "signal.vector", read=Vector),
    Column("bps", "signal.bps"),
    Column("pps", "signal.pps"),
    Column("confidence", "signal.confidence"),
    Shared(
        "details_json",
        Json(
            Signal,
            "adapter", "direction", "confidence_origin", "dst_ports", "src_ports", "protocols",
            "force", "stale", "warnings",
            texts={"adapter": INTERNED, "confidence_origin": INTERNED},
            defaults={"adapter": "native"},
        ),
        part="signal",
    ),
    Column("raw_details", "signal.raw", null=""),
    Column("outcome", "outcome", read=Outcome),
    Column("reason", "reason"),
    Column("codes_json", "codes", _codes, _read_codes),
    Column("group_id", "group_id", read=intern),
    Column("mitigation_id", "mitigation_id", read=intern),
    Column("customer_id", "customer_id", read=intern),
    Column("last_hash", "last_hash"),
    parts={"signal": Signal},
)  # fmt: skip
_CHANGING: Final = _RECORD.some(
    (
        "last_seen_at", "refresh_count", "bps", "pps", "confidence", "details_json", "outcome",
        "reason", "codes_json", "group_id", "mitigation_id", "customer_id", "last_hash",
    )
)  # fmt: skip
_INSERT: Final = f"{_RECORD.insert('events')} ON CONFLICT DO NOTHING"
_UPDATE: Final = f"UPDATE events SET {_CHANGING.sql} WHERE event_id = ?"
_SELECT: Final = f"SELECT {_RECORD.sql} FROM events"
_LISTING: Final = Listing("events", _RECORD.sql, "ingested_at", "event_id")


class SignalWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, record: SignalRecord) -> None:
        """Conflict("episode") when (source, external_id, kind, episode) exists."""
        params = _RECORD.encode(record)
        external_id = record.signal.external_id
        self._unit.statements.append(
            Statement(_INSERT, params, clash="episode", key=external_id, hot=True)
        )
        self._unit.claims.append(Claim(total_events(record.pop), 1))

    def update(self, record: SignalRecord) -> None:
        """Outcome, last_seen_us, refresh count and the refreshed numbers, by signal_id."""
        params = (*_CHANGING.encode(record), record.signal_id)
        self._unit.statements.append(
            Statement(_UPDATE, params, clash="event", key=record.signal_id, hot=True)
        )


class SignalReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def get(self, signal_id: str) -> SignalRecord | None:
        return await self._one(f"{_SELECT} WHERE event_id = ?", signal_id)

    async def latest(self, source: str, external_id: str, kind: str) -> SignalRecord | None:
        return await self._one(
            f"{_SELECT} WHERE source = ? AND external_event_id = ? AND action = ?"
            " ORDER BY episode DESC LIMIT 1",
            source,
            external_id,
            kind,
        )

    async def unfinished(self, pop: str) -> Sequence[SignalRecord]:
        """Stored and never decided (outcome `queued`), oldest first."""
        return await self._many(
            f"{_SELECT} WHERE pop = ? AND outcome = 'queued' ORDER BY ingested_at, event_id", pop
        )

    async def recent(self, pop: str, since_us: int, limit: int) -> Sequence[SignalRecord]:
        """Last seen since then, newest first."""
        return await self._many(
            f"{_SELECT} WHERE pop = ? AND last_seen_at >= ? ORDER BY last_seen_at DESC LIMIT ?",
            pop,
            since_us,
            limit,
        )

    async def page(self, wanted: EventFilter, page: PageRequest) -> Page[SignalRecord]:
        where = Where()
        where.equal_unindexed("source", wanted.source)
        where.equal("victim_ip", None if wanted.victim is None else wanted.victim.victim_text())
        where.equal("vector", wanted.vector)
        where.equal("action", wanted.kind)
        where.equal("outcome", wanted.outcome)
        where.equal("group_id", wanted.group_id)
        where.equal_unindexed("pop", wanted.pop)
        return await read_page(
            self._database, _LISTING, where, page, _RECORD.decode, self._unreadables
        )

    async def _one(self, sql: str, *params: str) -> SignalRecord | None:
        row = await self._database.fetch_one(sql, params)
        return None if row is None else self._unreadables.one("events", row, _RECORD.decode)

    async def _many(self, sql: str, *params: str | int) -> list[SignalRecord]:
        rows = await self._database.fetch_all(sql, params)
        return self._unreadables.read("events", rows, _RECORD.decode)[0]
