"""Turns for peers that may have something to hear, a few milliseconds at a time.

Whoever changes something asks for a turn; the turn comes from the event loop, never inside the
caller. Each peer gets one chunk, then the next peer, until the slice is used up; then the loop may
read sockets and send keepalives before it goes on. When nobody has anything to say now, one timer
waits for whoever is next.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from prefixd.clock import Clock

SLICE_S: Final = 0.005


class Pump:
    def __init__(
        self,
        clock: Clock,
        *,
        tell: Callable[[str, float], bool],
        next_wake: Callable[[float, frozenset[str]], float | None],
        all_names: Callable[[], tuple[str, ...]],
    ) -> None:
        """`tell` hands one chunk to a peer and says whether to ask it again; `next_wake` says when
        the first of the peers not named may have something."""
        self._clock = clock
        self._tell = tell
        self._next_wake = next_wake
        self._all_names = all_names
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._turn_asked = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def ask(self, name: str) -> None:
        if name not in self._queued:
            self._queued.add(name)
            self._ready.append(name)
        self._ask_turn()

    def ask_all(self) -> None:
        for name in self._all_names():
            self.ask(name)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_asked = False
        until = self._clock.monotonic() + SLICE_S
        while self._ready:
            now = self._clock.monotonic()
            if now >= until:
                self._ask_turn()
                return
            name = self._ready.popleft()
            self._queued.discard(name)
            if self._tell(name, now):
                self._queued.add(name)
                self._ready.append(name)
        self._arm()

    def _arm(self) -> None:
        now = self._clock.monotonic()
        first = self._next_wake(now, frozenset(self._queued))
        if first is None or (self._timer is not None and self._timer_at <= first):
            return
        self.stop()
        self._timer_at = first
        self._timer = asyncio.get_running_loop().call_later(max(0.0, first - now), self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.ask_all()
