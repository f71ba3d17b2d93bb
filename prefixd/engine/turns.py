"""The engine's one way of changing anything: ask the verbs, save the turn, then publish it.

Whatever happens to a victim, by a signal, an operator, a timer or another instance, is a *verb*: a
plain function over a `Turn`, run in the victim's queue. Deciding is synchronous, so between reading
the live state and reserving what the decision takes no other code runs: that is the gate, and it
needs no lock. Then the unit is saved; then it enters the live state; then effects; then the callers
get their answers.

A conflict means that a row has a newer version: another instance wrote it, or a commit of ours was
stored although its answer was lost. The live state is read again from the store, row by row and
only where the turn looked, and the verbs are asked once more.

When the database is unreachable new signals are refused and existing rules are kept.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from functools import partial
from typing import Generic, TypeVar

from prefixd.domain.mitigation import LIVE, Mitigation
from prefixd.domain.news import StoreLost, StoreRestored
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import SignalKind
from prefixd.engine.answers import Busy
from prefixd.engine.bus import Bus
from prefixd.engine.due_heap import Due, DueHeap, SteadyTime
from prefixd.engine.effects import Effects
from prefixd.engine.episodes import known_from
from prefixd.engine.live_state import LiveState
from prefixd.engine.ports import Announcer, Notifier
from prefixd.engine.settings import Snapshot
from prefixd.engine.turn import Turn
from prefixd.engine.victim_queue import VictimQueues
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 4
"""How often the verbs of a turn are asked before a lasting conflict is answered with Busy."""


class Job(Generic[T]):
    """A verb and the future of its answer.

    The context is that of the caller: a turn starts later and ends when the commit returns, in the
    context of other code, and what is logged then names the request it belongs to.
    """

    __slots__ = ("answer", "context", "overdue", "verb")

    def __init__(
        self,
        verb: Callable[[Turn], T],
        answer: "asyncio.Future[T]",
        overdue: Callable[[], None] | None,
    ) -> None:
        self.verb = verb
        self.answer = answer
        self.overdue = overdue
        self.context = copy_context()

    def resolve(self, value: T) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # A timer's verb has no caller who waits; its failure was logged where it happened.
            self.answer.exception()


AnyJob = Job[object]
NO_VICTIM = "no victim"
"""The queue of what concerns no single victim."""


class _Attempts:
    """The jobs of one turn, asked until their unit is saved or given up."""

    __slots__ = ("ended", "jobs", "left", "victim")

    def __init__(
        self, victim: Prefix | None, jobs: list[AnyJob], ended: Callable[[], None]
    ) -> None:
        self.victim = victim
        self.jobs = jobs
        self.ended = ended
        self.left = ATTEMPTS

    def fail(self, error: BaseException) -> None:
        for job in self.jobs:
            job.fail(error)
        self.ended()


class Core:
    """What every verb needs: the live state, the store, the queues, the effects."""

    def __init__(
        self,
        *,
        store: Store,
        announcer: Announcer,
        notifier: Notifier,
        time: SteadyTime,
        snapshot: Snapshot,
        bus: Bus,
        new_id: Callable[[], str],
    ) -> None:
        settings = snapshot.settings
        self.store = store
        self.announcer = announcer
        self.time = time
        self.snapshot = snapshot
        self.new_id = new_id
        self.live = LiveState(settings.episode_memory_limit)
        self.due = DueHeap(time)
        self.bus = bus
        self.effects = Effects(announcer, notifier, self.bus, snapshot.pop)
        self.store_problem: StoreUnavailable | None = None
        self.suspect = False
        """Something may be in the store that is not in the live state: compare them first."""
        self._retrying: set[asyncio.Task[None]] = set()
        self.queues: VictimQueues[AnyJob] = VictimQueues(
            self._start_turn,
            queue_limit=settings.victim_queue_limit,
            total_limit=settings.total_queue_limit,
            turn_limit=settings.victim_batch_limit,
            patience_s=settings.answer_wait_s,
            overdue=_overdue,
            abandon=Job.fail,
        )

    # asking

    def ask(
        self,
        victim: Prefix | None,
        verb: Callable[[Turn], T],
        *,
        patient: bool = True,
        overdue: Callable[[], None] | None = None,
    ) -> "asyncio.Future[T]":
        """Put a verb in its victim's queue. The future holds its answer once that is durable, or
        StoreUnavailable, or Busy. Raises Busy at once when the queue is full."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job: Job[T] = Job(verb, answer, overdue)
        self.queues.submit(NO_VICTIM if victim is None else victim, job, patient=patient)  # type: ignore[arg-type]  # because a queue holds jobs of every answer type and never looks at the answer
        return answer

    def begin(self, victim: Prefix | None) -> Turn:
        return Turn(
            snapshot=self.snapshot,
            live=self.live,
            victim=victim,
            now_us=self.time.now_us(),
            new_id=self.new_id,
        )

    # a turn

    def _start_turn(self, key: Hashable, jobs: list[AnyJob], ended: Callable[[], None]) -> None:
        self._attempt(_Attempts(key if isinstance(key, Prefix) else None, jobs, ended))

    def _attempt(self, run: _Attempts) -> None:
        """Ask every verb, prepare the alerts, hand the unit to the store. `_written` follows."""
        turn = self.begin(run.victim)
        run.left -= 1
        try:
            answers = [job.context.run(job.verb, turn) for job in run.jobs]
            turn.alerts = self.effects.prepare(turn.news)
            if turn.is_empty:
                self._conclude(turn, run, answers)
                return
            unit = self.store.transaction()
            turn.write(unit)
            unit.commit(partial(self._written, turn, run, answers))
        except StoreUnavailable as error:
            turn.release()
            self.lose_store(error)
            run.fail(error)
        except BaseException:
            turn.release()
            raise

    def _written(
        self, turn: Turn, run: _Attempts, answers: list[object], problem: Exception | None
    ) -> None:
        """The unit is durable, or in conflict, or its state is unknown."""
        if problem is None:
            if self.store_problem is not None:
                self.regain_store()
            try:
                self._conclude(turn, run, answers)
            except BaseException as error:
                run.fail(error)
                raise
            return
        turn.release()
        match problem:
            case Conflict() if run.left:
                log.info("write conflict, retrying", extra={"conflict": str(problem)})
                again = asyncio.get_running_loop().create_task(self._again(turn, run, problem))
                self._retrying.add(again)
                again.add_done_callback(self._retrying.discard)
            case Conflict():
                log.warning(
                    "write conflict persists, giving up", extra={"victim": str(turn.victim)}
                )
                run.fail(Busy("the row is being changed elsewhere"))
            case StoreUnavailable():
                if turn.alerts is not None:
                    turn.alerts.doubt()
                self.lose_store(problem)
                run.fail(problem)
            case _:
                run.fail(problem)
                raise problem

    async def _again(self, turn: Turn, run: _Attempts, conflict: Conflict) -> None:
        """A row has a newer version: read it again, and decide again."""
        try:
            await self.refresh(turn, conflict)
            self._attempt(run)
        except StoreUnavailable as error:
            self.lose_store(error)
            run.fail(error)
        except BaseException as error:
            run.fail(error)
            raise

    def _conclude(self, turn: Turn, run: _Attempts, answers: list[object]) -> None:
        turn.release()
        # What several callers asked for together belongs to none of their requests.
        context = run.jobs[0].context if len(run.jobs) == 1 else Context()
        context.run(self.settle, turn)
        for job, answer in zip(run.jobs, answers, strict=True):
            job.resolve(answer)
        run.ended()

    def settle(self, turn: Turn) -> None:
        """After the commit: the live state, the heap of moments, the effects."""
        turn.enter(self.due)
        self.effects.apply(turn.mitigations.values(), turn.news, turn.alerts)
        if turn.mitigations:
            near = self.live.quotas.near(self.snapshot.rules.limits, turn.now_us)
            if news := tuple(near):
                self.effects.publish(news)

    # the store, when it differs or is unreachable

    async def refresh(self, turn: Turn, conflict: Conflict) -> None:
        """Read again what a conflict showed to be different."""
        if conflict.what == "quota":
            await self.refresh_elsewhere()
            return
        await self._refresh_episodes(turn)
        if turn.victim is not None:
            await self._refresh_victim(turn.victim)
        for mitigation_id in turn.mitigations:
            if (stored := await self.store.mitigations.get(mitigation_id)) is not None:
                self.adopt(stored)
        for group_id in turn.groups:
            if (held := await self.store.groups.get(group_id)) is not None:
                self.live.put_group(held)

    async def _refresh_episodes(self, turn: Turn) -> None:
        for source, external_id in turn.episodes:
            rows = [
                row
                for kind in SignalKind
                if (row := await self.store.signals.latest(source, external_id, kind)) is not None
            ]
            for known in known_from(rows, self.snapshot.pop).values():
                self.live.episodes.put(known)

    async def _refresh_victim(self, victim: Prefix) -> None:
        pop = self.snapshot.pop
        statuses = frozenset(status.value for status in LIVE)
        wanted = MitigationFilter(victim=victim, pop=pop, statuses=statuses)
        for row in (await self.store.mitigations.page(wanted, PageRequest(limit=PAGE_MAX))).items:
            self.adopt(row)
        for group in await self.store.groups.live_of(pop, victim):
            self.live.put_group(group)

    async def refresh_elsewhere(self) -> None:
        """Count the live rows of other POPs, which limits over all POPs include."""
        counts = await self.store.mitigations.live_elsewhere(self.snapshot.pop)
        self.live.quotas.set_elsewhere(counts)

    def adopt(self, mitigation: Mitigation) -> bool:
        """A row as the store has it; whether it differed from the live state. What it means for the
        wire follows at once."""
        known = self.live.mitigations.get(mitigation.mitigation_id)
        if mitigation.pop != self.snapshot.pop:
            return False
        if known is None:
            if not mitigation.is_live:
                return False
        elif known.version >= mitigation.version:
            return False
        self.live.put(mitigation)
        self.live.schedule((Due.MITIGATION, mitigation.mitigation_id), self.due)
        self.effects.apply([mitigation], [])
        return True

    @property
    def safelist_ok(self) -> bool:
        return self.snapshot.safelist is not None

    def lose_store(self, error: StoreUnavailable) -> None:
        self.suspect = True
        if self.store_problem is None:
            log.error(
                "database unreachable: new signals refused, existing rules kept",
                extra={"reason": str(error)},
            )
            self.effects.publish([StoreLost(at_us=self.time.now_us(), text=str(error))])
        self.store_problem = error

    def regain_store(self) -> None:
        if self.store_problem is not None:
            self.store_problem = None
            log.warning("database reachable again")
            self.effects.publish([StoreRestored(at_us=self.time.now_us())])


def _overdue(job: AnyJob) -> None:
    if job.overdue is not None:
        job.overdue()
