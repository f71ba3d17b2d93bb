"""Scrapes while the daemon has better things to do."""

import asyncio
from collections.abc import Iterator

from prefixd.observability.exposition import Exposition
from prefixd.observability.registry import SLICE_LINES, Registry


def crowded(families: int = 4) -> Registry:
    registry = Registry()
    for number in range(families):
        family = registry.counter(f"family{number}_total", "Many.", "name", limit=SLICE_LINES)
        for child in range(SLICE_LINES):
            family.labels(f"n{child}").inc(child)
    return registry


async def test_the_text_is_the_same_in_slices_and_at_once() -> None:
    registry = crowded()
    assert await Exposition(registry).text() == registry.render()


async def test_others_get_their_turn_between_slices() -> None:
    turns = 0

    async def neighbor() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(neighbor())
    await Exposition(crowded(families=4)).text()
    task.cancel()
    assert turns >= 4


async def test_who_asks_meanwhile_gets_the_same_text_and_later_ones_a_new_one() -> None:
    registry = Registry()
    asked = registry.counter("asked_total", "Times it was rendered.").labels()
    registry.before_render(asked.inc)
    exposition = Exposition(registry)
    first, second = await asyncio.gather(exposition.text(), exposition.text())
    assert first is second
    assert b"asked_total 1\n" in first
    assert b"asked_total 2\n" in await exposition.text()


async def test_a_child_that_comes_or_goes_between_slices_spoils_nothing() -> None:
    registry = crowded(families=1)
    late = registry.gauge("late", "Late.", "name")
    late.labels("gone").set(1)
    making = asyncio.create_task(Exposition(registry).text())
    await asyncio.sleep(0)
    late.labels("new").set(7)
    late.forget("gone")
    text = await making
    assert b'late{name="new"} 7\n' in text
    assert b"gone" not in text


def test_a_reader_may_rest_and_is_finished_before_anything_is_written() -> None:
    registry = Registry()
    gauge = registry.gauge("g", "G.").labels()

    def reader() -> Iterator[None]:
        gauge.set(1)
        yield
        gauge.set(2)

    registry.before_render(reader)
    assert b"g 2\n" in registry.render()
