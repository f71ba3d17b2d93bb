"""Alerts: the path from the engine's news to the destinations.

    tell ──compose──> alert ──filters──> one queue for each destination ──worker──> HTTPS
                                                   └── outbox ──> rows that survive a restart

An alert about a saved change takes the same path in two steps: `prepare` before the change is
saved, so that its rows are saved with it, and into the queues after (`Prepared` in `outbox.py`).

Nothing here blocks or fails the engine: alerts are composed and left in bounded queues. An alert
is a convenience, the engine is not.
"""

import asyncio
import logging
import os
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prefixd.clock import Clock
from prefixd.domain.news import News
from prefixd.errors import StoreUnavailable
from prefixd.notify.alert import Alert, AlertStatus
from prefixd.notify.answer import Delivered, Verdict
from prefixd.notify.compose import Composer
from prefixd.notify.message import Letterhead
from prefixd.notify.outbox import Outbox, Prepared, PreparedAlert, row_id_of
from prefixd.notify.pace import Repeats
from prefixd.notify.render import is_for, pages
from prefixd.notify.settings import AlertEvent, AlertSettings, Destination
from prefixd.notify.transport import HttpSender, Sender
from prefixd.notify.waiting import Entry
from prefixd.notify.worker import Surroundings, Worker
from prefixd.store.store import Store
from prefixd.supervisor import Supervisor

log = logging.getLogger(__name__)

LOAD_PATIENCE_S = 5.0
STOP_PATIENCE_S = 3.0
TESTS_A_MINUTE = 5
TEST_TIMEOUT_S = 10
REPEAT_WINDOW_S = 300.0
REPEAT_LIMIT = 4096
INSISTENT = frozenset({AlertEvent.GUARDRAIL_REJECTED, AlertEvent.SIGNAL_HELD})
"""Repeated with every report of a detector; sent once in five minutes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a test message. `error` is a sentence of ours; None: delivered."""

    destination: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStatus:
    id: str
    type: str
    waiting: int
    oldest_s: float
    failing: bool
    last_error: str | None


def _random_id() -> str:
    return str(uuid.uuid4())


def _jitter() -> float:
    return int.from_bytes(os.urandom(4), "big") / 0xFFFF_FFFF


def _repeat_key(alert: Alert) -> tuple[str, str, str]:
    return alert.event.value, alert.dedup_key, alert.summary


def _uncounted(_destination: str, _status: str) -> None:
    """Without metrics."""


