"""Lines: one turn at a time for a victim, all victims at once, and bounds that hold."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from prefixd.engine.answers import Busy
from prefixd.engine.victim_queue import VictimQueues


class Turns:
    """Turns that end when the test says so."""

    def __init__(self, **limits: Any) -> None:
        self.turns: list[tuple[Hashable, list[str]]] = []
        self.ends: dict[Hashable, Callable[[], None]] = {}
        self.overdue: list[str] = []
        self.abandoned: list[tuple[str, str]] = []
        self.mistakes: list[Exception] = []
        settings: dict[str, Any] = {
            "queue_limit": 10,
            "total_limit": 100,
            "turn_limit": 4,
            "patience_s": 60.0,
        }
        self.queues: VictimQueues[str] = VictimQueues(
            self.start,
            overdue=self.overdue.append,
            abandon=lambda job, error: self.abandoned.append((job, str(error))),
            **(settings | limits),
        )

    def start(self, key: Hashable, jobs: list[str], ended: Callable[[], None]) -> None:
        if self.mistakes:
            raise self.mistakes.pop()
        self.turns.append((key, list(jobs)))
        self.ends[key] = ended

    def end(self, key: Hashable) -> None:
        self.ends.pop(key)()


async def some_loop_turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_arrives_together_shares_a_turn() -> None:
    turns = Turns()
    for job in ("a", "b", "c"):
        turns.queues.submit("victim", job)
    assert turns.turns == []
    await some_loop_turns()
    assert turns.turns == [("victim", ["a", "b", "c"])]


async def test_a_victim_has_one_turn_at_a_time_and_others_do_not_wait() -> None:
    turns = Turns()
    turns.queues.submit("one", "a")
    await some_loop_turns()
    turns.queues.submit("one", "b")
    turns.queues.submit("two", "c")
    await some_loop_turns()
    assert turns.turns == [("one", ["a"]), ("two", ["c"])]
    turns.end("one")
    await some_loop_turns()
    assert turns.turns[-1] == ("one", ["b"])
    turns.end("one")
    turns.end("two")
    assert turns.queues.active == 0


async def test_a_long_queue_is_taken_in_turns_and_in_order() -> None:
    turns = Turns(turn_limit=2)
    for number in range(5):
        turns.queues.submit("victim", str(number))
    for expected in (["0", "1"], ["2", "3"], ["4"]):
        await some_loop_turns()
        assert turns.turns[-1] == ("victim", expected)
        turns.end("victim")
    await turns.queues.quiet()
    assert turns.queues.waiting == 0


async def test_a_full_queue_refuses_signals_and_not_the_engine() -> None:
    turns = Turns(queue_limit=1)
    turns.queues.submit("victim", "runs")
    await some_loop_turns()
    turns.queues.submit("victim", "waits")
    with pytest.raises(Busy, match="this victim"):
        turns.queues.submit("victim", "refused")
    turns.queues.submit("victim", "a timer", patient=False)
    turns.end("victim")
    await some_loop_turns()
    assert turns.turns[-1] == ("victim", ["waits", "a timer"])


async def test_too_many_altogether_are_refused_for_any_victim() -> None:
    turns = Turns(total_limit=2)
    turns.queues.submit("one", "a")
    turns.queues.submit("two", "b")
    with pytest.raises(Busy, match="too many"):
        turns.queues.submit("three", "c")


async def test_a_job_that_waits_too_long_is_reported_once_and_keeps_its_place() -> None:
    turns = Turns(patience_s=0.0)
    turns.queues.submit("victim", "runs")
    await some_loop_turns()
    turns.queues.submit("victim", "waits")
    await asyncio.wait_for(_until(lambda: bool(turns.overdue)), 5)
    assert turns.overdue == ["waits"]
    turns.end("victim")
    await some_loop_turns()
    assert turns.turns[-1] == ("victim", ["waits"])
    assert turns.overdue == ["waits"]


async def test_a_mistake_in_a_turn_answers_its_queue_and_leaves_the_others() -> None:
    turns = Turns()
    turns.mistakes.append(RuntimeError("a bug"))
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    turns.queues.submit("one", "a")
    turns.queues.submit("two", "b")
    await some_loop_turns()
    assert turns.abandoned == [("a", "a bug")]
    assert turns.turns == [("two", ["b"])]
    assert [str(context["exception"]) for context in told] == ["a bug"]
    turns.queues.submit("one", "again")
    await some_loop_turns()
    assert turns.turns[-1] == ("one", ["again"])


async def test_stopping_waits_for_turns_and_then_gives_up_the_rest() -> None:
    turns = Turns()
    turns.queues.submit("one", "a")
    await some_loop_turns()
    stopping = asyncio.create_task(turns.queues.drain(30.0))
    await some_loop_turns()
    with pytest.raises(Busy, match="stopping"):
        turns.queues.submit("two", "b")
    turns.end("one")
    assert await stopping is True

    late = Turns()
    late.queues.submit("one", "a")
    await some_loop_turns()
    late.queues.submit("one", "b")
    assert await late.queues.drain(0.0) is False
    assert late.abandoned == [(job, "the service is stopping") for job in ("a", "b")]


async def test_a_burst_of_victims_leaves_time_for_the_loop() -> None:
    turns = Turns(total_limit=1000)
    for number in range(300):
        turns.queues.submit(number, "job")
    started: list[int] = []
    while len(turns.turns) < 300:
        await asyncio.sleep(0)
        started.append(len(turns.turns))
    assert len(started) > 5


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)
