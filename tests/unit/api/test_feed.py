"""The feed of a client that is too slow, or that stops reading."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from prefixd.api.app import build_app
from prefixd.api.feed import FeedRoutes, feed_messages
from prefixd.api.route import Services
from prefixd.api.settings import ApiSettings
from prefixd.domain.news import News, PeerUp, SourceRecovered, SourceSilent
from prefixd.engine.bus import Bus
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from tests.kit.api_services import ByHeader, NoPeers
from tests.kit.clock import FakeClock


def news(number: int) -> News:
    return PeerUp(at_us=number, peer=f"edge{number}", address="192.0.2.1")


async def test_w58_a_slow_client_gets_resync_required_and_uses_bounded_memory() -> None:
    bus = Bus(queue_limit=3)
    slow = bus.subscribe()
    bus.publish([news(number) for number in range(1, 11)])
    metrics = Metrics()
    found = feed_messages(slow, metrics.feed_resyncs)
    first = msgspec.json.decode(await anext(found))
    assert first["type"] == "resync_required"
    assert b"prefixd_feed_resyncs_total 1.0\n" in generate_latest(metrics.registry)
    rest = [msgspec.json.decode(await anext(found)) for _ in range(bus.number - first["seq"] + 1)]
    assert [message["seq"] for message in rest] == list(range(first["seq"], 11))
    assert len(rest) <= 3
    assert rest[-1] == {
        "type": "peer_up", "peer": "edge10", "at": "1970-01-01T00:00:00.000010Z", "seq": 10
    }  # fmt: skip


async def test_a_detector_that_falls_silent_is_in_the_feed() -> None:
    bus = Bus(queue_limit=9)
    client = bus.subscribe()
    silent = [SourceSilent(at_us=2, source=name, last_seen_us=seen) for name, seen in SEEN]
    bus.publish([*silent, SourceRecovered(at_us=3, source="b")])
    found = feed_messages(client, Metrics().feed_resyncs)
    told = [msgspec.json.decode(await anext(found)) for _ in range(3)]
    assert [message["type"] for message in told] == [
        "source_silent", "source_silent", "source_recovered"
    ]  # fmt: skip
    assert [message.get("last_seen") for message in told] == [
        "1970-01-01T00:00:00.000001Z", None, None
    ]  # fmt: skip


SEEN = (("a", 1), ("b", None))


@dataclass
class EngineWithBus:
    bus: Bus


def read_to_the_end(wire: socket.socket) -> None:
    with suppress(ConnectionResetError):
        while wire.recv(65_536):
            pass


async def test_w82_a_client_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.api.feed.WRITE_TIMEOUT_S", 0.05)
    bus = Bus(queue_limit=10_000)
    services = Services(
        engine=EngineWithBus(bus),  # type: ignore[arg-type]  # because: the feed asks for no more
        authenticator=ByHeader(),
        speaker=NoPeers({}),
        clock=FakeClock(),
        metrics=Metrics(),
        exposition=Exposition(CollectorRegistry()),
        new_id=lambda: "id",
        version="0",
        pop="test1",
    )
    app = build_app(services, ApiSettings(), routes=FeedRoutes(None).routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = runner.addresses[0]
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(tuple(address)[:2])
    try:
        deaf.sendall(b"GET /v1/feed HTTP/1.1\r\nHost: d\r\nX-Role: viewer\r\n\r\n")
        async with asyncio.timeout(20):
            while bus.subscribers == 0:
                await asyncio.sleep(0)
            while bus.subscribers:
                bus.publish([PeerUp(at_us=1, peer="x" * 60_000, address="192.0.2.1")])
                await asyncio.sleep(0)
        deaf.settimeout(10)
        await asyncio.to_thread(read_to_the_end, deaf)
    finally:
        deaf.close()
        await runner.cleanup()
