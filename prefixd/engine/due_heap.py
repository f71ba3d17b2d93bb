"""The next moments of everything that waits for time, in one heap: expiry, clear holds, staleness,
escalation, retries.

Each thing that has a next moment is in the heap once, under its earliest known moment. Moving a
moment later costs nothing: the entry surfaces at the old time, its true moment is looked up, and it
is pushed again. Moving it earlier pushes a second entry; the first finds nothing to do. So a
hundred thousand live mitigations cost memory and no work until one of them is due.

Moments are civil microseconds for everyone outside; the heap itself is ordered by the monotonic
clock, so that a civil clock set forwards or back fires nothing early and holds nothing late.

`SteadyTime` is the civil time that everyone else sees. Rows carry civil microseconds, operators
read them, and they must mean the same after a restart. But a civil clock can be set: an hour
forwards would end every rule at once, an hour back would keep each one an hour too long. So the
engine reads civil time once, and from there on adds what the monotonic clock says. When the two
disagree by more than `JUMP_US`, the clock was set: `jump()` says by how much, and the moments in
memory and in the store are moved by that much, so that a rule with two minutes left has two minutes
left. Smaller differences are followed, never backwards.
"""

import asyncio
import heapq
from collections.abc import Iterable
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

    def to_civil(self, at_us: int) -> int:
        return at_us + self._offset_us

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


LONGEST_SLEEP_S = 1.0


class Due(IntEnum):
    MITIGATION = 0
    GROUP = 1
    ROUTINE = 2


Key = tuple[Due, str]


class DueHeap:
    """Knows when, not what."""

    def __init__(self, time: SteadyTime) -> None:
        self._time = time
        self._heap: list[tuple[int, Due, str]] = []
        self._scheduled: dict[Key, int] = {}
        self._earlier = asyncio.Event()

    def __len__(self) -> int:
        return len(self._scheduled)

    def schedule(self, key: Key, at_us: int) -> None:
        """Ignored when there is an entry as early already."""
        at = self._time.to_monotonic(at_us)
        known = self._scheduled.get(key)
        if known is not None and known <= at:
            return
        if not self._heap or at < self._heap[0][0]:
            self._earlier.set()
        self._scheduled[key] = at
        heapq.heappush(self._heap, (at, *key))

    def load(self, entries: Iterable[tuple[Key, int]]) -> None:
        """Many at once, at the start: one heapify instead of many pushes."""
        for key, at_us in entries:
            at = self._time.to_monotonic(at_us)
            self._scheduled[key] = at
            self._heap.append((at, *key))
        heapq.heapify(self._heap)
        self._earlier.set()

    def next_moment_us(self) -> int | None:
        return self._time.to_civil(self._heap[0][0]) if self._heap else None

    def pop_due(self, now_us: int) -> Key | None:
        """One key whose moment came, or None. Entries overtaken by an earlier one vanish here."""
        now = self._time.to_monotonic(now_us)
        while self._heap and self._heap[0][0] <= now:
            at, kind, name = heapq.heappop(self._heap)
            key = (kind, name)
            if self._scheduled.get(key) == at:
                del self._scheduled[key]
                return key
        return None

    async def wait(self) -> None:
        """Until the next moment, an earlier one that comes meanwhile, or `LONGEST_SLEEP_S`."""
        self._earlier.clear()
        pause_s = LONGEST_SLEEP_S
        if self._heap:
            left_s = (self._heap[0][0] - self._time.monotonic_us()) / 1e6
            pause_s = min(pause_s, max(0.0, left_s))
        try:
            async with asyncio.timeout(pause_s):
                await self._earlier.wait()
        except TimeoutError:
            return
