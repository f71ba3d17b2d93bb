"""The last messages of a neighbor, kept in memory for a support case."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_KEPT_OCTETS: Final = 4096


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    now: float
    """Monotonic seconds."""
    sent: bool
    octets: bytes
    """At most the first MAX_KEPT_OCTETS."""


class PacketLog:
    __slots__ = ("_ring",)

    def __init__(self, messages: int) -> None:
        self._ring: deque[LoggedMessage] = deque(maxlen=messages)

    def add(self, now: float, octets: bytes, *, sent: bool) -> None:
        self._ring.append(LoggedMessage(now, sent, octets[:MAX_KEPT_OCTETS]))

    def __iter__(self) -> Iterator[LoggedMessage]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)
