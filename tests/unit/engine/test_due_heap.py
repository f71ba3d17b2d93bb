"""Moments come out in time, once, whatever happens to the civil clock meanwhile."""

import asyncio

import pytest

from prefixd.engine.due_heap import JUMP_US, Due, DueHeap, Key, SteadyTime
from tests.kit.builders import SECOND
from tests.kit.clock import FakeClock

ONE: Key = (Due.MITIGATION, "one")
TWO: Key = (Due.GROUP, "two")


def a_heap() -> tuple[FakeClock, SteadyTime, DueHeap]:
    clock = FakeClock()
    time = SteadyTime(clock)
    return clock, time, DueHeap(time)


def due(heap: DueHeap, now_us: int) -> list[Key]:
    found = []
    while (key := heap.pop_due(now_us)) is not None:
        found.append(key)
    return found


def test_keys_come_out_when_they_are_due_and_in_order() -> None:
    _, time, heap = a_heap()
    now_us = time.now_us()
    heap.schedule(TWO, now_us + 2 * SECOND)
    heap.schedule(ONE, now_us + SECOND)
    assert heap.next_moment_us() == now_us + SECOND
    assert due(heap, now_us + SECOND - 1) == []
    assert due(heap, now_us + 2 * SECOND) == [ONE, TWO]
    assert heap.next_moment_us() is None


def test_an_earlier_moment_overtakes_and_a_later_one_is_ignored() -> None:
    _, time, heap = a_heap()
    now_us = time.now_us()
    heap.schedule(ONE, now_us + 5 * SECOND)
    heap.schedule(ONE, now_us + 9 * SECOND)
    heap.schedule(ONE, now_us + SECOND)
    assert len(heap) == 1
    assert due(heap, now_us + 10 * SECOND) == [ONE]


def test_many_keys_are_loaded_at_once() -> None:
    _, time, heap = a_heap()
    now_us = time.now_us()
    heap.load([(TWO, now_us + 2), (ONE, now_us + 1)])
    assert due(heap, now_us + 2) == [ONE, TWO]


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_civil_clock_that_is_set_moves_no_entry(seconds: float) -> None:
    clock, time, heap = a_heap()
    heap.schedule(ONE, time.now_us() + 10 * SECOND)
    clock.jump(seconds)
    assert time.jump() == seconds * SECOND
    assert time.jump() == 0
    assert due(heap, time.now_us()) == []
    clock.advance(10)
    assert due(heap, time.now_us()) == [ONE]


def test_a_small_difference_is_followed_forwards_and_never_backwards() -> None:
    clock, time, _ = a_heap()
    clock.jump(JUMP_US / 1e6 / 2)
    assert time.jump() == 0
    assert time.now_us() == clock.now_us()
    clock.jump(-JUMP_US / 1e6 / 2)
    before_us = time.now_us()
    assert time.jump() == 0
    assert time.now_us() == before_us


async def test_a_waiting_task_wakes_for_an_earlier_moment() -> None:
    _, time, heap = a_heap()
    heap.schedule(ONE, time.now_us() + 3600 * SECOND)
    waiting = asyncio.create_task(heap.wait())
    await asyncio.sleep(0)
    heap.schedule(TWO, time.now_us())
    await asyncio.wait_for(waiting, 0.9)
