"""The whole way of a signal without HTTP: decide, store durably, announce to a recorder.

    python -m bench.bench_ingest [sqlite|postgres] [events] [clients,...]

Every victim is owned, every id unique, the playbook matches, all guardrails and quotas run, the row
is durable before the answer. `new` makes a mitigation per event, `repeat` reports the same alerts
again so that each is extended, `batch` hands over 100 at a time. CPU is that of this process.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from prefixd.clock import SystemClock
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Signal
from prefixd.engine.bus import Bus
from prefixd.engine.engine import Engine
from prefixd.engine.ids import Identity
from prefixd.store.settings import StoreSettings
from prefixd.store.store import open_store
from tests.kit.announcer import RecordingAnnouncer
from tests.kit.builders import a_playbook, a_police_step, a_prefix, a_signal, some_rules
from tests.kit.engine import (
    DETECTOR,
    WIDE_OPEN,
    RecordingNotifier,
    a_snapshot,
    victim_number,
    wide_inventory,
)

BATCH = 100


class QuietNotifier(RecordingNotifier):
    def tell(self, news: object) -> None:
        """News costs its making and its handing over, not its keeping."""

    def prepare(self, news: object) -> None:
        """As with a configuration without destinations."""


def signals(clock: SystemClock, start: int, count: int, tag: str) -> list[Signal]:
    now_us = clock.now_us()
    model = a_signal(raw='{"vector":"udp_flood","bps":900000000}')
    return [
        replace(
            model,
            victim=a_prefix(victim_number(start + number)),
            external_id=f"{tag}-{start + number}",
            received_at_us=now_us,
            observed_at_us=now_us,
        )
        for number in range(count)
    ]


async def drive(
    engine: Engine, work: list[list[Signal]], clients: int, clock: SystemClock
) -> tuple[float, float, list[float], dict[Outcome, int]]:
    """Seconds, CPU seconds, latencies, outcomes; each client takes the next piece of work."""
    queue = iter(work)
    latencies: list[float] = []
    outcomes: dict[Outcome, int] = {}

    async def client() -> None:
        for piece in queue:
            now_us = clock.now_us()
            begun = time.perf_counter()
            answers = await engine.ingest(
                [replace(signal, received_at_us=now_us) for signal in piece], DETECTOR
            )
            latencies.append(time.perf_counter() - begun)
            for answer in answers:
                outcomes[answer.outcome] = outcomes.get(answer.outcome, 0) + 1

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - wall, time.process_time() - cpu, latencies, outcomes


def report(
    name: str,
    clients: int,
    events: int,
    measured: tuple[float, float, list[float], dict[Outcome, int]],
) -> None:
    seconds, cpu, latencies, outcomes = measured
    cuts = statistics.quantiles(latencies, n=100)
    told = " ".join(f"{outcome}={count}" for outcome, count in sorted(outcomes.items()))
    print(
        f"{name:8} {clients:4} clients {events / seconds:8.0f} events/s"
        f"  p50 {cuts[49] * 1e3:6.2f} ms  p99 {cuts[98] * 1e3:6.2f} ms"
        f"  {cpu / events * 1e6:5.0f} us CPU/event  {told}"
    )


async def bench(connection: str, events: int, client_counts: list[int]) -> None:
    clock = SystemClock()
    rules = some_rules(
        a_playbook(steps=[a_police_step(ttl_s=600)]), limits=WIDE_OPEN, inventory=wide_inventory()
    )
    snapshot = a_snapshot(rules)
    settings = StoreSettings(connection_string=connection)
    store = await open_store(settings, clock, pop=snapshot.pop, instance="bench")
    engine = Engine(
        store=store,
        announcer=RecordingAnnouncer(),
        notifier=QuietNotifier(),
        clock=clock,
        snapshot=snapshot,
        bus=Bus(snapshot.settings.subscriber_queue_limit),
        new_id=Identity(clock),
    )
    await engine.start()
    loops = [asyncio.ensure_future(run()) for _, run in engine.loops()]
    gc.freeze()
    start = 1
    for clients in client_counts:
        fresh = signals(clock, start, events, "new")
        work = [[signal] for signal in fresh]
        report("new", clients, events, await drive(engine, work, clients, clock))
        changed = [[replace(signal, raw=f"{signal.raw} ")] for signal in fresh]
        report("repeat", clients, events, await drive(engine, changed, clients, clock))
        start += events
    fresh = signals(clock, start, events, "batch")
    pieces = [fresh[at : at + BATCH] for at in range(0, events, BATCH)]
    report("batch", 4, events, await drive(engine, pieces, 4, clock))
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await engine.stop()
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", nargs="?", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("events", nargs="?", type=int, default=4000)
    parser.add_argument("clients", nargs="?", default="1,50,200")
    given = parser.parse_args()
    counts = [int(part) for part in given.clients.split(",")]
    run = _runner()
    if given.store == "postgres":
        from tests.kit.postgres import shared_cluster

        run(lambda: bench(shared_cluster().schema_url(), given.events, counts))
        return
    with tempfile.TemporaryDirectory() as folder:
        run(lambda: bench(f"sqlite://{Path(folder) / 'bench.db'}", given.events, counts))


def _runner() -> Callable[[Callable[[], Awaitable[None]]], None]:
    """uvloop where it is installed, as the daemon does."""
    try:
        import uvloop
    except ImportError:
        return lambda make: asyncio.run(_awaited(make))
    return lambda make: uvloop.run(_awaited(make))


async def _awaited(make: Callable[[], Awaitable[None]]) -> None:
    await make()


if __name__ == "__main__":
    main()
