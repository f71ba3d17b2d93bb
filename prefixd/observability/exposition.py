"""The text that Prometheus scrapes, written without holding up the BGP sessions.

The client library writes it, in OpenMetrics when the scraper's `Accept` asks for it and in the
plain format otherwise. A large installation has thousands of lines, so they are written in parts
with room for other work between them: a scrape never delays a keepalive. Scrapes that come in while
a text is being written get that text, so that a flood of them costs little more than one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias

from prometheus_client import exposition as plain
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from prefixd.observability.labelled import PART

Encode: TypeAlias = Callable[[Collector], bytes]
_PLAIN: Final[tuple[Encode, str]] = (plain.generate_latest, plain.CONTENT_TYPE_PLAIN_0_0_4)
_OPENMETRICS: Final[tuple[Encode, str]] = (
    openmetrics.generate_latest,
    openmetrics.CONTENT_TYPE_LATEST,
)
_END: Final = b"# EOF\n"
"""OpenMetrics ends with it; every part does, so it is cut off and put at the end once."""
_HEAD_LINES: Final = 2
"""HELP and TYPE."""


async def _nothing() -> None:
    """Nothing to prepare."""


class Exposition:
    """`prepare` runs before each text: it looks up what the collectors will report."""

    def __init__(
        self, registry: CollectorRegistry, prepare: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        self._registry = registry
        self._prepare = prepare
        self._writing: dict[str, asyncio.Task[bytes]] = {}

    async def text(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its content type."""
        encode, content_type = _OPENMETRICS if wants_openmetrics(accept) else _PLAIN
        task = self._writing.get(content_type)
        if task is None:
            task = asyncio.create_task(self._write(encode), name=f"metrics: {content_type}")
            self._writing[content_type] = task
            task.add_done_callback(lambda _: self._writing.pop(content_type))
        # A client that leaves does not cancel the text that others wait for.
        return await asyncio.shield(task), content_type

    async def _write(self, encode: Encode) -> bytes:
        await self._prepare()
        pieces: list[bytes] = []
        for piece in slices(self._registry, encode):
            pieces.append(piece)
            await asyncio.sleep(0)
        if encode is _OPENMETRICS[0]:
            pieces.append(_END)
        return b"".join(pieces)


def wants_openmetrics(accept: str) -> bool:
    for offer in accept.split(","):
        kind, *parameters = (word.strip() for word in offer.split(";"))
        if kind == "application/openmetrics-text":
            return "q=0" not in parameters
    return False


def slices(registry: Collector, encode: Encode) -> Iterator[bytes]:
    """The text in pieces of a few milliseconds; a family without series is left out."""
    written = ""
    for metric in registry.collect():
        samples = metric.samples
        for first in range(0, len(samples), PART):
            metric.samples = samples[first : first + PART]
            text = encode(_One(metric)).removesuffix(_END)
            if metric.name == written:
                text = text.split(b"\n", _HEAD_LINES)[_HEAD_LINES]
            written = metric.name
            yield text


class _One(Collector):
    """One part of one family, as the library's encoders want it."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)
