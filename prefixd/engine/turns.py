"""The engine's one way of changing anything: ask the verbs, save the turn, then let it show.

Whatever happens to a victim, by a signal, a hand, a timer or another instance, is a *verb*: a plain
function over a `Turn`, run in the victim's line. Deciding is synchronous, so between reading the
picture and reserving what the decision takes nobody else runs: that is the gate, and it needs no
lock. Then the unit is saved; then it enters the picture; then effects; then those who asked get
their answers. When the database says that a row had moved on (another instance, a commit whose
answer was lost) the picture is refreshed from the store and the verbs are asked again.

A conflict means that a row had moved on: another instance wrote it, or a commit of ours was stored
although its answer was lost. The live state is read again from the store, row by row and only where
the turn looked, and the verbs are asked once more.

When the database is unreachable new signals are refused and existing rules are kept.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from prefixd.domain.mitigation import LIVE, Mitigation
from prefixd.domain.news import StoreLost, StoreRestored
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import SignalKind
from prefixd.engine.answers import Busy
from prefixd.engine.bus import Bus
from prefixd.engine.due_heap import Due, DueTimes, Key, SteadyTime
from prefixd.engine.effects import Effects
from prefixd.engine.episodes import known_from
from prefixd.engine.live_state import Picture
from prefixd.engine.ports import Announcer, Notifier
from prefixd.engine.room import Room
from prefixd.engine.settings import Snapshot
from prefixd.engine.turn import Turn
from prefixd.engine.victim_queue import Workers
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 4
"""How often a turn is asked again after a conflict before its callers are told to come back."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A verb and whoever waits for its answer."""

    verb: Callable[[Turn], T]
    answer: "asyncio.Future[T]"
    overdue: Callable[[], None] | None = None
    context: Context = field(default_factory=copy_context)
    """Of whoever asks: a turn starts when it may and ends when the disk has spoken, in the context
    of somebody else, and what is logged then names the request it belongs to."""

    def resolve(self, value: T) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # A timer's verb has nobody waiting; its failure was logged where it happened.
            self.answer.exception()


AnyJob = Job[object]
EVERYBODY = "no victim"
"""The line of what concerns no single victim."""


