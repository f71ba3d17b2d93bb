"""The durable side of the queues: what waits is a row, so a restart forgets nobody's page.

The rows of alerts about a saved change come with the change (`prepared.py`). All else is written
behind: while the database is away alerts still go out (that it is away is one of them), and what
should have been written is kept and written later. A crash between a delivery and its note sends
the alert again, with the same id and the same key, which receivers count as one.

The store is a port, known by its shape.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from prefixd.clock import Clock
from prefixd.errors import StoreUnavailable
from prefixd.notify.alert import decode_alert, encode_alert
from prefixd.notify.waiting import Entry

log = logging.getLogger(__name__)

LOAD_LIMIT = 20_000
NOTES_LIMIT = 20_000
BATCH = 500
FOR_EVER_US = 1 << 62


class AlertRow(Protocol):
    @property
    def notification_id(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created_at_us(self) -> int: ...
    @property
    def due_at_us(self) -> int: ...


class NewRows(Protocol):
    def enqueue(
        self,
        notification_id: str,
        *,
        pop: str,
        destination: str,
        event: str,
        body: str,
        created_at_us: int,
        due_at_us: int,
    ) -> None: ...


class AlertWrites(NewRows, Protocol):
    def delivered(self, notification_id: str, attempts: int, at_us: int) -> None: ...
    def failed(self, notification_id: str, attempts: int, at_us: int, error: str) -> None: ...
    def retry(self, notification_id: str, attempts: int, due_at_us: int, error: str) -> None: ...


class AlertReads(Protocol):
    async def due(self, pop: str, now_us: int, limit: int = ...) -> Sequence[AlertRow]: ...


class AlertTransaction(Protocol):
    @property
    def notifications(self) -> AlertWrites: ...


class AlertStore(Protocol):
    @property
    def notifications(self) -> AlertReads: ...
    def transaction(self) -> AbstractAsyncContextManager[AlertTransaction]: ...


Write = Callable[[AlertWrites], None]


class Note(NamedTuple):
    write: Write
    new_row: str | None = None
    """The row it would make: left out when it was given up before it was written."""


TakeIn = Callable[[str, list[Entry]], None]
"""Given a destination and what still waits for it, oldest first."""


class Outbox:
    def __init__(self, store: AlertStore | None, pop: str, clock: Clock, take_in: TakeIn) -> None:
        self._store = store
        self._pop = pop
        self._clock = clock
        self._take_in = take_in
        self._notes: deque[Note] = deque(maxlen=NOTES_LIMIT)
        self._unwritten: set[str] = set()
        self._early: set[str] = set()
        """Rows of this life that were in the table before it was read."""
        self._doubtful: dict[str, tuple[str, Entry]] = {}
        self._wake = asyncio.Event()
        self.loaded = asyncio.Event()

    @property
    def is_durable(self) -> bool:
        return self._store is not None

    # noting; never blocks

    def put(self, destination: str, entry: Entry) -> None:
        alert, created_us = entry.alert, entry.created_us

        def write(rows: AlertWrites) -> None:
            rows.enqueue(
                entry.row_id,
                pop=self._pop,
                destination=destination,
                event=alert.event,
                body=encode_alert(alert),
                created_at_us=created_us,
                due_at_us=created_us,
            )

        self._note(write, entry.row_id)

    def stored(self, row_id: str) -> None:
        """A row was written with the change it tells of."""
        if not self.loaded.is_set():
            self._early.add(row_id)

    def doubt(self, destination: str, entry: Entry) -> None:
        """It may be in the table, or not: what the table says will be done."""
        self.stored(entry.row_id)
        if len(self._doubtful) == NOTES_LIMIT:
            del self._doubtful[next(iter(self._doubtful))]  # after a restart its row speaks
        self._doubtful[entry.row_id] = (destination, entry)
        self._wake.set()

    def delivered(self, entry: Entry) -> None:
        attempts, now_us = entry.attempts, self._clock.now_us()
        self._note(lambda rows: rows.delivered(entry.row_id, attempts, now_us))

    def given_up(self, row_id: str, attempts: int, why: str) -> None:
        """A storm's drops cost no rows: what was never written is only forgotten."""
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
        """A supervised task: first what an earlier life left, then notes as they come."""
        while True:
            try:
                await self.load()
                await self.resolve()
                await self.flush()
            except StoreUnavailable as error:
                log.info("alert queue cannot be written now", extra={"waiting": len(self._notes)})
                await asyncio.sleep(error.retry_after_s)
                continue
            self._wake.clear()
            if not self._notes and not self._doubtful:
                await self._wake.wait()

    async def load(self) -> None:
        """Hand over what still waits in the table. Once: later rows are ours."""
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
            log.info("alerts of an earlier run still wait", extra={"alerts": len(rows)})

    async def resolve(self) -> None:
        """Send those in doubt that are in the table; the others tell of what never happened."""
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
        """Write what was noted; what could not be written stays noted."""
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
