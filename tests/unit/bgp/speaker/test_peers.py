"""Doors, dynamic neighbors, reload and goodbye, with real sockets on loopback."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import Direction, StopMode
from prefixd.bgp.reload import Effect
from prefixd.bgp.session.io import Begin
from prefixd.bgp.session.session import KEEPALIVE, Session
from prefixd.bgp.settings import (
    AdmissionSettings,
    DynamicRange,
    ListenAddress,
    SpeakerMode,
    SpeakerSettings,
)
from prefixd.bgp.speaker import listener as listener_module
from prefixd.bgp.speaker.listener import open_listener
from prefixd.bgp.speaker.peers import PeerRegistry
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.clock import SystemClock
from prefixd.errors import StartupError
from prefixd.supervisor import Supervisor
from tests.kit.bgp import Watcher, a_peer, a_speaker, an_offer

LISTEN = (ListenAddress(ip_address("127.0.0.1"), 0),)
PASSIVE = a_peer("router", direction=Direction.PASSIVE)


@contextlib.asynccontextmanager
async def a_roster(settings: SpeakerSettings) -> AsyncIterator[tuple[PeerRegistry, Watcher]]:
    watcher, tasks = Watcher(), Supervisor()
    registry = PeerRegistry(
        settings, watcher, clock=SystemClock(), jitter=random.Random(3).random, tasks=tasks
    )
    registry.start()
    try:
        yield registry, watcher
        assert not [task.last_error for task in tasks.tasks() if task.restarts]
    finally:
        await registry.stop()
        await tasks.stop_all()


@contextlib.asynccontextmanager
async def with_a_neighbor() -> AsyncIterator[tuple[PeerRegistry, Watcher, "Caller"]]:
    """A roster with one passive neighbor that has called and come up."""
    settings = a_speaker(listen=LISTEN, peers=(PASSIVE,))
    async with a_roster(settings) as (registry, watcher), Caller(registry) as caller:
        await caller.come_up()
        await watcher.until(lambda: watcher.ups)
        yield registry, watcher, caller


class Caller:
    def __init__(self, registry: PeerRegistry) -> None:
        self.sock = socket.create_connection(("127.0.0.1", registry.ports[0]))
        self.sock.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()

    async def come_up(self, router_id: int = 2) -> None:
        session = Session(an_offer(64501, peer=64500, router_id=router_id))
        session.handle(Begin(), 0.0)
        octets = b"".join(session.outgoing.waiting()) + KEEPALIVE
        await self._loop.sock_sendall(self.sock, octets)

    async def heard(self) -> bytes:
        """Everything until the end of the stream."""
        octets = b""
        async with asyncio.timeout(10):
            while more := await self._loop.sock_recv(self.sock, 65536):
                octets += more
        return octets


async def test_an_unknown_address_gets_no_octet() -> None:
    nobody = a_peer("elsewhere", "192.0.2.9", direction=Direction.PASSIVE)
    async with a_roster(a_speaker(listen=LISTEN, peers=(nobody,))) as (registry, _):
        async with Caller(registry) as caller:
            assert await caller.heard() == b""
        assert registry.refused_callers.unknown == 1


async def test_a_neighbor_comes_in() -> None:
    async with with_a_neighbor() as (registry, _, _caller):
        status = registry.peers()[0].status()
        assert status.transport is not None
        assert status.transport.incoming


async def test_too_many_calls_a_minute() -> None:
    admission = AdmissionSettings(connections_per_source_per_minute=2)
    settings = a_speaker(listen=LISTEN, peers=(PASSIVE,), admission=admission)
    async with a_roster(settings) as (registry, _):
        async with Caller(registry), Caller(registry), Caller(registry) as third:
            assert await third.heard() == b""
        assert registry.refused_callers.too_often == 1


class TestDynamic:
    def settings(self, **changes: object) -> SpeakerSettings:
        values = {"name": "edge", "prefix": ip_network("127.0.0.0/24"), "template": PASSIVE}
        return a_speaker(listen=LISTEN, dynamic=(DynamicRange(**{**values, **changes}),))  # type: ignore[arg-type]  # a builder

    async def test_appears_with_the_template(self) -> None:
        async with a_roster(self.settings()) as (registry, watcher):
            async with Caller(registry) as caller:
                await caller.come_up()
                await watcher.until(lambda: watcher.ups)
                (peer,) = registry.peers()
                assert peer.name == "edge-127.0.0.1"
                assert peer.status().dynamic
            await watcher.until(lambda: watcher.downs)
            assert registry.peers() == (peer,), "its counters linger"

    async def test_a_full_range_takes_no_neighbor(self) -> None:
        async with a_roster(self.settings(max_peers=0)) as (registry, _):
            async with Caller(registry) as caller:
                assert await caller.heard() == b""
            assert registry.refused_callers.range_full == 1

    async def test_an_as_number_outside_the_range_is_refused(self) -> None:
        template = replace(PASSIVE, peer_asns=frozenset({64777}))
        async with a_roster(self.settings(template=template)) as (registry, watcher):
            async with Caller(registry) as caller:
                await caller.come_up()
                assert (await caller.heard())[-3:] == b"\x03\x02\x02"
            assert watcher.ups == []

    async def test_the_longest_prefix_decides(self) -> None:
        wide = DynamicRange(name="wide", prefix=ip_network("127.0.0.0/8"), template=PASSIVE)
        close = DynamicRange(name="close", prefix=ip_network("127.0.0.0/24"), template=PASSIVE)
        settings = a_speaker(listen=LISTEN, dynamic=(wide, close))
        async with a_roster(settings) as (registry, watcher), Caller(registry) as caller:
            await caller.come_up()
            await watcher.until(lambda: watcher.ups)
            assert registry.peers()[0].name == "close-127.0.0.1"


class TestReload:
    async def test_a_description_costs_nothing(self) -> None:
        async with with_a_neighbor() as (registry, watcher, _):
            new = replace(registry.settings, peers=(replace(PASSIVE, description="core"),))
            assert registry.apply(new).peers[0].effect is Effect.LIVE
            assert registry.peers()[0].state is PeerState.ESTABLISHED
            assert watcher.downs == []
            assert registry.peers()[0].settings.description == "core"

    async def test_families_cost_the_session_but_not_the_rules(self) -> None:
        async with with_a_neighbor() as (registry, watcher, caller):
            new = replace(registry.settings, peers=(replace(PASSIVE, families=(IPV4_FLOWSPEC,)),))
            registry.apply(new)
            await watcher.until(lambda: watcher.downs)
            assert (await caller.heard())[18:19] != b"\x03", "no NOTIFICATION"
            assert watcher.downs[0][1].notification is None

    async def test_a_removed_neighbor_gets_6_3(self) -> None:
        async with with_a_neighbor() as (registry, watcher, caller):
            registry.apply(replace(registry.settings, peers=()))
            await watcher.until(lambda: watcher.downs)
            assert (await caller.heard())[-3:] == b"\x03\x06\x03"
            assert registry.peers() == ()

    async def test_a_neighbor_set_up_anew(self) -> None:
        async with with_a_neighbor() as (registry, watcher, _):
            old = registry.peers()[0]
            registry.apply(replace(registry.settings, peers=(replace(PASSIVE, multihop=5),)))
            await watcher.until(lambda: watcher.downs)
            assert registry.peers()[0] is not old
            async with Caller(registry) as again:
                await again.come_up()
                await watcher.until(lambda: len(watcher.ups) == 2)


async def test_every_neighbor_gets_a_notification_at_the_end() -> None:
    async with with_a_neighbor() as (registry, _, caller):
        farewell = asyncio.create_task(caller.heard())
        stopping = asyncio.create_task(registry.stop(StopMode.WITHDRAW, "prefixd: ops: bye"))
        assert (await farewell).endswith(b"\x06\x02\x11prefixd: ops: bye")
        caller.sock.close()
        await stopping
        assert registry.peers() == ()


async def test_a_shutdown_without_text_names_the_operator() -> None:
    async with with_a_neighbor() as (registry, _, caller):
        farewell = asyncio.create_task(caller.heard())
        stopping = asyncio.create_task(registry.stop(StopMode.WITHDRAW))
        assert (await farewell).endswith(b"prefixd: operator: prefixd stops")
        caller.sock.close()
        await stopping


async def test_mock_mode_opens_nothing() -> None:
    async with a_roster(a_speaker(listen=LISTEN, peers=(PASSIVE,), mode=SpeakerMode.MOCK)) as (
        registry,
        _,
    ):
        assert registry.ports == ()
        assert registry.peers() == ()
        registry.apply(replace(registry.settings, peers=(replace(PASSIVE, name="more"),)))
        assert registry.peers() == ()


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1 port {port}"):
            open_listener(ListenAddress(ip_address("127.0.0.1"), port))


def test_a_privileged_port_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listener_module.socket, "socket", Refusing)
    with pytest.raises(StartupError, match=r"CAP_NET_BIND_SERVICE.*socket activation"):
        open_listener(ListenAddress(ip_address("127.0.0.1"), 179))
