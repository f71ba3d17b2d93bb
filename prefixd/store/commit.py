"""Group commit: units that arrive while a commit runs share the next one.

A commit costs a flush to disk whether it carries one row or a thousand. So there is one writer;
it takes every unit in the queue, stores them in one transaction, and only then answers each of
their callers. The slower the disk, the larger the batches; an idle system still answers a single
unit at once. There is no timer and nothing to tune.

The writer is a task that exists while there is work. It is bounded: past `queue_limit` units the
next one is refused at once and not stored. When the database is unreachable, all queued units are
answered with that error, and the next unit tries again; there is nothing to restart.

One uncertainty cannot be removed: when the connection breaks during COMMIT, the batch is answered
"unavailable" although it may be stored. Rows carry ids and versions, so a retry of such a unit
finds its own rows, gets a `Conflict`, and never stores them twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from prefixd.errors import StoreDamaged, StoreUnavailable
from prefixd.store.audit import AuditChain
from prefixd.store.database import ChainMoved, Database, Outcome
from prefixd.store.settings import StoreSettings
from prefixd.store.unit import Unit

CHAIN_ATTEMPTS = 5

Done: TypeAlias = Callable[[Exception | None], None]


class Waiting:
    """A unit in the queue, and the callback for its outcome."""

    __slots__ = ("done", "unit", "unwanted")

    def __init__(self, unit: Unit, done: Done) -> None:
        self.unit = unit
        self.done = done
        self.unwanted = False


@dataclass(slots=True)
class CommitCounts:
    """For the metrics: how much, in how many commits, how often refused."""

    units: int = 0
    commits: int = 0
    conflicts: int = 0
    failures: int = 0
    refused_full: int = 0


class GroupCommit:
    def __init__(self, database: Database, chain: AuditChain, settings: StoreSettings) -> None:
        self.counts = CommitCounts()
        self._database = database
        self._chain = chain
        self._settings = settings
        self._queue: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def depth(self) -> int:
        return len(self._queue)

    def put(self, unit: Unit, done: Done) -> Waiting:
        """`done` is called once, from the event loop: with None when the unit is durable, else with
        the Conflict or StoreUnavailable that says why it is not. A full queue raises at once."""
        if self._closed:
            raise StoreUnavailable("the database is closed", 5)
        if (damage := self._database.damage) is not None:
            raise StoreDamaged(str(damage), damage.retry_after_s)
        if len(self._queue) >= self._settings.queue_limit:
            self.counts.refused_full += 1
            raise StoreUnavailable("too many writes are waiting for the database", 1)
        waiting = Waiting(unit, done)
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._drain(), name="store group commit"
            )
        return waiting

    async def submit(self, unit: Unit) -> None:
        """Returns when the unit is durable. Raises Conflict or StoreUnavailable: it is not."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self.put(unit, partial(_resolve, stored))
        try:
            await stored
        except asyncio.CancelledError:
            waiting.unwanted = True  # not stored, unless a commit has it already
            raise

    async def close(self) -> None:
        """Stores what has been accepted, then accepts nothing more."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # other tasks of this turn of the loop add their units first
        taken: list[Waiting] = []
        try:
            while taken := self._take():
                try:
                    outcomes = await self._store([waiting.unit for waiting in taken])
                except StoreUnavailable as error:
                    self.counts.failures += 1
                    # The units still queued would meet the same database: answer them now.
                    self._fail(taken, error)
                    continue
                self._answer(taken, outcomes)
        except BaseException:  # the writer itself is broken; answer every caller that waits for it
            self._fail(taken, StoreUnavailable("the database writer failed", 1))
            raise

    def _take(self) -> list[Waiting]:
        taken: list[Waiting] = []
        while self._queue and len(taken) < self._settings.batch_limit:
            waiting = self._queue.popleft()
            if not waiting.unwanted:
                taken.append(waiting)
        return taken

    async def _store(self, units: Sequence[Unit]) -> list[Outcome]:
        for _ in range(CHAIN_ATTEMPTS):
            try:
                await self._chain.load(self._database)
                outcomes = await self._database.apply(units, self._chain.seal)
            except ChainMoved:
                self._chain.forget()
                continue
            except BaseException:
                self._chain.forget()
                raise
            self._chain.advance()
            return outcomes
        raise StoreUnavailable("another process keeps writing to our audit chain", 1)

    def _answer(self, taken: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        self.counts.commits += 1
        stored = sum(outcome is None for outcome in outcomes)
        self.counts.units += stored
        self.counts.conflicts += len(outcomes) - stored
        _answer_each(taken, outcomes)

    def _fail(self, taken: Sequence[Waiting], error: StoreUnavailable) -> None:
        left = [*taken, *self._queue]
        self._queue.clear()
        _answer_each(left, [StoreUnavailable(str(error), error.retry_after_s) for _ in left])


def _answer_each(waiting: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
    # Through the loop: an exception in one `done` must not stop the writer.
    call_soon = asyncio.get_running_loop().call_soon
    for one, outcome in zip(waiting, outcomes, strict=True):
        if not one.unwanted:
            call_soon(one.done, outcome)


def _resolve(stored: "asyncio.Future[None]", problem: Exception | None) -> None:
    if stored.done():  # the caller was cancelled meanwhile; the row is stored all the same
        return
    if problem is None:
        stored.set_result(None)
    else:
        stored.set_exception(problem)
