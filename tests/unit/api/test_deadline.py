"""One timer for all requests: who is late hears it, nobody else does."""

import asyncio

import pytest

from prefixd.api.deadline import Deadlines


async def test_work_that_takes_too_long_ends_in_a_timeout() -> None:
    deadlines = Deadlines(0.02)
    watch = deadlines.watch()
    with pytest.raises(TimeoutError), watch:
        await asyncio.Event().wait()
    assert watch.expired
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_is_late_by_its_own_beginning() -> None:
    deadlines = Deadlines(0.03)
    late: list[str] = []

    async def work(name: str, done: asyncio.Event) -> None:
        try:
            with deadlines.watch():
                await done.wait()
        except TimeoutError:
            late.append(name)

    quick = asyncio.Event()
    quick.set()
    never = asyncio.Event()
    tasks = [asyncio.create_task(work("first", never)), asyncio.create_task(work("ok", quick))]
    await asyncio.sleep(0.01)
    tasks.append(asyncio.create_task(work("second", never)))
    await asyncio.gather(*tasks)
    assert late == ["first", "second"]


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    deadlines = Deadlines(60)

    async def work() -> None:
        with deadlines.watch():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_inside_is_not_hidden() -> None:
    with pytest.raises(KeyError), Deadlines(60).watch():
        raise KeyError("x")
