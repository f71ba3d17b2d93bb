"""Scrapes while the daemon has better things to do, in the format the scraper asks for."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from prefixd.observability.exposition import Exposition, wants_openmetrics
from prefixd.observability.labelled import PART, Labelled
from prefixd.observability.metrics import Metrics

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def crowded(families: int = 4) -> CollectorRegistry:
    registry = CollectorRegistry()
    for number in range(families):
        metric = Gauge(f"family{number}", "Many.", ("name",), registry=None)
        family = Labelled(metric, ("name",), 10 * PART, registry)
        for child in range(3 * PART):
            family.labels(f"n{child}").set(child)
    return registry


async def test_the_text_has_every_series_under_one_head() -> None:
    text, _ = await Exposition(crowded()).text()
    lines = text.decode().splitlines()
    assert len(lines) == 4 * (2 + 3 * PART)
    assert len(set(lines)) == len(lines)
    assert lines[0] == "# HELP family0 Many."
    assert lines[1] == "# TYPE family0 gauge"


async def test_the_text_of_small_families_is_the_librarys_own() -> None:
    registry = CollectorRegistry()
    Counter("a_total", "A.", registry=registry).inc(3)
    Gauge("b", "B.", registry=registry).set(0.5)
    text, content_type = await Exposition(registry).text("text/plain")
    assert text == generate_latest(registry)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"


async def test_others_get_their_turn_between_parts() -> None:
    turns = 0

    async def neighbor() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(neighbor())
    await Exposition(crowded(families=4)).text()
    task.cancel()
    assert turns >= 12


async def test_scrapes_meanwhile_get_the_same_text_and_later_ones_a_new_one() -> None:
    registry = CollectorRegistry()
    asked = Counter("asked_total", "Times it was written.", registry=registry)

    async def prepare() -> None:
        asked.inc()

    exposition = Exposition(registry, prepare)
    (first, _), (second, _) = await asyncio.gather(exposition.text(), exposition.text())
    assert first is second
    assert b"asked_total 1.0\n" in first
    assert b"asked_total 2.0\n" in (await exposition.text())[0]


async def test_a_client_that_leaves_does_not_spoil_it_for_others() -> None:
    exposition = Exposition(crowded())
    leaving = asyncio.create_task(exposition.text())
    staying = asyncio.create_task(exposition.text())
    await asyncio.sleep(0)
    leaving.cancel()
    assert b"family3" in (await staying)[0]


async def test_a_series_that_comes_or_goes_between_parts_spoils_nothing() -> None:
    registry = crowded(families=1)
    late = Labelled(Gauge("late", "Late.", ("name",), registry=None), ("name",), 10, registry)
    late.labels("gone").set(1)
    writing = asyncio.create_task(Exposition(registry).text())
    await asyncio.sleep(0)
    late.labels("new").set(7)
    late.remove_unless(lambda values: values != ("gone",))
    text, _ = await writing
    assert b'late{name="new"} 7.0\n' in text
    assert b"gone" not in text


async def test_openmetrics_where_it_is_asked_for() -> None:
    metrics = Metrics()
    metrics.build_info.labels("1", "lab1", "enforced").set(1)
    for number in range(3 * PART):
        metrics.http_time.labels("GET", f"/v1/{number}", "2xx").observe(0.01)
    text, content_type = await Exposition(metrics.registry).text(PROMETHEUS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"\n# EOF\n")
    assert text.count(b"# EOF") == 1
    families = {family.name: family for family in openmetrics(text.decode())}
    assert len(families["prefixd_http_request_duration_seconds"].samples) == 3 * PART * 8


def test_what_an_accept_header_asks_for() -> None:
    assert wants_openmetrics(PROMETHEUS)
    assert not wants_openmetrics("")
    assert not wants_openmetrics("*/*")
    assert not wants_openmetrics("text/plain;version=0.0.4")
    assert not wants_openmetrics("application/openmetrics-text;version=1.0.0; q=0, text/plain")
