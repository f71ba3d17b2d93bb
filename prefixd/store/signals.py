"""Signals with their fate: the `events` table.

One row is one episode of one alert at one source; the unique index over (source, external id,
action, episode) decides between two requests that bring the same news. A repeat refreshes the row
and adds none, so a detector that reports every ten seconds for a week leaves one row.
"""

from collections.abc import Sequence
from sys import intern
from typing import Final

import msgspec

from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.page import EventFilter, Page, PageRequest
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Direction, Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.counters import total_events
from prefixd.store.database import Database, Row
from prefixd.store.paging import Listing, Where, read_page
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Claim, Statement, Unit
from prefixd.store.unreadable import Unreadables

_COLUMNS: Final = (
    "event_id, external_event_id, source, action, episode, pop, event_timestamp, ingested_at,"
    " last_seen_at, refresh_count, victim_ip, vector, bps, pps, confidence, details_json,"
    " raw_details, outcome, reason, codes_json, group_id, mitigation_id, customer_id, last_hash"
)
_INSERT: Final = (
    f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * 24)}) ON CONFLICT DO NOTHING"
)
_UPDATE: Final = (
    "UPDATE events SET last_seen_at = ?, refresh_count = ?, bps = ?, pps = ?, confidence = ?,"
    " details_json = ?, outcome = ?, reason = ?, codes_json = ?, group_id = ?, mitigation_id = ?,"
    " customer_id = ?, last_hash = ? WHERE event_id = ?"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM events"
_LISTING: Final = Listing("events", _COLUMNS, "ingested_at", "event_id")


class _Details(msgspec.Struct, omit_defaults=True):
    adapter: str = "native"
    direction: Direction = Direction.INCOMING
    confidence_origin: str = "none"
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    protocols: tuple[int, ...] = ()
    force: bool = False
    stale: bool = False
    warnings: tuple[str, ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_DETAILS: Final = msgspec.json.Decoder(_Details)
_WORDS: Final = msgspec.json.Decoder(tuple[str, ...])


class SignalWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, record: SignalRecord) -> None:
        """Conflict("episode") when (source, external_id, kind, episode) exists."""
        signal = record.signal
        params = (
            record.signal_id,
            signal.external_id,
            signal.source,
            signal.kind,
            record.episode,
            record.pop,
            signal.observed_at_us,
            signal.received_at_us,
            record.last_seen_us,
            record.refresh_count,
            signal.victim.victim_text(),
            signal.vector,
            signal.bps,
            signal.pps,
            signal.confidence,
            _details(signal),
            signal.raw or None,
            record.outcome,
            record.reason,
            _codes(record.codes),
            record.group_id,
            record.mitigation_id,
            record.customer_id,
            record.last_hash,
        )
        self._unit.statements.append(
            Statement(_INSERT, params, clash="episode", key=signal.external_id, hot=True)
        )
        self._unit.claims.append(Claim(total_events(record.pop), 1))

    def update(self, record: SignalRecord) -> None:
        """Fate, last_seen_us, refresh count and the refreshed numbers, by signal_id."""
        signal = record.signal
        params = (
            record.last_seen_us,
            record.refresh_count,
            signal.bps,
            signal.pps,
            signal.confidence,
            _details(signal),
            record.outcome,
            record.reason,
            _codes(record.codes),
            record.group_id,
            record.mitigation_id,
            record.customer_id,
            record.last_hash,
            record.signal_id,
        )
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
        return await read_page(self._database, _LISTING, where, page, _record, self._unreadables)

    async def _one(self, sql: str, *params: str) -> SignalRecord | None:
        row = await self._database.fetch_one(sql, params)
        return None if row is None else self._unreadables.one("events", row, _record)

    async def _many(self, sql: str, *params: str | int) -> list[SignalRecord]:
        rows = await self._database.fetch_all(sql, params)
        return self._unreadables.read("events", rows, _record)[0]


def _details(signal: Signal) -> str:
    return _ENCODER.encode(
        _Details(
            adapter=signal.adapter,
            direction=signal.direction,
            confidence_origin=signal.confidence_origin,
            dst_ports=signal.dst_ports,
            src_ports=signal.src_ports,
            protocols=signal.protocols,
            force=signal.force,
            stale=signal.stale,
            warnings=signal.warnings,
        )
    ).decode()


def _codes(codes: tuple[str, ...]) -> str:
    return _ENCODER.encode(codes).decode() if codes else "[]"


def _record(row: Row) -> SignalRecord:
    (
        event_id,
        external_id,
        source,
        kind,
        episode,
        pop,
        observed_at,
        received_at,
        last_seen_at,
        refresh_count,
        victim,
        vector,
        bps,
        pps,
        confidence,
        details_text,
        raw,
        outcome,
        reason,
        codes_text,
        group_id,
        mitigation_id,
        customer_id,
        last_hash,
    ) = row
    details = _DETAILS.decode(details_text)
    signal = Signal(
        source=intern(source),
        adapter=intern(details.adapter),
        external_id=external_id,
        kind=SignalKind(kind),
        victim=parse_prefix(victim),
        vector=Vector(vector),
        observed_at_us=observed_at,
        received_at_us=received_at,
        direction=details.direction,
        confidence=confidence,
        confidence_origin=intern(details.confidence_origin),
        bps=bps,
        pps=pps,
        dst_ports=details.dst_ports,
        src_ports=details.src_ports,
        protocols=details.protocols,
        force=details.force,
        stale=details.stale,
        warnings=details.warnings,
        raw=raw or "",
    )
    return SignalRecord(
        signal_id=SignalId(intern(event_id)),
        signal=signal,
        episode=episode,
        pop=intern(pop),
        outcome=Outcome(outcome),
        last_seen_us=last_seen_at,
        reason=reason,
        codes=() if codes_text == "[]" else _WORDS.decode(codes_text),
        group_id=None if group_id is None else GroupId(intern(group_id)),
        mitigation_id=None if mitigation_id is None else MitigationId(intern(mitigation_id)),
        customer_id=customer_id and intern(customer_id),
        refresh_count=refresh_count,
        last_hash=last_hash,
    )
