"""How many messages a neighbor may send: so many a second, averaged over a minute.

A router that sends its whole table sends a minute's worth at once, which is no flood. One that
never stops is: its session is closed with Cease/8 (RFC 4486 4). Long before that the log names it.
"""

from enum import Enum, auto
from typing import Final

WINDOW_S: Final = 60.0


class Rate(Enum):
    NORMAL = auto()
    HIGH = auto()
    """Half of the minute's messages are used up. Reported once, until the rate has fallen."""
    EXCEEDED = auto()


class MessageRate:
    """Counts up by what arrives and down by what is allowed; `per_second` 0 allows everything."""

    __slots__ = ("_at", "_high", "_used", "per_second")

    def __init__(self, per_second: int, now: float) -> None:
        self.per_second = per_second
        self._used = 0.0
        self._at = now
        self._high = False

    def received(self, messages: int, now: float) -> Rate:
        """`messages` have arrived since the last call."""
        passed, self._at = now - self._at, now
        self._used = max(0.0, self._used - passed * self.per_second) + messages
        allowed = self.per_second * WINDOW_S
        if not allowed:
            self._used = 0.0
            return Rate.NORMAL
        if self._used > allowed:
            return Rate.EXCEEDED
        if self._used < allowed / 4:
            self._high = False
        elif self._used >= allowed / 2 and not self._high:
            self._high = True
            return Rate.HIGH
        return Rate.NORMAL

    def start(self, now: float) -> None:
        """A new session: what an earlier one sent is forgotten."""
        self._used, self._at, self._high = 0.0, now, False
