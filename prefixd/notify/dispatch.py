"""News to people: a bounded queue between the engine and the destinations.

`tell` never blocks and never fails. When the queue is full the oldest waiting news is dropped and
counted: an alert is a convenience, the engine is not.
"""

import asyncio
from collections import deque

from prefixd.clock import Clock
from prefixd.domain.news import News
from prefixd.notify.settings import AlertSettings

QUEUE_LIMIT = 1024


class Dispatcher:
    """Fits the engine's `Notifier`."""

    def __init__(self, settings: AlertSettings, pop: str, clock: Clock) -> None:
        self._settings = settings
        self._pop = pop
        self._clock = clock
        self._waiting: deque[News] = deque(maxlen=QUEUE_LIMIT)
        self._wake = asyncio.Event()
        self.dropped = 0

    def tell(self, news: News) -> None:
        if not self._settings.destinations:
            return
        if len(self._waiting) == QUEUE_LIMIT:
            self.dropped += 1
        self._waiting.append(news)
        self._wake.set()

    def apply(self, settings: AlertSettings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """A supervised task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._waiting.clear()

    async def stop(self) -> None:
        self._waiting.clear()
