import asyncio
import os
import signal

from prefixd.daemon.lifecycle import Lifecycle


async def nothing() -> None:
    return None


async def hang() -> None:
    await asyncio.Event().wait()


async def test_sigterm_asks_for_the_orderly_stop() -> None:
    life = Lifecycle(nothing)
    life.install()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await life.wait_for_stop()
    finally:
        life.remove()
    assert await life.stop_within(nothing(), limit_s=5)


async def test_a_second_signal_stops_at_once() -> None:
    life = Lifecycle(nothing)
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("cancelled")

    life.ask_to_stop("SIGTERM")
    stopping = asyncio.ensure_future(life.stop_within(endless(), limit_s=60))
    await asyncio.sleep(0)
    life.ask_to_stop("SIGTERM")
    assert await stopping is False
    assert cleaned == ["cancelled"]


async def test_the_time_limit_cuts_a_stop_that_hangs() -> None:
    life = Lifecycle(nothing)
    life.ask_to_stop("SIGINT")
    assert await life.stop_within(hang(), limit_s=0.01) is False


async def test_sighup_storms_become_one_more_reload() -> None:
    running = asyncio.Event()
    release = asyncio.Event()
    reloads = 0

    async def reload() -> None:
        nonlocal reloads
        reloads += 1
        running.set()
        await release.wait()

    life = Lifecycle(reload)
    life.install()
    task = asyncio.ensure_future(life.serve_reloads())
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        await running.wait()
        for _ in range(10):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
        release.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert reloads == 2
    finally:
        task.cancel()
        life.remove()
