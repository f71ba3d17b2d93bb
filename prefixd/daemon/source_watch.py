"""Finds detectors that stopped sending, and those that send again.

Signals arrive here from the bus. A message that is no signal (a heartbeat, a decoy's message about
an address that is not ours) is reported by its endpoint through `seen`. News is published from the
timer and never from within other news, so that subscribers get all of it in order.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from prefixd.clock import Clock
from prefixd.correlation.settings import SourceSettings
from prefixd.domain import news
from prefixd.domain.news import News
from prefixd.signals.liveness import Liveness, Silent

LOOK_EVERY_S = 1.0


class SourceWatch:
    def __init__(
        self,
        clock: Clock,
        publish: Callable[[Sequence[News]], None],
        sources: Mapping[str, SourceSettings],
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._liveness = Liveness()
        self.expect(sources)

    def expect(self, sources: Mapping[str, SourceSettings]) -> None:
        """The settings in force, now and after each reload."""
        longest = {name: found.expect_every_s for name, found in sources.items()}
        wanted = {name: float(every_s) for name, every_s in longest.items() if every_s}
        self._liveness.expect(wanted, self._clock.monotonic())

    def on_news(self, item: News) -> None:
        """A listener on the bus."""
        if self._liveness and isinstance(item, news.SignalReceived | news.CorroboratorReceived):
            self.seen(item.signal.source)

    def seen(self, source: str) -> None:
        if self._liveness:
            self._liveness.reported(source, self._clock.monotonic(), self._clock.now_us())

    async def run(self) -> None:
        """A supervised task."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        at_us = self._clock.now_us()
        found: list[News] = [
            news.SourceSilent(at_us=at_us, source=change.source, last_seen_us=change.last_seen_us)
            if isinstance(change, Silent)
            else news.SourceRecovered(at_us=at_us, source=change.source)
            for change in self._liveness.changes(self._clock.monotonic())
        ]
        if found:
            self._publish(found)
