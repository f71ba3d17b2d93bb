"""Committed changes for everything that listens: inside the process, and as a NOTIFY payload.

On PostgreSQL changes travel by LISTEN/NOTIFY and reach every instance, this one included; on
SQLite there is one process, and this hub is enough. Both promise the same: a change is published
after its commit, in commit order; a listener that falls behind receives `Lost` and reads again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import msgspec

from prefixd.domain.record import Change, Lost

BACKLOG = 10_000
CHANNEL = "prefixd"  # of NOTIFY


class Mailbox:
    """One listener's bounded queue; when it overflows, the backlog is replaced by one `Lost`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | Lost | None] = asyncio.Queue()

    def put(self, change: Change) -> None:
        if self._queue.qsize() < BACKLOG:
            self._queue.put_nowait(change)
            return
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Lost())

    def end(self) -> None:
        """The connection is gone: iteration ends after what has arrived."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[Change | Lost]:
        return self

    async def __anext__(self) -> Change | Lost:
        change = await self._queue.get()
        if change is None:
            raise StopAsyncIteration
        return change


class ChangeHub:
    def __init__(self) -> None:
        self._mailboxes: set[Mailbox] = set()

    @property
    def listeners(self) -> int:
        return len(self._mailboxes)

    def publish(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for mailbox in self._mailboxes:
                mailbox.put(change)

    async def listen(self) -> AsyncGenerator[Change | Lost, None]:
        mailbox = Mailbox()
        self._mailboxes.add(mailbox)
        try:
            async for change in mailbox:
                yield change
        finally:
            self._mailboxes.discard(mailbox)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Change)


def encode_change(change: Change) -> str:
    return _ENCODER.encode(change).decode()


def decode_change(payload: str) -> Change | None:
    """None for a kind of change that only newer releases know."""
    try:
        return _DECODER.decode(payload)
    except msgspec.MsgspecError:
        return None
