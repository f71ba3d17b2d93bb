"""One neighbor reads in each pass of the event loop, in the order they came."""

import asyncio

from prefixd.bgp.peer.read_turns import ReadTurns


async def test_two_never_have_a_turn_in_the_same_pass() -> None:
    turns, passes, order = ReadTurns(), 0, []

    async def neighbor(name: str) -> None:
        for _ in range(3):
            await turns.wait()
            order.append((name, passes))

    tasks = [asyncio.create_task(neighbor(name)) for name in "abc"]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        passes += 1
    assert "".join(name for name, _ in order) == "abcabcabc"
    assert len({at for _, at in order}) == len(order)


async def test_a_neighbor_that_left_costs_no_turn() -> None:
    turns = ReadTurns()
    gone = asyncio.create_task(turns.wait())
    stays = asyncio.create_task(turns.wait())
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert gone.cancelled()


async def test_a_turn_is_never_in_the_pass_that_asked() -> None:
    turns, passes = ReadTurns(), 0

    async def count() -> None:
        nonlocal passes
        while True:
            await asyncio.sleep(0)
            passes += 1

    other = asyncio.create_task(count())
    await asyncio.sleep(0)
    for _ in range(5):
        before = passes
        await turns.wait()
        assert passes > before
    other.cancel()