class Core:
    def __init__(
        self,
        *,
        store: Store,
        announcer: Announcer,
        notifier: Notifier,
        time: SteadyTime,
        snapshot: Snapshot,
        new_id: Callable[[], str],
    ) -> None:
        settings = snapshot.settings
        self.store = store
        self.announcer = announcer
        self.time = time
        self.snapshot = snapshot
        self.new_id = new_id
        self.picture = Picture(settings.episode_memory_limit)
        self.bus = Bus(settings.subscriber_queue_limit)
        self.effects = Effects(announcer, notifier, self.bus, snapshot.pop)
        self.store_problem: str | None = None
        self._room = Room()
        self.suspect = False
        """Something may be in the store that is not in the picture: compare before trusting."""
        self.next_moment_us: Callable[[Key], int | None] = _nothing_due
        self.fire: Callable[[Key], None] = _ignore
        self.due = DueTimes(time, lambda key: self.next_moment_us(key), lambda key: self.fire(key))
        self._again: set[asyncio.Task[None]] = set()
        self.workers: Workers[AnyJob] = Workers(
            self._start_turn,
            line_limit=settings.victim_queue_limit,
            total_limit=settings.total_queue_limit,
            turn_limit=settings.victim_batch_limit,
            patience_s=settings.answer_wait_s,
            overdue=_overdue,
            abandon=_abandon,
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
        """Put a verb in its victim's line. The future holds its answer once that is durable, or
        StoreUnavailable, or Busy. Raises Busy at once when the line is full."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job: Job[T] = Job(verb, answer, overdue)
        self.workers.submit(EVERYBODY if victim is None else victim, job, patient=patient)  # type: ignore[arg-type]  # because a line holds jobs of every answer type and never looks at the answer
        return answer

    def begin(self, victim: Prefix | None) -> Turn:
        return Turn(
            snapshot=self.snapshot,
            picture=self.picture,
            victim=victim,
            now_us=self.time.now_us(),
            new_id=self.new_id,
        )

    # a turn

    def _start_turn(self, key: Hashable, jobs: list[AnyJob], ended: Callable[[], None]) -> None:
        turn = self.begin(key if isinstance(key, Prefix) else None)
        try:
            answers = self._decide(turn, jobs)
            if turn.is_empty:
                self._conclude(turn, jobs, answers)
                ended()
                return
            unit = self.store.transaction()
            turn.write(unit)
            unit.commit(partial(self._written, turn, jobs, answers, ended))
        except StoreUnavailable as error:
            turn.release()
            self._fail(jobs, error)
            ended()
        except BaseException:
            turn.release()
            raise

    def _decide(self, turn: Turn, jobs: list[AnyJob]) -> list[object]:
        """Every verb has its say, and what is to be told of it is put into words."""
        answers = [job.context.run(job.verb, turn) for job in jobs]
        turn.alerts = self.effects.prepare(turn.news)
        return answers

    def _written(
        self,
        turn: Turn,
        jobs: list[AnyJob],
        answers: list[object],
        ended: Callable[[], None],
        problem: Exception | None,
    ) -> None:
        """The store has spoken about a turn: it is durable, or it must be asked again, or nobody
        knows."""
        if isinstance(problem, Conflict):
            turn.release()
            again = asyncio.get_running_loop().create_task(
                self._ask_again(turn, problem, jobs, ended)
            )
            self._again.add(again)
            again.add_done_callback(self._again.discard)
            return
        try:
            if problem is None:
                if self.store_problem is not None:
                    self.regain_store()
                self._conclude(turn, jobs, answers)
                return
            turn.release()
            if not isinstance(problem, StoreUnavailable):
                raise problem
            _doubt(turn)
            self._fail(jobs, problem)
        except BaseException as error:
            for job in jobs:
                job.fail(error)
            raise
        finally:
            ended()

    def _conclude(self, turn: Turn, jobs: list[AnyJob], answers: list[object]) -> None:
        turn.release()
        # What several asked for together is nobody's in particular.
        context = jobs[0].context if len(jobs) == 1 else Context()
        context.run(self.settle, turn)
        for job, answer in zip(jobs, answers, strict=True):
            job.resolve(answer)

    async def _ask_again(
        self, turn: Turn, conflict: Conflict, jobs: list[AnyJob], ended: Callable[[], None]
    ) -> None:
        """Some row had moved on: read what is so now, and decide anew."""
        try:
            for _ in range(ATTEMPTS - 1):
                log.info("a row had moved on, reading again", extra={"conflict": str(conflict)})
                await self.refresh(turn, conflict)
                turn = self.begin(turn.victim)
                try:
                    answers = await self._attempt(turn, jobs)
                except Conflict as another:
                    conflict = another
                    continue
                self._conclude(turn, jobs, answers)
                return
            log.warning("a row kept moving, giving up for now", extra={"victim": str(turn.victim)})
            for job in jobs:
                job.fail(Busy("the row is being changed elsewhere"))
        except StoreUnavailable as error:
            self._fail(jobs, error)
        except BaseException as error:
            for job in jobs:
                job.fail(error)
            raise
        finally:
            ended()

    async def _attempt(self, turn: Turn, jobs: list[AnyJob]) -> list[object]:
        try:
            answers = self._decide(turn, jobs)
            if not turn.is_empty:
                async with self.store.transaction() as tx:
                    turn.write(tx)
                if self.store_problem is not None:
                    self.regain_store()
        except StoreUnavailable:
            turn.release()
            _doubt(turn)
            raise
        except BaseException:
            turn.release()
            raise
        return answers

    def settle(self, turn: Turn) -> None:
        """The unit is durable: it enters the picture, its moments the heap, and it shows."""
        turn.enter()
        for mitigation_id in turn.mitigations:
            self.schedule((Due.MITIGATION, mitigation_id))
        for group_id in {**turn.groups, **turn.looks}:
            self.schedule((Due.GROUP, group_id))
        self.effects.apply(turn.mitigations.values(), turn.news, turn.alerts)
        if turn.mitigations:
            limits = self.snapshot.rules.limits
            self.effects.tell(tuple(self._room.look(self.picture, limits, turn.now_us)))

    def schedule(self, key: Key) -> None:
        moment_us = self.next_moment_us(key)
        if moment_us is not None:
            self.due.schedule(key, moment_us)

    def _fail(self, jobs: list[AnyJob], error: StoreUnavailable) -> None:
        self.lose_store(error)
        for job in jobs:
            job.fail(error)

    # the store, when it differs or is away

    async def refresh(self, turn: Turn, conflict: Conflict) -> None:
        """Read again what a conflict showed to be other than pictured."""
        if conflict.what == "quota":
            await self.refresh_elsewhere()
        else:
            await reread(self.store, self.picture, self.snapshot.pop, turn, self.adopt)

    async def refresh_elsewhere(self) -> None:
        await count_elsewhere(self.store, self.picture, self.snapshot.pop)

    def adopt(self, mitigation: Mitigation) -> bool:
        """A row as the store has it; whether it differed from the picture. What it means for the
        wire follows at once."""
        known = self.picture.mitigations.get(mitigation.mitigation_id)
        if mitigation.pop != self.snapshot.pop:
            return False
        if known is None:
            if not mitigation.is_live:
                return False
        elif known.version >= mitigation.version:
            return False
        self.picture.put(mitigation)
        self.schedule((Due.MITIGATION, mitigation.mitigation_id))
        self.effects.apply([mitigation], [])
        return True

    @property
    def safelist_ok(self) -> bool:
        return self.snapshot.safelist is not None

    def lose_store(self, error: StoreUnavailable) -> None:
        self.suspect = True
        if self.store_problem is None:
            log.error("the store is away: nothing new is taken, rules stay", exc_info=error)
            self.effects.tell([StoreLost(at_us=self.time.now_us(), text=str(error))])
        self.store_problem = str(error)

    def regain_store(self) -> None:
        if self.store_problem is not None:
            self.store_problem = None
            log.warning("the store is back")
            self.effects.tell([StoreRestored(at_us=self.time.now_us())])


def _doubt(turn: Turn) -> None:
    if turn.alerts is not None:
        turn.alerts.doubt()


def _nothing_due(key: Key) -> None:
    return None


def _ignore(key: Key) -> None:
    return None


def _overdue(job: AnyJob) -> None:
    if job.overdue is not None:
        job.overdue()


def _abandon(job: AnyJob, error: BaseException) -> None:
    job.fail(error)


Adopt = Callable[[Mitigation], bool]
"""Takes a row over into the picture, with all that follows from it."""


async def reread(store: Store, picture: Picture, pop: str, turn: Turn, adopt: Adopt) -> None:
    """Everything the turn may have been wrong about."""
    await _episodes(store, picture, pop, turn)
    if turn.victim is not None:
        await _victim(store, picture, pop, turn.victim, adopt)
    for mitigation_id in turn.mitigations:
        if (stored := await store.mitigations.get(mitigation_id)) is not None:
            adopt(stored)
    for group_id in turn.groups:
        if (held := await store.groups.get(group_id)) is not None:
            picture.put_group(held)


async def count_elsewhere(store: Store, picture: Picture, pop: str) -> None:
    """Count the live rows of other POPs, which limits over all POPs include."""
    live = await store.mitigations.live_elsewhere(pop)
    picture.elsewhere.total = sum(live.values())
    picture.elsewhere.by_customer = {
        customer: count for customer, count in live.items() if customer is not None
    }


async def _episodes(store: Store, picture: Picture, pop: str, turn: Turn) -> None:
    for source, external_id in turn.episodes:
        rows = [
            row
            for kind in SignalKind
            if (row := await store.signals.latest(source, external_id, kind)) is not None
        ]
        for known in known_from(rows, pop).values():
            picture.put_episode(known)


async def _victim(store: Store, picture: Picture, pop: str, victim: Prefix, adopt: Adopt) -> None:
    everything = PageRequest(limit=PAGE_MAX)
    statuses = frozenset(status.value for status in LIVE)
    rows = MitigationFilter(victim=victim, pop=pop, statuses=statuses)
    for row in (await store.mitigations.page(rows, everything)).items:
        adopt(row)
    for group in await store.groups.live_of(pop, victim):
        picture.put_group(group)
