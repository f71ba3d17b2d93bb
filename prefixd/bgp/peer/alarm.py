"""The one timer of a peer: it rings for whichever deadline comes first."""

import asyncio
from collections.abc import Callable, Iterable


class Alarm:
    __slots__ = ("_handle", "_ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadlines: Iterable[float | None], now: float) -> None:
        """Replaces what was set before; None is a deadline that does not exist."""
        self.cancel()
        first = min((each for each in deadlines if each is not None), default=None)
        if first is not None:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(max(0.0, first - now), self._ring)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
