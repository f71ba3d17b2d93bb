"""The front door of the application: everything a face may ask of prefixd.

The engine owns the live picture of its POP in memory, saves every change before anything acts on
it, and hands effects (announce, publish, notify) to one place after the commit. This class only
delegates; each verb's idea lives in its own file:

    signals     ingest.py, corroborate.py     through the victim's line (worker.py, core.py)
    by hand     mitigate.py                   the same line
    time        watch.py, due.py              the same line
    truth       reconcile.py, load.py         the wire made equal to the store
    settings    reload.py, snapshot.py        one assignment
    elsewhere   listen.py                     what other instances change
    questions   queries.py                    pages, history, numbers

Actors arrive authenticated and allowed: permission is the face's work, attribution is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from prefixd.clock import Clock
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import SafelistAdded, SafelistRemoved, SystemStopping, WithdrawReason
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.domain.signal import Corroboration, Signal
from prefixd.engine.answers import (
    Busy,
    CreateAnswer,
    Created,
    ExtendAnswer,
    Health,
    IngestAnswer,
    ItemAnswer,
    ManualRequest,
    NotFound,
    NotLive,
    PreviewAnswer,
    ReconcileAnswer,
    ReloadAnswer,
    WithdrawAnswer,
    Withdrawn,
)
from prefixd.engine.bus import Bus, Subscription
from prefixd.engine.core import Core
from prefixd.engine.corroborate import corroborate
from prefixd.engine.ingest import Arrival, arrival, queued_record
from prefixd.engine.listen import Listener
from prefixd.engine.load import load, load_safelist
from prefixd.engine.mitigate import (
    Acknowledge,
    Approve,
    Dismiss,
    Make,
    Prolong,
    Withdraw,
    judge,
    refused,
    wish_of,
)
from prefixd.engine.ports import Announcer, Notifier, Store
from prefixd.engine.queries import Queries
from prefixd.engine.reconcile import DriftCounts, Reconciler
from prefixd.engine.reload import end_dry_run_rows, reload, sweep_safelist
from prefixd.engine.snapshot import Snapshot
from prefixd.engine.steady import SteadyTime
from prefixd.engine.turn import Turn
from prefixd.engine.watch import Watch
from prefixd.errors import Conflict, StoreUnavailable

Loop = tuple[str, Callable[[], Awaitable[None]]]


class Engine:
    """One per process. `start` before anything else; its `loops` belong to the supervisor."""

    def __init__(
        self,
        *,
        store: Store,
        announcer: Announcer,
        notifier: Notifier,
        clock: Clock,
        snapshot: Snapshot,
        new_id: Callable[[], str],
    ) -> None:
        time = SteadyTime(clock)
        self._core = Core(
            store=store,
            announcer=announcer,
            notifier=notifier,
            time=time,
            snapshot=snapshot,
            new_id=new_id,
        )
        self._watch = Watch(self._core)
        self._reconciler = Reconciler(self._core)
        self._listener = Listener(self._core, self._reconciler)
        self._started_at_us = time.now_us()
        self._ready = False
        self._stopping = False
        self._late: set[asyncio.Task[None]] = set()
        self.queries = Queries(self._core)

    # life

    async def start(self) -> None:
        """Load the live picture from the store and make the RIB equal to it. Raises
        StoreUnavailable; no BGP socket should open before this returned."""
        core = self._core
        await load(core)
        self._watch.start()
        await self._reconciler.run(expect_drift=True)
        await sweep_safelist(core)
        if not core.snapshot.dry_run:
            await end_dry_run_rows(core)
        for record in await core.store.signals.unfinished(core.snapshot.pop):
            self._finish_later(record)
        self._ready = True

    def _finish_later(self, record: SignalRecord) -> None:
        taken_up = Arrival(record.signal, SYSTEM, record.signal_id, record.last_hash, record)
        answer = self._core.ask(record.signal.victim, taken_up, patient=False)
        answer.add_done_callback(_ignore_failure)

    def loops(self) -> Sequence[Loop]:
        """Named endless tasks for the supervisor."""
        return (
            ("engine due times", self._core.due.run),
            ("engine clock", self._watch.run_clock),
            ("engine reconcile", self._reconciler.run_timer),
            ("engine changes", self._listener.run),
            ("engine counts", self._listener.run_counts),
            ("engine store watch", self.watch_store),
        )

    async def watch_store(self) -> None:
        """While the store is away, ask for it; when it is back, compare everything with it."""
        core = self._core
        while True:
            await asyncio.sleep(core.snapshot.settings.store_retry_s)
            if core.store_problem is None and not core.suspect and core.safelist_ok:
                continue
            try:
                await core.store.ping()
                if core.store_problem is not None:
                    core.regain_store()
                if core.suspect:
                    await self._reconciler.run()
                if not core.safelist_ok:
                    await load_safelist(core)
            except StoreUnavailable as error:
                core.lose_store(error)

    async def stop(self) -> bool:
        """Refuse new signals and finish those taken; whether all were finished in time."""
        self._stopping = True
        self._core.effects.tell([SystemStopping(at_us=self._core.time.now_us())])
        timeout_s = self._core.snapshot.settings.drain_timeout_s
        finished = await self._core.workers.drain(timeout_s)
        if self._late:
            await asyncio.wait(set(self._late), timeout=timeout_s)
        self._core.bus.close()
        return finished

    # signals

    async def ingest(self, signals: Sequence[Signal], actor: Actor) -> list[IngestAnswer]:
        """Store and decide; one answer per signal in order. Durable when it returns. Raises
        StoreUnavailable or Busy when nothing could be taken; in a batch, single failures
        are answers with outcome `error`."""
        if len(signals) == 1:
            return [await self._take(signals[0], actor)]
        answers: list[asyncio.Future[IngestAnswer] | Busy] = []
        for signal in signals:
            try:
                answers.append(self._take(signal, actor))
            except Busy as error:
                answers.append(error)
        return await _batch_answers(signals, answers)

    def _take(self, signal: Signal, actor: Actor) -> "asyncio.Future[IngestAnswer]":
        taken = arrival(signal, actor, self._core.new_id())
        answer: asyncio.Future[IngestAnswer]
        answer = self._core.ask(
            signal.victim, taken, overdue=lambda: self._keep_waiting(taken, answer)
        )
        return answer

    def _keep_waiting(self, taken: Arrival, answer: "asyncio.Future[IngestAnswer]") -> None:
        """It waited long enough: store it and tell the sender so; it keeps its place."""
        task = asyncio.get_running_loop().create_task(self._store_waiting(taken, answer))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _store_waiting(self, taken: Arrival, answer: "asyncio.Future[IngestAnswer]") -> None:
        core = self._core
        signal = taken.signal
        known = core.picture.episodes.get((signal.source, signal.external_id))
        record, new = queued_record(taken, core.snapshot.pop, known)
        try:
            async with core.store.transaction() as tx:
                if new:
                    tx.signals.insert(record)
                else:
                    tx.signals.update(record)
        except (Conflict, StoreUnavailable):
            return  # its turn came meanwhile, or cannot: the answer is the turn's
        taken.stored = record
        if not answer.done():
            answer.set_result(
                IngestAnswer(
                    signal_id=record.signal_id,
                    external_id=signal.external_id,
                    outcome=Outcome.QUEUED,
                    reason="stored; it is decided when those before it are",
                    episode=record.episode,
                )
            )

    async def corroborate(self, corroboration: Corroboration, actor: Actor) -> IngestAnswer:
        """Evidence without a victim: attached to matching groups at once, else kept waiting."""
        return await corroborate(self._core, corroboration, actor)

    # mitigations by hand

    async def create_mitigation(self, request: ManualRequest, actor: Actor) -> CreateAnswer:
        """One row per POP named. The answer is that of our own POP, or of the first named; what
        became of the others stands in its notes."""
        here = self._core.snapshot.pop
        pops = dict.fromkeys(request.pops or (here,))
        answers = {pop: await self._create_in(pop, request, actor) for pop in pops}
        told = here if here in answers else next(iter(answers))
        answer = answers.pop(told)
        if isinstance(answer, Created) and answers:
            notes = tuple(_note_about(pop, other) for pop, other in answers.items())
            return Created(answer.mitigation, (*answer.notes, *notes))
        return answer

    async def _create_in(self, pop: str, request: ManualRequest, actor: Actor) -> CreateAnswer:
        core = self._core
        theirs: tuple[Mitigation, ...] | None = None
        if pop != core.snapshot.pop:
            wanted = MitigationFilter(
                victim=request.victim, pop=pop, statuses=frozenset({"active", "escalated"})
            )
            page = await core.store.mitigations.page(wanted, PageRequest(limit=PAGE_MAX))
            theirs = page.items
        make = Make(wish_of(request, actor.name), actor, pop, theirs)
        return await core.ask(request.victim, make)

    def preview(self, request: ManualRequest, actor: Actor) -> PreviewAnswer:
        """What `create_mitigation` would answer and what peers would be told; changes nothing."""
        core = self._core
        decided = judge(core.begin(request.victim), wish_of(request, actor.name))
        reasons = refused(getattr(decided.plan, "refusals", ()))
        return PreviewAnswer(
            plan=type(decided.plan).__name__.lower(),
            rule=decided.rule,
            ttl_s=decided.ttl_s,
            notes=decided.notes,
            reasons=reasons.reasons,
            peers=tuple(core.announcer.preview(decided.rule)),
        )

    async def withdraw(self, mitigation_id: str, reason: str, actor: Actor) -> WithdrawAnswer:
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        verb = Withdraw(found.mitigation_id, reason, actor, WithdrawReason.OPERATOR, found)
        return await self._core.ask(found.victim, verb)

    async def bulk_withdraw(
        self, mitigation_ids: Sequence[str], reason: str, actor: Actor
    ) -> list[ItemAnswer]:
        answers = await asyncio.gather(
            *(self.withdraw(mitigation_id, reason, actor) for mitigation_id in mitigation_ids),
            return_exceptions=True,
        )
        return [
            ItemAnswer(mitigation_id, _problem(answer))
            for mitigation_id, answer in zip(mitigation_ids, answers, strict=True)
        ]

    async def extend(self, mitigation_id: str, ttl_s: int, actor: Actor) -> ExtendAnswer:
        """Lives at least `ttl_s` from now, within the limits; guardrails look again."""
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        verb = Prolong(found.mitigation_id, ttl_s, actor, found)
        return await self._core.ask(found.victim, verb)

    async def acknowledge(self, mitigation_ids: Sequence[str], actor: Actor) -> list[ItemAnswer]:
        answers: list[ItemAnswer] = []
        for mitigation_id in mitigation_ids:
            found = await self._row(mitigation_id)
            if found is None:
                answers.append(ItemAnswer(mitigation_id, "not found"))
                continue
            verb = Acknowledge(found.mitigation_id, actor, found)
            answers.append(await self._core.ask(found.victim, verb))
        return answers

    async def panic(self, reason: str, actor: Actor) -> list[ItemAnswer]:
        """Withdraw every live mitigation of this POP. Detectors may make new ones when the quiet
        period is over; switch to dry-run for longer."""
        core = self._core
        await core.ask(None, partial(_audit_panic, reason, actor), patient=False)
        rows = list(core.picture.mitigations.values())
        verbs = [
            core.ask(row.victim, Withdraw(row.mitigation_id, reason, actor), patient=False)
            for row in rows
        ]
        answers = await asyncio.gather(*verbs, return_exceptions=True)
        return [
            ItemAnswer(row.mitigation_id, _problem(answer))
            for row, answer in zip(rows, answers, strict=True)
        ]

    async def _row(self, mitigation_id: str) -> Mitigation | None:
        live = self._core.picture.mitigations.get(MitigationId(mitigation_id))
        return live or await self._core.store.mitigations.get(mitigation_id)

    # groups by hand

    async def approve_group(self, group_id: str, actor: Actor) -> bool:
        """Act on a group that waits for approval; False when it is not live here."""
        group = self._core.picture.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, Approve(group.group_id, actor))

    async def dismiss_group(self, group_id: str, reason: str, actor: Actor) -> bool:
        group = self._core.picture.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, Dismiss(group.group_id, reason, actor))

    # safelist

    async def safelist_add(self, entry: SafelistEntry, actor: Actor) -> list[str]:
        """Save the entry and withdraw what it covers; the ids of those."""
        await self._save(partial(_put_entry, entry, actor))
        await load_safelist(self._core)
        return await sweep_safelist(self._core)

    async def safelist_remove(self, prefix: Prefix, actor: Actor) -> bool:
        """Take back an entry made by people; False when there is none."""
        entries = await self._core.store.safelist.all()
        for entry in entries:
            if entry.prefix == prefix and entry.source is EntrySource.API:
                await self._save(partial(_remove_entry, entry, actor))
                await load_safelist(self._core)
                return True
        return False

    async def _save(self, verb: Callable[[Turn], None]) -> None:
        await self._core.ask(None, verb)

    # settings, truth

    async def reload(
        self, snapshot: Snapshot, actor: Actor, changes: Sequence[str] = ()
    ) -> ReloadAnswer:
        """Swap in validated settings, make everything follow, keep the audit. `changes` is the
        redacted difference. Raises StoreUnavailable, having changed nothing."""
        return await reload(self._core, self._reconciler, snapshot, changes, actor)

    async def reconcile(self, actor: Actor | None = None) -> ReconcileAnswer:
        """Compare store, picture and RIB now, and heal."""
        if actor is not None:
            await self._save(partial(_audit_reconcile, actor))
        return await self._reconciler.run()

    @property
    def snapshot(self) -> Snapshot:
        return self._core.snapshot

    @property
    def drift(self) -> DriftCounts:
        return self._reconciler.counts

    def health(self) -> Health:
        core = self._core
        return Health(
            ready=self._ready,
            store_ok=core.store_problem is None,
            store_problem=core.store_problem,
            stopping=self._stopping,
            pop=core.snapshot.pop,
            dry_run=core.snapshot.dry_run,
            live=len(core.picture.mitigations),
            queue_depth=core.workers.waiting,
            last_reconcile=self._reconciler.last,
            started_at_us=self._started_at_us,
            config_loaded_at_us=core.snapshot.loaded_at_us,
        )

    # news

    def subscribe(self, after: int | None = None) -> Subscription:
        return self._core.bus.subscribe(after)

    @property
    def bus(self) -> Bus:
        return self._core.bus


def _ignore_failure(answer: "asyncio.Future[IngestAnswer]") -> None:
    """Its row still says `queued`, so the next start takes it up again."""
    answer.exception()


async def _batch_answers(
    signals: Sequence[Signal], answers: Sequence["asyncio.Future[IngestAnswer] | Busy"]
) -> list[IngestAnswer]:
    told: list[IngestAnswer] = []
    failures: list[Busy | StoreUnavailable] = []
    for signal, answer in zip(signals, answers, strict=True):
        try:
            if isinstance(answer, Busy):
                raise answer
            told.append(await answer)
        except (Busy, StoreUnavailable) as error:
            failures.append(error)
            told.append(
                IngestAnswer(
                    signal_id="",
                    external_id=signal.external_id,
                    outcome=Outcome.ERROR,
                    reason=str(error),
                    codes=("unavailable",),
                )
            )
    if failures and len(failures) == len(signals):
        raise failures[0]
    return told


def _problem(answer: WithdrawAnswer | BaseException) -> str | None:
    match answer:
        case Withdrawn():
            return None
        case NotFound():
            return "not found"
        case NotLive():
            return "not active"
        case Busy() | StoreUnavailable():
            return str(answer)
        case _:
            raise answer


def _note_about(pop: str, answer: CreateAnswer) -> str:
    match answer:
        case Created(mitigation=made):
            return f"{pop}: created {made.mitigation_id}"
        case _:
            return f"{pop}: {type(answer).__name__.lower()}"


def _audit_panic(reason: str, actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "panic", "pop", turn.snapshot.pop, reason=reason)


def _audit_reconcile(actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "reconcile", "pop", turn.snapshot.pop)


def _put_entry(entry: SafelistEntry, actor: Actor, turn: Turn) -> None:
    turn.safelist_put.append(entry)
    turn.audit(actor, "safelist_add", "safelist", str(entry.prefix), reason=entry.reason)
    turn.news.append(SafelistAdded(at_us=turn.now_us, entry=entry, actor=actor))


def _remove_entry(entry: SafelistEntry, actor: Actor, turn: Turn) -> None:
    turn.safelist_removed.append(entry)
    turn.audit(actor, "safelist_remove", "safelist", str(entry.prefix))
    turn.news.append(SafelistRemoved(at_us=turn.now_us, entry=entry, actor=actor))
