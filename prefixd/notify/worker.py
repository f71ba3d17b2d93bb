"""One destination's worker: a queue, and one attempt after another.

Each destination has its own, so one that hangs delays no other. `step` does at most one thing and
returns how long until the next; the clock is an argument, so tests walk through a night of retries
without waiting for it.

An attempt is counted before it is made: any failure in between, even in our own code, was an
attempt, and the alert is given up after `max_age_s`.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from prefixd.clock import Clock
from prefixd.notify.alert import Alert, digest, merged
from prefixd.notify.answer import Delivered, Later, Never, Verdict, judge
from prefixd.notify.message import Letterhead
from prefixd.notify.outbox import Outbox, row_id_of
from prefixd.notify.pace import Allowance, Breaker, pause_s
from prefixd.notify.render import pages, render
from prefixd.notify.settings import AlertEvent, AlertSettings, Destination, scrub, secrets_of
from prefixd.notify.transport import Sender
from prefixd.notify.waiting import Entry, Waiting

log = logging.getLogger(__name__)

MAX_ERROR = 512
FLAPPED = "began and ended before it was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all workers share."""

    clock: Clock
    sender: Sender
    outbox: Outbox
    new_id: Callable[[], str]
    jitter: Callable[[], float]
    count: Callable[[str, str], None]
    """Destination and one of: success, error, dropped."""
    availability_changed: Callable[[str, bool, str], None]
    """A destination began to fail (True) or answers again."""

    async def send(
        self,
        destination: Destination,
        alert: Alert,
        letterhead: Letterhead,
        attempt: int,
        timeout_s: float,
    ) -> Verdict:
        sent_at_s = self.clock.now_us() // 1_000_000
        request = render(
            destination.target, alert, letterhead, sent_at_s=sent_at_s, attempt=attempt
        )
        return judge(await self.sender.send(request, timeout_s), self.clock.now())


