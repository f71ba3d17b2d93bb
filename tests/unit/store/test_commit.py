"""The group commit's manners towards its callers, with a database that does as it is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from prefixd.errors import Conflict, StoreDamaged, StoreUnavailable
from prefixd.store.audit import AuditChain
from prefixd.store.commit import GroupCommit
from prefixd.store.database import ChainMoved, Outcome, Seal
from prefixd.store.settings import StoreSettings
from prefixd.store.unit import Claim, Unit


class Obedient:
    """Stores nothing; answers each batch with what `script` says next, or with success."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.batches: list[int] = []
        self.damage: StoreDamaged | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch_one(self, sql: str, params: Sequence[object] = ()) -> None:
        return None

    async def apply(self, units: Sequence[Unit], seal: Seal) -> list[Outcome]:
        await self.gate.wait()
        self.batches.append(len(units))
        seal([])
        answer = self.script.pop(0) if self.script else None
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            return [answer(unit) for unit in units]
        return [None] * len(units)


def a_commit(database: Obedient, **changes: Any) -> GroupCommit:
    settings = StoreSettings(connection_string="sqlite::memory:", **changes)
    return GroupCommit(database, AuditChain("ams1"), settings)  # type: ignore[arg-type] # because only two methods are used


def a_unit() -> Unit:
    return Unit(claims=[Claim("x", 1)])


async def test_who_arrives_during_a_commit_shares_the_next() -> None:
    database = Obedient()
    commit = a_commit(database)
    database.gate.clear()
    first = asyncio.create_task(commit.submit(a_unit()))
    for _ in range(3):
        await asyncio.sleep(0)
    rest = [asyncio.create_task(commit.submit(a_unit())) for _ in range(30)]
    await asyncio.sleep(0)
    database.gate.set()
    await asyncio.gather(first, *rest)
    assert database.batches == [1, 30]


async def test_a_batch_has_a_limit() -> None:
    database = Obedient()
    commit = a_commit(database, batch_limit=8)
    await asyncio.gather(*(commit.submit(a_unit()) for _ in range(20)))
    assert database.batches == [8, 8, 4]


async def test_an_outage_is_told_to_all_who_wait_and_forgotten() -> None:
    database = Obedient(StoreUnavailable("away", 7))
    commit = a_commit(database, batch_limit=5)
    answers = await asyncio.gather(
        *(commit.submit(a_unit()) for _ in range(12)), return_exceptions=True
    )
    assert [getattr(answer, "retry_after_s", None) for answer in answers] == [7] * 12
    assert database.batches == [5]  # the others were not sent after it
    await commit.submit(a_unit())
    assert commit.counts.failures == 1


async def test_each_caller_gets_the_outcome_of_its_own_unit() -> None:
    units = [a_unit() for _ in range(4)]
    database = Obedient(lambda unit: Conflict("version", "m") if unit is units[2] else None)
    commit = a_commit(database)
    answers = await asyncio.gather(*map(commit.submit, units), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), type(None), Conflict, type(None)]
    assert (commit.counts.units, commit.counts.conflicts) == (3, 1)


async def test_a_moved_chain_is_read_again_a_few_times() -> None:
    commit = a_commit(Obedient(ChainMoved(), ChainMoved()))
    await commit.submit(a_unit())
    stubborn = a_commit(Obedient(*(ChainMoved() for _ in range(50))))
    with pytest.raises(StoreUnavailable, match="audit chain"):
        await stubborn.submit(a_unit())


async def test_a_broken_writer_leaves_nobody_waiting() -> None:
    """A fault of ours ends the writer's task and is shown; the next unit has a new writer."""
    loop = asyncio.get_running_loop()
    shown: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: shown.append(context))
    commit = a_commit(Obedient(ZeroDivisionError("our mistake")))
    answers = await asyncio.gather(
        *(commit.submit(a_unit()) for _ in range(3)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    await commit.submit(a_unit())
    assert [type(context["exception"]) for context in shown] == [ZeroDivisionError]


async def test_a_commit_that_succeeds_makes_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Counted(StoreUnavailable):
        def __init__(self, text: str, retry_after_s: int) -> None:
            made.append(text)
            super().__init__(text, retry_after_s)

    monkeypatch.setattr("prefixd.store.commit.StoreUnavailable", Counted)
    commit = a_commit(Obedient())
    await commit.submit(a_unit())
    await commit.close()
    assert made == []


async def test_a_cancelled_unit_that_was_not_taken_is_never_sent() -> None:
    database = Obedient()
    commit = a_commit(database)
    database.gate.clear()
    first = asyncio.create_task(commit.submit(a_unit()))
    for _ in range(3):
        await asyncio.sleep(0)
    second = asyncio.create_task(commit.submit(a_unit()))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    database.gate.set()
    await first
    await commit.close()
    assert database.batches == [1]
