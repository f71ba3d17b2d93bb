"""What time does, from one heap: expiry, clear holds, staleness, escalation, retries.

Each thing that has a next moment stands in the heap once, under its earliest known moment. Moving
a moment later costs nothing: the entry surfaces at the old time, the owner is asked for the true
one, and it is pushed again. Moving it earlier pushes a second entry; the first finds nothing to do.
So a hundred thousand live mitigations cost memory and no work until one of them is due.

Moments are civil microseconds for everyone outside; the heap itself is ordered by the monotonic
clock, so that a civil clock set forwards or back fires nothing early and holds nothing late.

`SteadyTime` is the civil time that everyone else sees. Rows carry civil microseconds, people read
them, and they must mean the same after a restart. But a civil clock can be set: an hour forwards
would end every rule at once, an hour back would keep each one an hour too long. So the engine reads
civil time once, and from there on adds what the monotonic clock says. When the two disagree by more
than `JUMP_US`, somebody set the clock: `jump()` says by how much, and the moments in memory and in
the store are moved by that much, so that a rule with two minutes left has two minutes left. Smaller
differences are followed, never backwards.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable
from enum import IntEnum

from prefixd.clock import Clock

JUMP_US = 2_000_000


class SteadyTime:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us = clock.now_us() - round(clock.monotonic() * 1_000_000)

    def monotonic_us(self) -> int:
        return round(self._clock.monotonic() * 1_000_000)

    def now_us(self) -> int:
        return self.monotonic_us() + self._offset_us

    def to_monotonic(self, at_us: int) -> int:
        return at_us - self._offset_us

    def jump(self) -> int:
        """How far the civil clock was set since we last followed it; 0 when it was not.

        A non-zero answer is given once: afterwards `now_us` is the new civil time.
        """
        difference = self._clock.now_us() - self.now_us()
        if abs(difference) < JUMP_US:
            if difference > 0:
                self._offset_us += difference
            return 0
        self._offset_us += difference
        return difference


SLICE = 500
"""Due things handed over before the loop serves others."""
LONGEST_SLEEP_S = 1.0


class Due(IntEnum):
    MITIGATION = 0
    GROUP = 1
    ROUTINE = 2


Key = tuple[Due, str]


class DueHeap:
    """Knows when, not what: `next_moment` is asked, `fire` is told."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Due, str]] = []
        self._scheduled: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._scheduled)

    def schedule(self, key: Key, at: int) -> None:
        """`at` in monotonic microseconds; ignored when an entry as early stands already."""
        known = self._scheduled.get(key)
        if known is not None and known <= at:
            return
        self._scheduled[key] = at
        heapq.heappush(self._heap, (at, *key))

    def load(self, entries: Iterable[tuple[Key, int]]) -> None:
        """Many at once, at the start: one heapify instead of many pushes."""
        for key, at in entries:
            self._scheduled[key] = at
            self._heap.append((at, *key))
        heapq.heapify(self._heap)

    def earliest(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int) -> Key | None:
        """One key whose moment came, or None. Entries overtaken by an earlier one vanish here."""
        while self._heap and self._heap[0][0] <= now:
            at, kind, name = heapq.heappop(self._heap)
            key = (kind, name)
            if self._scheduled.get(key) == at:
                del self._scheduled[key]
                return key
        return None


class DueTimes:
    """The heap, the clock and the task that sleeps between two moments."""

    def __init__(
        self,
        time: SteadyTime,
        next_moment_us: Callable[[Key], int | None],
        fire: Callable[[Key], None],
    ) -> None:
        self._time = time
        self._heap = DueHeap()
        self._next_moment_us = next_moment_us
        self._fire = fire
        self._earlier = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, key: Key, at_us: int) -> None:
        earliest = self._heap.earliest()
        at = self._time.to_monotonic(at_us)
        self._heap.schedule(key, at)
        if earliest is None or at < earliest:
            self._earlier.set()

    def load(self, entries: Iterable[tuple[Key, int]]) -> None:
        self._heap.load((key, self._time.to_monotonic(at_us)) for key, at_us in entries)
        self._earlier.set()

    def fire_due(self, limit: int = SLICE) -> int:
        """Hand over what is due now, at most `limit`; how many were looked at."""
        now = self._time.monotonic_us()
        for count in range(limit):
            key = self._heap.pop_due(now)
            if key is None:
                return count
            moment_us = self._next_moment_us(key)
            if moment_us is None:
                continue
            at = self._time.to_monotonic(moment_us)
            if at > now:
                self._heap.schedule(key, at)
            else:
                self._fire(key)
        return limit

    async def run(self) -> None:
        while True:
            if self.fire_due() == SLICE:
                await asyncio.sleep(0)
                continue
            self._earlier.clear()
            earliest = self._heap.earliest()
            pause_s = LONGEST_SLEEP_S
            if earliest is not None:
                pause_s = min(pause_s, max(0.0, (earliest - self._time.monotonic_us()) / 1e6))
            try:
                async with asyncio.timeout(pause_s):
                    await self._earlier.wait()
            except TimeoutError:
                continue