class Worker:
    def __init__(
        self, destination: Destination, settings: AlertSettings, around: Surroundings
    ) -> None:
        self._around = around
        self._wake = asyncio.Event()
        self.quiet = asyncio.Event()
        """Nothing can be sent at this moment."""
        self.quiet.set()
        self.waiting = Waiting(settings.queue_limit)
        self.breaker = Breaker()
        self.last_error: str | None = None
        self._allowance = Allowance(
            per_minute=destination.rate_per_minute,
            burst=destination.burst,
            tokens=destination.burst,
            at=around.clock.monotonic(),
        )
        self._hold_until = 0.0
        self._was_short = False
        self.configure(destination, settings)

    def configure(self, destination: Destination, settings: AlertSettings) -> None:
        """What waits stays; how it is sent may change."""
        self.destination = destination
        self._letterhead = Letterhead(settings.public_url, settings.environment)
        self._secrets = secrets_of(destination.target)
        self._pages = pages(destination)
        self.waiting.limit = settings.queue_limit
        self._allowance.per_minute = destination.rate_per_minute
        self._allowance.burst = destination.burst
        self._wake.set()

    # queueing

    @property
    def has_room(self) -> bool:
        return len(self.waiting) < self.waiting.limit

    def accept(self, alert: Alert, *, is_stored: bool = False) -> None:
        """Never blocks. What it makes pointless, or had to make room, is settled here."""
        clock = self._around.clock
        entry = Entry(
            row_id=row_id_of(alert, self.destination.id),
            alert=alert,
            created_us=clock.now_us(),
            due=clock.monotonic(),
        )
        if self._pages:
            unseen = self.waiting.flapped(entry)
            if unseen:
                self._drop(unseen, FLAPPED)
                if is_stored:
                    self._around.outbox.given_up(entry.row_id, 0, FLAPPED)
                return
        replaced = list(dict.fromkeys((*self._collected(entry), *self._superseded(entry))))
        if entry.alert is not alert and is_stored:
            # The merged text is another row, so that a crash in between loses neither.
            replaced.append(replace(entry))
            entry.row_id = f"{entry.row_id}:{len(replaced)}"
            is_stored = False
        if not is_stored:
            self._around.outbox.put(self.destination.id, entry)
        self._drop(replaced, f"part of {entry.row_id}")
        dropped = self.waiting.add(entry)
        if dropped is not None:
            self._overflow(dropped)
        self.quiet.clear()
        self._wake.set()

    def restore(self, entries: list[Entry]) -> None:
        """What an earlier run left; it goes before anything new."""
        for dropped in self.waiting.put_before(entries):
            self._overflow(dropped)
        self.quiet.clear()
        self._wake.set()

    def retire(self, why: str) -> None:
        self._drop(list(self.waiting), why)

    def _collected(self, entry: Entry) -> list[Entry]:
        """Wait for more about the same victim; what waits already is sent with it."""
        wait_s = self.destination.group_wait_s
        if self._pages or not wait_s or entry.is_urgent:
            return []
        earlier = self.waiting.of_group(entry.alert.group_key)
        entry.due = min((each.due for each in earlier), default=entry.due + wait_s)
        entry.alert = merged([each.alert for each in earlier], entry.alert)
        return earlier

    def _superseded(self, entry: Entry) -> list[Entry]:
        """An extension replaces the waiting one before it."""
        if entry.alert.event is not AlertEvent.MITIGATION_EXTENDED:
            return []
        return [
            each
            for each in self.waiting.of_incident(entry.alert.dedup_key)
            if each.attempts == 0 and each.alert.event is AlertEvent.MITIGATION_EXTENDED
        ]

    def _drop(self, entries: list[Entry], why: str) -> None:
        for entry in entries:
            self.waiting.remove(entry)
            self._around.outbox.given_up(entry.row_id, entry.attempts, why)

    def _overflow(self, entry: Entry) -> None:
        self._around.outbox.given_up(entry.row_id, entry.attempts, "dropped: the queue was full")
        self._around.count(self.destination.id, "dropped")

    # sending

    async def run(self) -> None:
        """A supervised task."""
        while True:
            self._wake.clear()
            wait_s = await self.step()
            if wait_s == 0:
                continue
            self.quiet.set()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                pass  # the next thing is due

    async def step(self) -> float | None:
        """Do the next thing, if it is time. Seconds until the one after; None: nothing waits."""
        now = self._around.clock.monotonic()
        self._give_up_old()
        held_s = max(self.breaker.wait_s(now), self._hold_until - now)
        if held_s > 0 and len(self.waiting):
            return held_s
        ready = self.waiting.ready(now)
        if not ready:
            due = self.waiting.next_due()
            return None if due is None else max(due - now, 0.001)
        entry = ready[0]
        if not entry.is_urgent:
            wait_s = self._allowance.wait_s(now)
            if wait_s > 0:
                self._was_short = True
                return wait_s
            entry = self._sum_up(ready, now)
        self._allowance.spend(now)
        await self._attempt(entry, now)
        return 0.0

    def _sum_up(self, ready: list[Entry], now: float) -> Entry:
        """After a shortage, one digest stands for what piled up meanwhile."""
        was_short, self._was_short = self._was_short, False
        fresh = [each for each in ready if each.attempts == 0 and not each.is_urgent]
        if self._pages or not was_short or len(fresh) < 2:
            return ready[0]
        now_us = self._around.clock.now_us()
        alert = digest([each.alert for each in fresh], self._around.new_id(), now_us)
        entry = Entry(
            row_id=row_id_of(alert, self.destination.id), alert=alert, created_us=now_us, due=now
        )
        self._around.outbox.put(self.destination.id, entry)
        self._drop(fresh, f"part of {entry.row_id}")
        self.waiting.add(entry)
        return entry

    async def _attempt(self, entry: Entry, now: float) -> None:
        entry.attempts += 1
        pause = pause_s(entry.attempts, self._around.jitter())
        entry.due = now + pause
        destination = self.destination
        verdict = await self._around.send(
            destination, entry.alert, self._letterhead, entry.attempts, destination.timeout_s
        )
        self._settle(entry, verdict, pause)

    def _settle(self, entry: Entry, verdict: Verdict, pause: float) -> None:
        outbox, now = self._around.outbox, self._around.clock.monotonic()
        match verdict:
            case Delivered():
                self.waiting.remove(entry)
                outbox.delivered(entry)
                self._around.count(self.destination.id, "success")
                self.last_error = None
                if self.breaker.succeeded():
                    log.info(
                        "destination reachable again", extra={"destination": self.destination.id}
                    )
                    self._around.availability_changed(self.destination.id, False, "")
            case Later(sentence=sentence, after_s=after_s, excerpt=excerpt):
                wait_s = pause if after_s is None else after_s
                entry.due = now + wait_s
                if after_s is not None:
                    self._hold_until = entry.due  # it spoke for all we send
                outbox.retried(entry, wait_s, self._detail(sentence, excerpt))
                self._failed(sentence, now)
            case Never(sentence=sentence, excerpt=excerpt):
                detail = self._detail(sentence, excerpt)
                self._give_up(entry, detail)
                self._failed(sentence, now)
            case _:
                assert_never(verdict)

    def _failed(self, sentence: str, now: float) -> None:
        self._around.count(self.destination.id, "error")
        self.last_error = sentence
        if self.breaker.failed(now):
            log.warning(
                "destination unreachable, retrying",
                extra={"destination": self.destination.id, "error": sentence},
            )
            self._around.availability_changed(self.destination.id, True, sentence)

    def _give_up_old(self) -> None:
        now_us = self._around.clock.now_us()
        limit_us = self.destination.max_age_s * 1_000_000
        for entry in [each for each in self.waiting if now_us - each.created_us > limit_us]:
            self._give_up(entry, f"not delivered within {self.destination.max_age_s} s")
            self._around.count(self.destination.id, "dropped")

    def _give_up(self, entry: Entry, why: str) -> None:
        self._drop([entry], why)
        log.warning(
            "alert given up",
            extra={
                "destination": self.destination.id,
                "event": entry.alert.event.value,
                "attempts": entry.attempts,
                "error": why,
            },
        )

    def _detail(self, sentence: str, excerpt: str) -> str:
        """For the log and the row: their words too, with whatever is secret starred."""
        text = f"{sentence}: {excerpt}" if excerpt else sentence
        return scrub(text, self._secrets)[:MAX_ERROR]
