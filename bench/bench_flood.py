"""How late other work is while neighbors flood the speaker over loopback.

`python -m bench.bench_flood` prints a row for each kind of flood. The routers are a process of
their own. A task sleeps for a millisecond, again and again, for five seconds. What is measured is
how late it wakes, how much processor time this process used meanwhile (the rest of the lateness is
the routers' and the machine's), and how many messages it processed.
"""

import asyncio
import multiprocessing
import multiprocessing.synchronize
import time

from prefixd.bgp.fsm.state import PeerState
from tests.kit.flooding import FLOODS, addresses, callers, listening

SECONDS = 5.0
SLEEP_S = 0.001
COUNTS = (1, 20)


def flood(
    port: int, kind: str, count: int, piece: int, stop: multiprocessing.synchronize.Event
) -> None:
    with callers(port, addresses(count)) as found:
        for caller in found:
            caller.connect()
            caller.flood(FLOODS[kind], piece=piece)
        stop.wait()


async def measure(kind: str, count: int, piece: int = 0) -> tuple[float, float, float, float]:
    """Lateness, worst and 99th percentile, worst processor time between; messages per second."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    async with listening(count, max_messages_per_second=0) as speaking:
        registry = speaking.speaker.registry
        routers = spawn.Process(target=flood, args=(registry.ports[0], kind, count, piece, stop))
        routers.start()
        try:
            await speaking.until(
                lambda: all(peer.state is PeerState.ESTABLISHED for peer in registry.peers())
            )
            await asyncio.sleep(0.5)
            before = _messages(registry.peers())
            late: list[float] = []
            busy = 0.0
            start = now = time.perf_counter()
            used = time.thread_time()
            while now - start < SECONDS:
                await asyncio.sleep(SLEEP_S)
                woken, used_now = time.perf_counter(), time.thread_time()
                late.append(woken - now - SLEEP_S)
                busy = max(busy, used_now - used)
                now, used = woken, used_now
            messages = _messages(registry.peers()) - before
        finally:
            stop.set()
            await asyncio.to_thread(routers.join)
    late.sort()
    return late[-1] * 1000, late[len(late) * 99 // 100] * 1000, busy * 1000, messages / SECONDS


def _messages(peers: object) -> int:
    assert isinstance(peers, tuple)
    return sum(sum(peer.status().counters.messages_in.values()) for peer in peers)


def main() -> None:
    print("| flood | neighbors | worst ms | 99 % below ms | of it ours ms | messages per second |")
    print("|---|---|---|---|---|---|")
    floods = [(kind, 0) for kind in FLOODS] + [("update", 31)]
    for kind, piece in floods:
        for count in COUNTS:
            worst, most, ours, messages = asyncio.run(measure(kind, count, piece))
            name = f"{kind}, in halves" if piece else kind
            row = f"{worst:.1f} | {most:.1f} | {ours:.1f} | {messages:,.0f}"
            print(f"| {name} | {count} | {row} |", flush=True)


if __name__ == "__main__":
    main()
