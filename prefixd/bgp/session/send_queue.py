"""Octets on their way to the kernel, with the message boundaries still known.

The kernel takes as much as it likes, so the front of the queue may be in the middle of a message.
A NOTIFICATION must jump the queue but must not land inside a message, which is why this buffer can
be cut behind the message that has already begun.
"""

from collections import deque
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
