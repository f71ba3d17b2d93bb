"""Numbers and history: totals, time series, POPs, and everything known about one address."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from prefixd.api import render, shapes
from prefixd.api.problem import ApiError
from prefixd.api.query import parse_victim
from prefixd.api.render import format_time
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.page import PAGE_MAX, EventFilter, MitigationFilter, PageRequest

_SPAN = re.compile(r"([1-9]\d{0,5})([smhd])\Z")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_RANGE_S = 168 * 3600
SHORTEST_BUCKET_S = 300
METRICS = ("mitigations", "events")


class PopStats(msgspec.Struct):
    pop: str
    active: int
    total: int


class Stats(msgspec.Struct):
    total_active: int
    total_mitigations: int
    total_events: int
    pops: list[PopStats]
    active_by_action: dict[str, int]


class PopRow(msgspec.Struct):
    pop: str
    active_mitigations: int
    total_mitigations: int


class SeriesQuery(msgspec.Struct, kw_only=True):
    metric: str = "mitigations"
    range: str = "24h"
    bucket: str = "1h"


class SeriesBucket(msgspec.Struct):
    bucket: str
    count: int


class Series(msgspec.Struct):
    metric: str
    buckets: list[SeriesBucket]


class HistoryQuery(msgspec.Struct, kw_only=True):
    limit: int = 100


class HistoryCustomer(msgspec.Struct):
    customer_id: str
    name: str
    policy_profile: str


class HistoryService(msgspec.Struct):
    service_id: str
    name: str


class History(msgspec.Struct):
    ip: str
    customer: HistoryCustomer | None
    service: HistoryService | None
    events: list[shapes.Event]
    mitigations: list[shapes.Mitigation]


async def stats(call: Call[None, NoQuery]) -> Reply:
    totals = await call.services.engine.store.stats.totals()
    return Reply(
        Stats(
            total_active=totals.active,
            total_mitigations=totals.mitigations,
            total_events=totals.events,
            pops=[PopStats(entry.pop, entry.active, entry.total) for entry in totals.pops],
            active_by_action=dict(totals.by_action),
        )
    )


async def timeseries(call: Call[None, SeriesQuery]) -> Reply:
    query, now_us = call.query, call.services.clock.now_us()
    if query.metric not in METRICS:
        message = f"metric must be one of {', '.join(METRICS)}"
        raise ApiError(400, "bad_query", message, field="metric")
    range_us = min(_span_s(query.range, "range"), LONGEST_RANGE_S) * 1_000_000
    bucket_us = max(_span_s(query.bucket, "bucket"), SHORTEST_BUCKET_S) * 1_000_000
    start_us = (now_us - range_us) // bucket_us * bucket_us
    found = await call.services.engine.store.stats.buckets(
        query.metric, start_us, now_us, bucket_us
    )
    counts = {entry.start_us: entry.number for entry in found}
    buckets = [
        SeriesBucket(format_time(at_us), counts.get(at_us, 0))
        for at_us in range(start_us, now_us, bucket_us)
    ]
    return Reply(Series(query.metric, buckets))


async def pops(call: Call[None, NoQuery]) -> Reply:
    found = {entry.pop: entry for entry in await call.services.engine.store.stats.pops()}
    rows = [PopRow(entry.pop, entry.active, entry.total) for entry in found.values()]
    if call.services.pop not in found:
        rows.append(PopRow(call.services.pop, 0, 0))
    return Reply(sorted(rows, key=lambda row: row.pop))


async def ip_history(call: Call[None, HistoryQuery]) -> Reply:
    queries = call.services.engine.queries
    victim = parse_victim(call.path["ip"], "ip")
    if victim is None or call.query.limit < 1:
        raise ApiError(400, "bad_query", "limit must be at least 1", field="limit")
    request = PageRequest(limit=min(call.query.limit, PAGE_MAX))
    events = await call.services.engine.store.signals.page(EventFilter(victim=victim), request)
    mitigations = await call.services.engine.store.mitigations.page(
        MitigationFilter(victim=victim), request
    )
    owner = queries.owner_of(victim)
    customer = None if owner is None else owner.customer
    service = None if owner is None else owner.service
    return Reply(
        History(
            ip=victim.victim_text(),
            customer=None
            if customer is None
            else HistoryCustomer(customer.customer_id, customer.name, customer.profile),
            service=None if service is None else HistoryService(service.service_id, service.name),
            events=[render.event(record) for record in events.items],
            mitigations=[render.mitigation(value) for value in mitigations.items],
        )
    )


def _span_s(text: str, field: str) -> int:
    found = _SPAN.match(text)
    if found is None:
        message = f"{field} must be a span such as 15m, 24h or 7d"
        raise ApiError(400, "bad_query", message, field=field)
    return int(found.group(1)) * _UNIT_S[found.group(2)]


_TAG: dict[str, Any] = {"tag": "statistics"}
ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/stats", handle=stats, summary="Totals", replies={200: Stats},
        **_TAG,
    ),
    Route(
        method="GET", path="/v1/stats/timeseries", handle=timeseries,
        summary="Counts over time, empty buckets included", query=SeriesQuery,
        replies={200: Series}, **_TAG,
    ),
    Route(
        method="GET", path="/v1/pops", handle=pops, summary="Sites and their counts",
        replies={200: list[PopRow]}, **_TAG,
    ),
    Route(
        method="GET", path="/v1/ip/{ip}/history", handle=ip_history,
        summary="Everything known about one address", query=HistoryQuery,
        replies={200: History}, **_TAG,
    ),
)  # fmt: skip
