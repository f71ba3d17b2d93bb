"""Domain news to everyone who listens, without waiting for anyone.

Publishing is synchronous and never blocks: each subscriber has a bounded queue of its own. When a
slow one's queue is full its backlog is dropped and it gets `Gap` instead, the order to fetch
everything again; the others do not notice. News is numbered, so that a listener who comes back can
say where it stopped, and a short tail of it is kept for exactly that.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from prefixd.domain.news import News

TAIL = 512
"""News kept for listeners that resume."""


class Numbered(Struct, frozen=True):
    number: int
    news: News


@dataclass(frozen=True, slots=True)
class Gap:
    """News before `number` was lost to this listener: it must fetch everything again."""

    number: int


class Subscription:
    """One listener's queue. `async for` over it, or `next()`; `close()` when done."""

    __slots__ = ("_close", "_limit", "_lost", "_queue", "_waiter", "closed", "dropped")

    def __init__(self, limit: int, close: Callable[["Subscription"], None]) -> None:
        self._queue: deque[Numbered] = deque()
        self._limit = limit
        self._lost: int | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._close = close
        self.closed = False
        self.dropped = 0

    def offer(self, item: Numbered) -> None:
        if len(self._queue) >= self._limit:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._lost = item.number
        self._queue.append(item)
        self._wake()

    def lose(self, number: int) -> None:
        """Tell the listener that what came before `number` is not here."""
        self._lost = number
        self._wake()

    async def next(self) -> Numbered | Gap | None:
        """The next news, or `Gap` when some was lost, or None once closed."""
        while True:
            if self.closed:
                return None
            if self._lost is not None:
                number, self._lost = self._lost, None
                return Gap(number)
            if self._queue:
                return self._queue.popleft()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        self.closed = True
        self._queue.clear()
        self._close(self)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Bus:
    def __init__(self, queue_limit: int) -> None:
        self._queue_limit = queue_limit
        self._subscribers: dict[Subscription, None] = {}
        self._listeners: list[Callable[[News], None]] = []
        self._tail: deque[Numbered] = deque(maxlen=TAIL)
        self.number = 0

    def listen(self, listener: Callable[[News], None]) -> None:
        """For counters and the like: called at once, must not block and must not raise."""
        self._listeners.append(listener)

    def subscribe(self, after: int | None = None) -> Subscription:
        """From now on, or from the news after number `after` when the tail still holds it."""
        subscription = Subscription(self._queue_limit, self._forget)
        if after is not None:
            self._resume(subscription, after)
        self._subscribers[subscription] = None
        return subscription

    def publish(self, news: Sequence[News]) -> None:
        for one in news:
            self.number += 1
            item = Numbered(self.number, one)
            self._tail.append(item)
            for listener in self._listeners:
                listener(one)
            for subscription in self._subscribers:
                subscription.offer(item)

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def close(self) -> None:
        for subscription in list(self._subscribers):
            subscription.close()

    def _resume(self, subscription: Subscription, after: int) -> None:
        if after > self.number or (self._tail and after < self._tail[0].number - 1):
            # A number from another life of this process, or older than what is kept.
            subscription.lose(self.number + 1)
            return
        for item in self._tail:
            if item.number > after:
                subscription.offer(item)

    def _forget(self, subscription: Subscription) -> None:
        self._subscribers.pop(subscription, None)
