"""What a scrape costs, and for how long it keeps the event loop from other work.

    python -m bench.bench_metrics [series]

4,000 series as a large site has them: HTTP routes, 100 neighbors, sources and vectors. A slice is
the processor time between two moments at which other tasks may run.
"""

import asyncio
import gc
import sys
import time

from prometheus_client import exposition as plain
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from prefixd.observability.exposition import Encode, Exposition, slices
from prefixd.observability.metrics import Metrics

PEERS = 100
KINDS = ("open", "update", "keepalive", "notification", "route-refresh")
ROUNDS = 10


class Looked(Collector):
    """The readings of a hundred neighbors."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> list[Metric]:
        return [reading.family({}) for reading in self._metrics.readings]

    def collect(self) -> list[Metric]:
        m, peers = self._metrics, [f"edge{number}" for number in range(PEERS)]
        single = (m.session_up, m.outbox_depth, m.outbox_age, m.peer_revision_lag, m.budget_used)
        return [
            *(reading.family({(peer,): 1 for peer in peers}) for reading in single),
            m.messages.family(
                {(peer, way, kind): 7 for peer in peers for way in ("in", "out") for kind in KINDS}
            ),
        ]


def crowded(series: int) -> Metrics:
    metrics = Metrics()
    metrics.registry.register(Looked(metrics))
    left = series - PEERS * (5 + 2 * len(KINDS))
    for number in range(max(0, left) // 10):  # two in the family of events, eight in the histogram
        metrics.events_ingested.labels(f"source{number}", "udp_flood").inc(number)
        metrics.http_requests.labels("GET", f"/v1/{number}", "2xx").inc()
        metrics.http_time.labels("GET", f"/v1/{number}", "2xx").observe(0.01)
    return metrics


def measure(name: str, metrics: Metrics, encode: Encode) -> None:
    worst, total, count = 0.0, 0.0, 0
    for _ in range(ROUNDS):
        started = time.thread_time()
        for text in slices(metrics.registry, encode):
            took = time.thread_time() - started
            worst, total = max(worst, took), total + took
            count += text.count(b"\n")
            started = time.thread_time()
    print(
        f"{name:12} {count // ROUNDS:6} lines  {total / ROUNDS * 1e3:6.1f} ms a text"
        f"  longest slice {worst * 1e3:5.2f} ms"
    )


def counting() -> None:
    """The hot path: what one count costs."""
    metrics = Metrics()
    child = metrics.event_outcomes.labels("mitigated")
    times = 200_000
    for name, work in (
        ("inc, child kept", lambda: child.inc()),
        ("labels() and inc", lambda: metrics.event_outcomes.labels("mitigated").inc()),
        ("observe", lambda: metrics.event_to_announce.observe(0.02)),
    ):
        started = time.process_time()
        for _ in range(times):
            work()
        print(f"{name:18} {(time.process_time() - started) / times * 1e6:5.2f} us")


async def flood(metrics: Metrics) -> None:
    """A hundred scrapes at once share one text."""
    exposition = Exposition(metrics.registry)
    started = time.process_time()
    await asyncio.gather(*(exposition.text() for _ in range(100)))
    print(f"100 scrapes at once: {(time.process_time() - started) * 1e3:.1f} ms of CPU")


if __name__ == "__main__":
    crowd = crowded(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
    gc.freeze()  # as the daemon does it
    gc.set_threshold(50_000, 50, 100)
    measure("plain", crowd, plain.generate_latest)
    measure("OpenMetrics", crowd, openmetrics.generate_latest)
    asyncio.run(flood(crowd))
    counting()
