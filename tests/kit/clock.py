"""A clock that moves only when a test says so."""

from datetime import datetime

from prefixd.clock import from_us


class FakeClock:
    def __init__(self, now_us: int = 1_767_225_600_000_000, monotonic: float = 1000.0) -> None:
        self._now_us = now_us
        self._monotonic = monotonic

    def now(self) -> datetime:
        return from_us(self._now_us)

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now_us += round(seconds * 1_000_000)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Civil time jumps (an operator, NTP); monotonic time does not notice."""
        self._now_us += round(seconds * 1_000_000)
