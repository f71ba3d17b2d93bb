"""The whole table to fifty routers at once, and what that costs in punctuality."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from prefixd.bgp.neighbor_settings import TimerSettings
from prefixd.bgp.rib.export_terms import Budget
from prefixd.bgp.session.io import Begin
from prefixd.bgp.session.session import KEEPALIVE, Session
from prefixd.clock import SystemClock
from prefixd.daemon.loop_lag import LoopLag
from tests.kit.bgp import an_offer
from tests.kit.speaking import a_neighbor, a_route, speaking

ROUTERS = 50
RULES = 20_000
ROOMY = Budget(rules_v4=RULES, rules_total=RULES, reserved_for_manual=0.0)
HOLD_S = 9
"""Keepalives every two to three seconds, so that several fall due during the dump."""


class Sink(asyncio.Protocol):
    """A router that says the minimum and counts what it hears."""

    def __init__(self) -> None:
        self.octets = 0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        session = Session(an_offer(65000, peer=65000, router_id=9, hold_time_s=HOLD_S))
        session.handle(Begin(), 0.0)
        transport.write(b"".join(session.outgoing.waiting()) + KEEPALIVE)
        self.keep_alive()

    def keep_alive(self) -> None:
        self.transport.write(KEEPALIVE)
        self.timer = asyncio.get_running_loop().call_later(HOLD_S / 4, self.keep_alive)

    def data_received(self, data: bytes) -> None:
        self.octets += len(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()
        self.closed = True


@contextlib.asynccontextmanager
async def routers() -> AsyncIterator[tuple[int, list[Sink]]]:
    sinks: list[Sink] = []

    def new() -> Sink:
        sinks.append(Sink())
        return sinks[-1]

    server = await asyncio.get_running_loop().create_server(new, "0.0.0.0", 0)
    try:
        yield server.sockets[0].getsockname()[1], sinks
    finally:
        server.close()
        for sink in sinks:
            sink.transport.abort()


async def dump() -> dict[str, float]:
    """The whole table to all routers at once; what it cost them in punctuality."""
    lag = LoopLag(SystemClock())
    async with routers() as (port, sinks):
        timers = TimerSettings(hold_time_s=HOLD_S)
        peers = [
            a_neighbor(f"r{index}", f"127.0.1.{index + 1}", port=port, timers=timers, budget=ROOMY)
            for index in range(ROUTERS)
        ]
        async with speaking(*peers) as work:
            targets = (f"198.18.{n // 256}.{n % 256}/32" for n in range(RULES))
            routes = (a_route(f"dst {target} proto udp dport 53") for target in targets)
            work.speaker.replace(routes)
            watching = asyncio.create_task(lag.run())
            start = time.monotonic()
            work.speaker.start()
            await work.until_synced(*[peer.name for peer in peers])
            seconds = time.monotonic() - start
            await asyncio.sleep(HOLD_S / 3)
            statuses = [table.session for table in work.speaker.status().peers]
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            return {
                "routers": len(statuses),
                "established": sum(status.state.value == "established" for status in statuses),
                "flaps": sum(status.counters.flaps for status in statuses),
                "closed": sum(sink.closed for sink in sinks),
                "octets": float(min(sink.octets for sink in sinks)),
                "dump_s": seconds,
                "keepalive_late_s": max(status.keepalive_late_s for status in statuses),
                "loop_lag_s": lag.worst_s,
            }