class Dispatcher:
    """Fits the engine's `Notifier`."""

    def __init__(
        self,
        settings: AlertSettings,
        pop: str,
        clock: Clock,
        *,
        store: Store | None = None,
        new_id: Callable[[], str] = _random_id,
        jitter: Callable[[], float] = _jitter,
        count: Callable[[str, str], None] = _uncounted,
        sender: Sender | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._composer = Composer(pop, new_id)
        self._repeats = Repeats(REPEAT_WINDOW_S, REPEAT_LIMIT)
        self._sender = sender or HttpSender(lambda: self._settings.allow_private)
        self._outbox = Outbox(store, pop, clock, self._restore)
        self._around = Surroundings(
            clock=clock,
            sender=self._sender,
            outbox=self._outbox,
            new_id=new_id,
            jitter=jitter,
            count=count,
            availability_changed=self._availability_changed,
        )
        self._workers: dict[str, Worker] = {}
        self._running: dict[str, Worker] = {}
        self._tasks = Supervisor()
        self._changed = asyncio.Event()
        self._tests: deque[float] = deque(maxlen=TESTS_A_MINUTE)
        self.apply(settings)

    # called by the engine and the API

    def tell(self, news: News) -> None:
        if not self._workers:
            return
        alert = self._composer.compose(news)
        if alert is not None and not self._is_repeat(alert):
            self._note_sent(alert)
            self._fan_out(alert)

    def prepare(self, news: Sequence[News]) -> Prepared | None:
        """Alerts about a change before it is saved; None when no destination wants them."""
        if not self._workers:
            return None
        prepared: list[PreparedAlert] = []
        for item in news:
            alert = self._composer.compose(item)
            if alert is not None and not self._is_repeat(alert):
                wanted = [id_ for id_ in self._workers if self._wants(id_, alert)]
                kept = [id_ for id_ in wanted if self._workers[id_].has_room]
                if wanted:
                    prepared.append(PreparedAlert(alert, tuple(wanted), tuple(kept)))
        if not prepared:
            return None
        return Prepared(prepared, self._composer.pop, self._deliver, self._doubt)

    def apply(self, settings: AlertSettings) -> None:
        """New settings. The queue of a destination that stays is kept."""
        self._settings = settings
        wanted = {each.id: each for each in settings.destinations if each.enabled}
        for gone in [id_ for id_ in self._workers if id_ not in wanted]:
            self._workers.pop(gone).retire("the destination was removed")
        for id_, destination in wanted.items():
            worker = self._workers.get(id_)
            if worker is None:
                self._workers[id_] = Worker(destination, settings, self._around)
            else:
                worker.configure(destination, settings)
        self._changed.set()

    async def test(self, destination: str | None) -> Sequence[Outcome]:
        """A harmless message now, past filters and queues; none when there is no such id."""
        chosen = [each for each in self._settings.destinations if destination in {None, each.id}]
        now = self._clock.monotonic()
        if len(self._tests) == TESTS_A_MINUTE and now - self._tests[0] < 60:
            text = f"not sent: only {TESTS_A_MINUTE} tests a minute"
            return [Outcome(each.id, text) for each in chosen]
        self._tests.append(now)
        return await asyncio.gather(*(self._try_out(each) for each in chosen))

    def status(self) -> Sequence[DestinationStatus]:
        now_us = self._clock.now_us()
        return [
            DestinationStatus(
                id=id_,
                type=worker.destination.type,
                waiting=len(worker.waiting),
                oldest_s=max(
                    ((now_us - each.created_us) / 1_000_000 for each in worker.waiting), default=0
                ),
                failing=worker.breaker.is_open,
                last_error=worker.last_error,
            )
            for id_, worker in self._workers.items()
        ]

    @property
    def waiting(self) -> int:
        return sum(len(worker.waiting) for worker in self._workers.values())

    # running

    async def run(self) -> None:
        """A supervised task; owns a task for each destination and one for the rows."""
        self._tasks.start("alert-rows", self._outbox.run)
        try:
            try:
                async with asyncio.timeout(LOAD_PATIENCE_S):
                    await self._outbox.loaded.wait()
            except TimeoutError:
                log.warning("alerts of an earlier run not loaded yet")
            while True:
                self._changed.clear()  # before: a change while tasks are stopped is seen again
                await self._match_tasks()
                await self._changed.wait()
        finally:
            self._running.clear()
            await self._tasks.stop_all()

    async def stop(self) -> None:
        """Send what can be sent at once, write down the rest."""
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                for worker in list(self._workers.values()):
                    await worker.quiet.wait()
        except TimeoutError:
            pass  # the slow ones continue after the restart, or are counted below
        await self._tasks.stop_all()
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                await self._outbox.flush()
        except (StoreUnavailable, TimeoutError):
            log.warning("queued alerts not written", extra={"alerts": self.waiting})
        if self.waiting and not self._outbox.is_durable:
            log.warning("queued alerts lost at shutdown", extra={"alerts": self.waiting})
        await self._sender.close()

    async def _match_tasks(self) -> None:
        for id_, worker in list(self._running.items()):
            if self._workers.get(id_) is not worker:
                del self._running[id_]
                await self._tasks.stop(f"alert:{id_}")
        for id_, worker in self._workers.items():
            if id_ not in self._running:
                self._running[id_] = worker
                self._tasks.start(f"alert:{id_}", worker.run)

    # inside

    def _fan_out(self, alert: Alert, but_not: str | None = None) -> None:
        for id_, worker in self._workers.items():
            if id_ != but_not and self._wants(id_, alert):
                worker.accept(alert)

    def _wants(self, destination: str, alert: Alert) -> bool:
        return is_for(self._workers[destination].destination, alert, self._settings)

    def _is_repeat(self, alert: Alert) -> bool:
        return alert.event in INSISTENT and self._repeats.is_repeat(
            _repeat_key(alert), self._clock.monotonic()
        )

    def _note_sent(self, alert: Alert) -> None:
        if alert.event in INSISTENT:
            self._repeats.sent(_repeat_key(alert), self._clock.monotonic())

    def _deliver(self, alerts: Iterable[PreparedAlert]) -> None:
        for each in alerts:
            self._note_sent(each.alert)
            for destination in each.destinations:
                is_stored = destination in each.stored
                if is_stored:
                    self._outbox.stored(row_id_of(each.alert, destination))
                worker = self._workers.get(destination)
                if worker is not None:
                    worker.accept(each.alert, is_stored=is_stored)
                elif is_stored:
                    row_id = row_id_of(each.alert, destination)
                    self._outbox.given_up(row_id, 0, "the destination was removed")

    def _doubt(self, alerts: Iterable[PreparedAlert]) -> None:
        for each in alerts:
            for destination in each.stored:
                entry = Entry(
                    row_id=row_id_of(each.alert, destination),
                    alert=each.alert,
                    created_us=each.alert.at_us,
                    due=self._clock.monotonic(),
                )
                self._outbox.doubt(destination, entry)

    def _restore(self, destination: str, entries: list[Entry]) -> None:
        worker = self._workers.get(destination)
        if worker is not None:
            worker.restore(entries)
            return
        for entry in entries:
            self._outbox.given_up(entry.row_id, entry.attempts, "the destination was removed")

    def _availability_changed(self, destination: str, failing: bool, text: str) -> None:
        now_us = self._clock.now_us()
        alert = self._composer.destination(destination, now_us, failing=failing, text=text)
        self._fan_out(alert, but_not=destination)

    async def _try_out(self, destination: Destination) -> Outcome:
        alert = self._composer.test(self._clock.now_us())
        verdict = await self._send_test(destination, alert)
        if isinstance(verdict, Delivered) and pages(destination):
            # Closed at once, so that a test wakes a person only briefly.
            verdict = await self._send_test(destination, alert.with_status(AlertStatus.RESOLVED))
        error = None if isinstance(verdict, Delivered) else verdict.sentence
        return Outcome(destination.id, error)

    async def _send_test(self, destination: Destination, alert: Alert) -> Verdict:
        letterhead = Letterhead(self._settings.public_url, self._settings.environment)
        timeout_s = min(destination.timeout_s, TEST_TIMEOUT_S)
        return await self._around.send(destination, alert, letterhead, 1, timeout_s)
