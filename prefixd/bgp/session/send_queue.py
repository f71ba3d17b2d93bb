"""Octets on their way to the kernel, their message boundaries, and how long they wait.

The kernel takes as much as it likes, so the front of the queue may be in the middle of a message.
A NOTIFICATION must jump the queue but must not land inside a message, which is why this buffer can
be cut behind the message that has already begun.

A peer whose TCP window is closed looks healthy: TCP is up, its keepalives come. `StallWatch`
reports it long before the send hold timer ends the session (RFC 9687).
"""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Final

MAX_PARTS: Final = 256
_LENGTH_AT: Final = 16


class SendBuffer:
    __slots__ = ("_chunks", "_taken", "size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._taken = 0
        self.size = 0

    def append(self, messages: bytes) -> None:
        """Whole messages only."""
        self._chunks.append(messages)
        self.size += len(messages)

    def waiting(self) -> list[bytes | memoryview]:
        """What to offer to the kernel, in order."""
        parts: list[bytes | memoryview] = list(islice(self._chunks, MAX_PARTS))
        if self._taken:
            parts[0] = memoryview(parts[0])[self._taken :]
        return parts

    def take(self, count: int) -> None:
        """The kernel has the first `count` octets of `waiting()`."""
        self.size -= count
        self._taken += count
        while self._chunks and self._taken >= len(self._chunks[0]):
            self._taken -= len(self._chunks.popleft())

    def cut(self) -> None:
        """Forget everything but the rest of the message that has begun."""
        rest = b""
        if self._taken:
            head = self._chunks[0]
            end = 0
            while end < self._taken:
                end += int.from_bytes(head[end + _LENGTH_AT : end + _LENGTH_AT + 2], "big")
            rest = head[self._taken : end]
        self.clear()
        if rest:
            self.append(rest)

    def clear(self) -> None:
        self._chunks.clear()
        self._taken = 0
        self.size = 0


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
