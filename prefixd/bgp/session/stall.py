"""Whether the peer reads: how long octets have been waiting without the kernel taking any.

A peer that does not read is dangerous because all looks fine: TCP is up, its keepalives come.
So somebody is told early, long before the send hold timer ends the session (RFC 9687).
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

WARNING_S: Final = 5.0


class StallLevel(StrEnum):
    WARNING = "warning"
    ALARM = "alarm"


class StallWatch:
    __slots__ = ("_level", "_since", "waiting")

    def __init__(self) -> None:
        self.waiting = False
        self._since = 0.0
        self._level: StallLevel | None = None

    def ended(self) -> None:
        """Nothing waits any more."""
        self.waiting = False
        self._level = None

    def left(self, taken: int, now: float) -> bool:
        """Octets still wait after the kernel took `taken`; whether that is progress."""
        progressed = taken > 0 and self.waiting
        if taken or not self.waiting:
            self._since = now
            self._level = None
        self.waiting = True
        return progressed

    def seconds(self, now: float) -> float:
        return now - self._since if self.waiting else 0.0

    def next_level_at(self, send_hold_time_s: float) -> float | None:
        """When the next of warning and alarm is due; the alarm at half the send hold time."""
        if not self.waiting or self._level is StallLevel.ALARM:
            return None
        if self._level is None:
            return self._since + WARNING_S
        return self._since + max(send_hold_time_s / 2, WARNING_S)

    def due(self, send_hold_time_s: float, now: float) -> Iterator[tuple[StallLevel, float]]:
        while (at := self.next_level_at(send_hold_time_s)) is not None and at <= now:
            self._level = StallLevel.WARNING if self._level is None else StallLevel.ALARM
            yield self._level, now - self._since
