"""The delay of the event loop: the number that distinguishes our own stalls from the network's.

A task sleeps for a quarter of a second, again and again, and notes by how much it overslept. Hold
timers are judged after reading, so a stall does not cost sessions by itself, but it is the first
thing to look at when keepalives are late.
"""

import asyncio
from collections import deque
from typing import Final

from prefixd.clock import Clock

INTERVAL_S: Final = 0.25
WINDOW: Final = 240
"""Samples kept: one minute."""


class LoopLag:
    __slots__ = ("_clock", "_samples", "worst_s")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=WINDOW)
        self.worst_s = 0.0
        """Since start."""

    @property
    def last_s(self) -> float:
        return self._samples[-1] if self._samples else 0.0

    @property
    def recent_s(self) -> float:
        """The worst of the last minute."""
        return max(self._samples, default=0.0)

    def note(self, late_s: float) -> None:
        late_s = max(0.0, late_s)
        self._samples.append(late_s)
        self.worst_s = max(self.worst_s, late_s)

    async def run(self) -> None:
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(INTERVAL_S)
            self.note(self._clock.monotonic() - before - INTERVAL_S)
