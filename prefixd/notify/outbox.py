"""The durable side of the queues: an alert that waits is a row, so a restart loses no page.

Alerts about a change that is being saved have their rows in the unit that saves it. A crash
between a change and its alert would lose the alert, and one between an alert and its change would
report what never happened. So `Prepared` is composed before the unit is written, its rows go into
it, and the alerts enter the queues when it is durable:

    prepare ── write ──> unit ── durable ──> deliver       the alerts are queued
                              ── undone ──>                nothing is sent
                              ── unknown ──> doubt         the table decides, once it answers

An alert whose queue has no room gets no row: the queue gives it up, or a lighter one.

All other rows are written behind. While the database is unreachable alerts still go out (that it
is unreachable is one of them); what could not be written is kept and written later. A crash between
a delivery and its note sends the alert again, with the same id and the same key, which receivers
count as one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prefixd.clock import Clock
from prefixd.errors import StoreUnavailable
from prefixd.notify.alert import Alert, decode_alert, encode_alert
from prefixd.notify.waiting import Entry
from prefixd.store.notifications import NotificationWrites
from prefixd.store.store import Store

log = logging.getLogger(__name__)

LOAD_LIMIT = 20_000
NOTES_LIMIT = 20_000
BATCH = 500
FOR_EVER_US = 1 << 62

Write = Callable[[NotificationWrites], None]


class Note(NamedTuple):
    write: Write
    new_row: str | None = None
    """The row it would make: left out when it was given up before it was written."""


TakeIn = Callable[[str, list[Entry]], None]
"""Given a destination and what still waits for it, oldest first."""


class Outbox:
    def __init__(self, store: Store | None, pop: str, clock: Clock, take_in: TakeIn) -> None:
        self._store = store
        self._pop = pop
        self._clock = clock
        self._take_in = take_in
        self._notes: deque[Note] = deque(maxlen=NOTES_LIMIT)
        self._unwritten: set[str] = set()
        self._early: set[str] = set()
        """Rows of this run that were in the table before it was read."""
        self._doubtful: dict[str, tuple[str, Entry]] = {}
        self._wake = asyncio.Event()
        self.loaded = asyncio.Event()

    @property
    def is_durable(self) -> bool:
        return self._store is not None

    # notes; never blocks

    def put(self, destination: str, entry: Entry) -> None:
        row_id, alert, created_us = entry.row_id, entry.alert, entry.created_us
        self._note(
            lambda rows: _enqueue(rows, row_id, self._pop, destination, alert, created_us), row_id
        )

    def stored(self, row_id: str) -> None:
        """A row was written with the change it reports."""
        if not self.loaded.is_set():
            self._early.add(row_id)

    def doubt(self, destination: str, entry: Entry) -> None:
        """It may be in the table, or not: the table decides."""
        self.stored(entry.row_id)
        if len(self._doubtful) == NOTES_LIMIT:
            del self._doubtful[
                next(iter(self._doubtful))
            ]  # its row, if there is one, is read after a restart
        self._doubtful[entry.row_id] = (destination, entry)
        self._wake.set()

    def delivered(self, entry: Entry) -> None:
        attempts, now_us = entry.attempts, self._clock.now_us()
        self._note(lambda rows: rows.delivered(entry.row_id, attempts, now_us))

    def given_up(self, row_id: str, attempts: int, why: str) -> None:
        """A row that was never written is only forgotten: what a storm drops costs no rows."""
        if row_id in self._unwritten:
            self._unwritten.discard(row_id)
            return
        now_us = self._clock.now_us()
        self._note(lambda rows: rows.failed(row_id, attempts, now_us, why))

    def retried(self, entry: Entry, wait_s: float, why: str) -> None:
        attempts = entry.attempts
        due_us = self._clock.now_us() + round(wait_s * 1_000_000)
        self._note(lambda rows: rows.retry(entry.row_id, attempts, due_us, why))

    def _note(self, write: Write, new_row: str | None = None) -> None:
        if self._store is None:
            return
        if len(self._notes) == NOTES_LIMIT:
            self._unwritten.discard(self._notes[0].new_row or "")
        if new_row is not None:
            self._unwritten.add(new_row)
        self._notes.append(Note(write, new_row))
        self._wake.set()

    # reading and writing

    async def run(self) -> None:
        """A supervised task: first what an earlier run left, then notes as they come."""
        while True:
            try:
                await self.load()
                await self.resolve()
                await self.flush()
            except StoreUnavailable as error:
                log.info("alert queue not written, retrying", extra={"waiting": len(self._notes)})
                await asyncio.sleep(error.retry_after_s)
                continue
            self._wake.clear()
            if not self._notes and not self._doubtful:
                await self._wake.wait()

    async def load(self) -> None:
        """Queue what still waits in the table. Once: later rows are ours."""
        if self._store is None or self.loaded.is_set():
            self.loaded.set()
            return
        found = await self._store.notifications.due(self._pop, FOR_EVER_US, LOAD_LIMIT)
        rows = [row for row in found if row.notification_id not in self._early]
        waiting: dict[str, list[Entry]] = {}
        for row in sorted(rows, key=lambda row: (row.created_at_us, row.notification_id)):
            alert = decode_alert(row.body)
            if alert is None:
                self.given_up(row.notification_id, row.attempts, "not readable by this release")
                continue
            rest_s = (row.due_at_us - self._clock.now_us()) / 1_000_000
            entry = Entry(
                row_id=row.notification_id,
                alert=alert,
                created_us=row.created_at_us,
                due=self._clock.monotonic() + min(max(rest_s, 0.0), 60.0),
                attempts=row.attempts,
            )
            waiting.setdefault(row.destination, []).append(entry)
        self.loaded.set()
        self._early.clear()
        for destination, entries in waiting.items():
            self._take_in(destination, entries)
        if rows:
            log.info("alerts of an earlier run queued", extra={"alerts": len(rows)})

    async def resolve(self) -> None:
        """Queue those in doubt that are in the table; the change of the others never happened."""
        if self._store is None or not self._doubtful:
            return
        asked = dict(self._doubtful)
        rows = await self._store.notifications.due(self._pop, FOR_EVER_US, LOAD_LIMIT)
        there = {row.notification_id for row in rows}
        for row_id, (destination, entry) in asked.items():
            del self._doubtful[row_id]
            if row_id in there:
                self._take_in(destination, [entry])

    async def flush(self) -> None:
        """Write the notes; what could not be written stays noted."""
        if self._store is None:
            return
        while self._notes:
            popped = [self._notes.popleft() for _ in range(min(BATCH, len(self._notes)))]
            batch = [
                note for note in popped if note.new_row is None or note.new_row in self._unwritten
            ]
            made = {note.new_row for note in batch if note.new_row is not None}
            # From here on they may be written: giving one up needs a note of its own.
            self._unwritten -= made
            try:
                async with self._store.transaction() as tx:
                    for note in batch:
                        note.write(tx.notifications)
            except StoreUnavailable:
                self._unwritten |= made
                self._notes.extendleft(reversed(batch))
                raise


def row_id_of(alert: Alert, destination: str) -> str:
    return f"{alert.id}:{destination}"


def _enqueue(
    rows: NotificationWrites, row_id: str, pop: str, destination: str, alert: Alert, at_us: int
) -> None:
    rows.enqueue(
        row_id,
        pop=pop,
        destination=destination,
        event=alert.event,
        body=encode_alert(alert),
        created_at_us=at_us,
        due_at_us=at_us,
    )


@dataclass(slots=True)
class PreparedAlert:
    """One alert and its destinations; `kept` are those whose queues have room for it."""

    alert: Alert
    destinations: tuple[str, ...]
    kept: tuple[str, ...]
    stored: frozenset[str] = frozenset()


Handler = Callable[[Iterable[PreparedAlert]], None]


class Prepared:
    """Fits the engine's `PreparedAlerts`."""

    def __init__(
        self, alerts: Sequence[PreparedAlert], pop: str, deliver: Handler, doubt: Handler
    ) -> None:
        self._alerts = alerts
        self._pop = pop
        self._deliver = deliver
        self._doubt = doubt

    def write(self, rows: NotificationWrites) -> None:
        for each in self._alerts:
            alert = each.alert
            for destination in each.kept:
                row_id = row_id_of(alert, destination)
                _enqueue(rows, row_id, self._pop, destination, alert, alert.at_us)
            each.stored = frozenset(each.kept)

    def deliver(self) -> None:
        self._deliver(self._alerts)

    def doubt(self) -> None:
        self._doubt(self._alerts)
