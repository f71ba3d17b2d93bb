"""Lines: one turn at a time for a victim, all victims at once, and bounds that hold."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from prefixd.engine.answers import Busy
from prefixd.engine.victim_queue import Workers


class Night:
    """Turns that end when the test says so."""

    def __init__(self, **limits: Any) -> None:
        self.turns: list[tuple[Hashable, list[str]]] = []
        self.ends: dict[Hashable, Callable[[], None]] = {}
        self.overdue: list[str] = []
        self.abandoned: list[tuple[str, str]] = []
        self.mistakes: list[Exception] = []
        settings: dict[str, Any] = {
            "line_limit": 10,
            "total_limit": 100,
            "turn_limit": 4,
            "patience_s": 60.0,
        }
        self.workers: Workers[str] = Workers(
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


async def a_breath() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_arrives_in_one_breath_shares_a_turn() -> None:
    night = Night()
    for job in ("a", "b", "c"):
        night.workers.submit("victim", job)
    assert night.turns == []
    await a_breath()
    assert night.turns == [("victim", ["a", "b", "c"])]


async def test_a_victim_has_one_turn_at_a_time_and_others_do_not_wait() -> None:
    night = Night()
    night.workers.submit("one", "a")
    await a_breath()
    night.workers.submit("one", "b")
    night.workers.submit("two", "c")
    await a_breath()
    assert night.turns == [("one", ["a"]), ("two", ["c"])]
    night.end("one")
    await a_breath()
    assert night.turns[-1] == ("one", ["b"])
    night.end("one")
    night.end("two")
    assert night.workers.active == 0


async def test_a_long_line_is_taken_in_turns_and_in_order() -> None:
    night = Night(turn_limit=2)
    for number in range(5):
        night.workers.submit("victim", str(number))
    for expected in (["0", "1"], ["2", "3"], ["4"]):
        await a_breath()
        assert night.turns[-1] == ("victim", expected)
        night.end("victim")
    await night.workers.quiet()
    assert night.workers.waiting == 0


async def test_a_full_line_refuses_people_and_not_the_engine() -> None:
    night = Night(line_limit=1)
    night.workers.submit("victim", "runs")
    await a_breath()
    night.workers.submit("victim", "waits")
    with pytest.raises(Busy, match="this victim"):
        night.workers.submit("victim", "refused")
    night.workers.submit("victim", "a timer", patient=False)
    night.end("victim")
    await a_breath()
    assert night.turns[-1] == ("victim", ["waits", "a timer"])


async def test_too_many_altogether_are_refused_whoever_they_are_for() -> None:
    night = Night(total_limit=2)
    night.workers.submit("one", "a")
    night.workers.submit("two", "b")
    with pytest.raises(Busy, match="too many"):
        night.workers.submit("three", "c")


async def test_who_waits_too_long_is_reported_once_and_keeps_its_place() -> None:
    night = Night(patience_s=0.0)
    night.workers.submit("victim", "runs")
    await a_breath()
    night.workers.submit("victim", "waits")
    await asyncio.wait_for(_until(lambda: bool(night.overdue)), 5)
    assert night.overdue == ["waits"]
    night.end("victim")
    await a_breath()
    assert night.turns[-1] == ("victim", ["waits"])
    assert night.overdue == ["waits"]


async def test_a_mistake_in_a_turn_answers_its_line_and_leaves_the_others() -> None:
    night = Night()
    night.mistakes.append(RuntimeError("a bug"))
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    night.workers.submit("one", "a")
    night.workers.submit("two", "b")
    await a_breath()
    assert night.abandoned == [("a", "a bug")]
    assert night.turns == [("two", ["b"])]
    assert [str(context["exception"]) for context in told] == ["a bug"]
    night.workers.submit("one", "again")
    await a_breath()
    assert night.turns[-1] == ("one", ["again"])


async def test_stopping_waits_for_turns_and_then_tells_who_is_left() -> None:
    night = Night()
    night.workers.submit("one", "a")
    await a_breath()
    stopping = asyncio.create_task(night.workers.drain(30.0))
    await a_breath()
    with pytest.raises(Busy, match="stopping"):
        night.workers.submit("two", "b")
    night.end("one")
    assert await stopping is True

    late = Night()
    late.workers.submit("one", "a")
    await a_breath()
    late.workers.submit("one", "b")
    assert await late.workers.drain(0.0) is False
    assert late.abandoned == [(job, "the service is stopping") for job in ("a", "b")]


async def test_a_burst_of_victims_lets_the_loop_breathe() -> None:
    night = Night(total_limit=1000)
    for number in range(300):
        night.workers.submit(number, "job")
    started: list[int] = []
    while len(night.turns) < 300:
        await asyncio.sleep(0)
        started.append(len(night.turns))
    assert len(started) > 5


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)
