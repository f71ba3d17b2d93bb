"""The engine: everything a face may ask of prefixd, one part for each kind of request.

The engine owns the live state of its POP in memory, saves every change before anything acts on it,
and performs effects (announce, publish, notify) in one place after the commit. Its parts:

    ingest, corroborate   signals, through the victim's queue (victim_queue, turns)
    manual                what operators do, in the same queue
    timers                expiry, looks at groups, the civil clock, in the same queue
    reconcile, load       the routers made equal to the store
    reload, settings      new settings in one assignment
    other_instances       what they change on the same database
    presence              which POPs have one
    queries, store, bus   questions, pages of history, news

Actors arrive authenticated and allowed: permission is the face's work, attribution is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from prefixd.clock import Clock
from prefixd.domain.actor import Actor
from prefixd.domain.news import SafelistAdded, SafelistRemoved, SystemStopping
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.domain.signal import Corroboration
from prefixd.engine.answers import (
    Health,
    IngestAnswer,
    ReconcileAnswer,
    ReloadAnswer,
)
from prefixd.engine.bus import Bus
from prefixd.engine.corroborate import corroborate
from prefixd.engine.due_heap import SteadyTime
from prefixd.engine.intake import Intake
from prefixd.engine.load import load, load_safelist
from prefixd.engine.manual import ManualOperations
from prefixd.engine.other_instances import OtherInstances
from prefixd.engine.ports import Announcer, Notifier
from prefixd.engine.presence import Presence
from prefixd.engine.queries import Queries
from prefixd.engine.reconcile import DriftCounts, Reconciler
from prefixd.engine.reload import end_dry_run_rows, protect_own, reload, sweep_safelist
from prefixd.engine.settings import Snapshot
from prefixd.engine.timers import Timers
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable
from prefixd.store.store import Store

Loop = tuple[str, Callable[[], Awaitable[None]]]

ASK_STORE_EVERY = 5
"""Looks at the database while nothing is known to be wrong with it."""


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
        bus: Bus,
        new_id: Callable[[], str],
    ) -> None:
        time = SteadyTime(clock)
        self._core = Core(
            store=store,
            announcer=announcer,
            notifier=notifier,
            time=time,
            snapshot=snapshot,
            bus=bus,
            new_id=new_id,
        )
        self._timers = Timers(self._core)
        self._reconciler = Reconciler(self._core)
        self._others = OtherInstances(self._core, self._reconciler)
        self._presence = Presence(self._core)
        self._intake = Intake(self._core)
        self._started_at_us = time.now_us()
        self._ready = False
        self._stopping = False
        self.store = store
        self.bus = self._core.bus
        self.ingest = self._intake.ingest
        self.manual = ManualOperations(self._core, self._presence)
        self.queries = Queries(self._core)

    # start, run, stop

    async def start(self) -> None:
        """Load the live state from the store and make the RIB equal to it. Raises
        StoreUnavailable; no BGP socket should open before this returned."""
        core = self._core
        unreadable = await load(core)
        self._timers.start()
        self._reconciler.begin(unreadable)
        await sweep_safelist(core)
        if not core.snapshot.dry_run:
            await end_dry_run_rows(core)
        for record in await core.store.signals.unfinished(core.snapshot.pop):
            self._intake.finish_later(record)
        await self._presence.note()
        self._ready = True

    def loops(self) -> Sequence[Loop]:
        """Named endless tasks for the supervisor."""
        return (
            ("engine due times", self._timers.run),
            ("engine clock", self._timers.run_clock),
            ("engine reconcile", self._reconciler.run_timer),
            ("engine changes", self._others.run),
            ("engine counts", self._others.run_counts),
            ("engine presence", self._presence.run),
            ("engine store watch", self.watch_store),
        )

    async def watch_store(self) -> None:
        """Ask the database now and then, and more often while it is unreachable."""
        looks = 0
        while True:
            await asyncio.sleep(self._core.snapshot.settings.store_retry_s)
            looks += 1
            await self.look_at_store(ask=looks % ASK_STORE_EVERY == 0)

    async def look_at_store(self, *, ask: bool = True) -> None:
        """When it answers again, compare everything."""
        core = self._core
        if core.store.damage is not None:
            core.lose_store(core.store.damage)
        if core.store_problem is None and not core.suspect and core.safelist_ok and not ask:
            return
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
        self._core.effects.publish([SystemStopping(at_us=self._core.time.now_us())])
        timeout_s = self._core.snapshot.settings.drain_timeout_s
        finished = await self._core.queues.drain(timeout_s)
        await self._intake.drain(timeout_s)
        self._core.bus.close()
        return finished

    async def corroborate(self, corroboration: Corroboration, actor: Actor) -> IngestAnswer:
        """Evidence without a victim: attached to matching groups at once, else kept waiting."""
        return await corroborate(self._core, corroboration, actor)

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

    async def protect_own(self, entries: tuple[SafelistEntry, ...]) -> list[str]:
        """The addresses of this host and of its sessions, as they are now."""
        return await protect_own(self._core, entries)

    async def audit(self, actor: Actor, action: str, target: str, name: str, reason: str) -> None:
        """Store who does something that no row shows, before it is done. Raises StoreUnavailable:
        what cannot be recorded is not to be done."""
        await self._save(partial(_audit, actor, action, target, name, reason))

    async def _save(self, verb: Callable[[Turn], None]) -> None:
        await self._core.ask(None, verb)

    # settings and drift

    async def reload(
        self, snapshot: Snapshot, actor: Actor, changes: Sequence[str] = ()
    ) -> ReloadAnswer:
        """Swap in validated settings, make everything follow, keep the audit. `changes` is the
        redacted difference. Raises StoreUnavailable, having changed nothing."""
        return await reload(self._core, self._reconciler, snapshot, changes, actor)

    async def reconcile(self, actor: Actor | None = None) -> ReconcileAnswer:
        """Compare store, live state and RIB now, and repair."""
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
            store_problem=core.store_problem or core.store.damage,
            safelist_ok=core.safelist_ok,
            suspect=core.suspect,
            stopping=self._stopping,
            pop=core.snapshot.pop,
            dry_run=core.snapshot.dry_run,
            live=len(core.live.mitigations) - core.live.rehearsed,
            queue_depth=core.queues.waiting,
            last_reconcile=self._reconciler.last,
            started_at_us=self._started_at_us,
            config_loaded_at_us=core.snapshot.loaded_at_us,
        )


def _audit(actor: Actor, action: str, target: str, name: str, reason: str, turn: Turn) -> None:
    turn.audit(actor, action, target, name, reason=reason)


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
