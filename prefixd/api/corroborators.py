"""Corroborating sources of the last minutes, and evidence that waits for a group."""

from collections.abc import Sequence
from typing import Any

import msgspec

from prefixd.api.problem import ApiError
from prefixd.api.render import format_time, shaped
from prefixd.api.reply import Reply
from prefixd.api.route import Call, Route
from prefixd.domain.actor import Permission
from prefixd.domain.record import CorroborationRecord

LONGEST_MINUTES = 1440
CACHE_MAX = 1000


class ActivityQuery(msgspec.Struct, kw_only=True):
    minutes: int = 60


class CacheQuery(msgspec.Struct, kw_only=True):
    limit: int = 100
    source: str | None = None


class SourceActivity(msgspec.Struct):
    source: str
    last_seen: str
    count: int


class Activity(msgspec.Struct):
    since: str
    sources: list[SourceActivity]


class SourceCount(msgspec.Struct):
    source: str
    count: int


class CachedSignal(msgspec.Struct, kw_only=True):
    signal_id: str
    source: str
    vector: str | None
    customer_id: str | None
    pop: str | None
    service_id: str | None
    interface: str | None
    confidence: float | None
    weight: float
    ingested_at: str
    expires_at: str
    raw_details: Any
    attached_group_ids: list[str]


class Cache(msgspec.Struct):
    now: str
    total: int
    by_source: list[SourceCount]
    signals: list[CachedSignal]


async def activity(call: Call[None, ActivityQuery]) -> Reply:
    minutes = min(max(call.query.minutes, 1), LONGEST_MINUTES)
    since_us = call.services.clock.now_us() - minutes * 60_000_000
    rows: dict[str, SourceActivity] = {}
    for record in call.services.engine.queries.corroborations():
        value = record.corroboration
        if value.received_at_us < since_us:
            continue
        row = rows.setdefault(
            value.source, SourceActivity(value.source, format_time(value.received_at_us), 0)
        )
        row.count += 1
    return Reply(Activity(format_time(since_us), [rows[name] for name in sorted(rows)]))


async def cache(call: Call[None, CacheQuery]) -> Reply:
    query = call.query
    if query.limit < 1:
        raise ApiError(400, "bad_query", "limit must be at least 1", field="limit")
    waiting = call.services.engine.queries.corroborations(query.source)
    counts: dict[str, int] = {}
    for record in waiting:
        counts[record.corroboration.source] = counts.get(record.corroboration.source, 0) + 1
    return Reply(
        Cache(
            now=format_time(call.services.clock.now_us()),
            total=len(waiting),
            by_source=[SourceCount(name, counts[name]) for name in sorted(counts)],
            signals=[_shown(record) for record in waiting[: min(query.limit, CACHE_MAX)]],
        )
    )


def _shown(record: CorroborationRecord) -> CachedSignal:
    value = record.corroboration
    return shaped(
        CachedSignal,
        value,
        record,
        ingested_at=format_time(value.received_at_us),
        raw_details=msgspec.Raw(value.raw.encode()) if value.raw else None,
        attached_group_ids=list(record.attached),
    )


ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/signals/corroborator/activity", handle=activity,
        summary="Corroborating sources of the last minutes", tag="signals", query=ActivityQuery,
        replies={200: Activity},
    ),
    Route(
        method="GET", path="/v1/signals/corroborator/cache", handle=cache,
        summary="Evidence that waits for a group", tag="signals", query=CacheQuery,
        permission=Permission.CONFIGURE, replies={200: Cache},
    ),
)  # fmt: skip
