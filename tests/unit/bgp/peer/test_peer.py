"""Peers with real sockets on loopback: what a router on the other end would see."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from prefixd.bgp.fsm.negotiate import GracefulOffer
from prefixd.bgp.fsm.state import DownKind, PeerState
from prefixd.bgp.neighbor_settings import (
    Direction,
    RestartPolicy,
    RestartSettings,
    StopMode,
    TimerSettings,
)
from prefixd.bgp.peer.interface import PeerHandle, StaleStep, Transition
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.peer.read_turns import ReadTurns
from prefixd.bgp.session.io import Begin
from prefixd.bgp.session.session import KEEPALIVE, Session
from prefixd.bgp.settings import (
    PeerSettings,
)
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.message import Message, RouteRefresh, decode_message, encode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.packing import end_of_rib
from prefixd.clock import SystemClock
from tests.kit.bgp import Watcher, a_peer, a_speaker, an_offer, running
from tests.kit.clock import FakeClock

EOR = end_of_rib(IPV4_FLOWSPEC)
QUICK = TimerSettings(connect_retry_s=0.05, connect_timeout_s=2.0)


class Router:
    """The other end, octet by octet, so that it can misbehave."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""
        self._loop = asyncio.get_running_loop()

    async def read(self) -> Message | None:
        """The next message; None at end of stream."""
        async with asyncio.timeout(10):
            while True:
                if len(self._buffer) >= 19:
                    length = int.from_bytes(self._buffer[16:18], "big")
                    if len(self._buffer) >= length:
                        octets, self._buffer = self._buffer[:length], self._buffer[length:]
                        return decode_message(octets, BEFORE_OPEN)
                more = await self._loop.sock_recv(self.sock, 65536)
                if not more:
                    return None
                self._buffer += more

    async def read_until(self, kind: type[Message]) -> Message:
        while True:
            message = await self.read()
            assert message is not None, f"the stream ended before a {kind.__name__}"
            if isinstance(message, kind):
                return message

    async def send(self, octets: bytes) -> None:
        await self._loop.sock_sendall(self.sock, octets)

    async def come_up(self, asn: int = 64501, router_id: int = 2, **changes: object) -> None:
        await self.send(our_open(asn, router_id, **changes) + KEEPALIVE)
        await self.read_until(type(decode_message(KEEPALIVE, BEFORE_OPEN)))

    def close(self) -> None:
        self.sock.close()


def our_open(asn: int = 64501, router_id: int = 2, **changes: object) -> bytes:
    session = Session(an_offer(asn, peer=64500, router_id=router_id, **changes))
    session.handle(Begin(), 0.0)
    return b"".join(session.outgoing.waiting())


class Site:
    """A listening socket that peers dial, standing for a router's BGP port."""

    def __init__(self, backlog: int = 16, address: str = "127.0.0.1") -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, 0))
        self.sock.listen(backlog)
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.routers: list[Router] = []

    async def accept(self) -> Router:
        async with asyncio.timeout(10):
            sock, _ = await asyncio.get_running_loop().sock_accept(self.sock)
        sock.setblocking(False)
        self.routers.append(Router(sock))
        return self.routers[-1]

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        for router in self.routers:
            router.close()


def dialling(site: Site, **changes: object) -> PeerSettings:
    values = {"port": site.port, "direction": Direction.ACTIVE, "timers": QUICK, **changes}
    return a_peer(**values)


@contextlib.asynccontextmanager
async def established(**changes: object) -> AsyncIterator[tuple[Peer, Watcher, Router, Site]]:
    with Site() as site:
        async with running(dialling(site, **changes)) as (peer, watcher):
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
            yield peer, watcher, router, site


async def refusal(octets: bytes, **changes: object) -> Notification:
    """What a router hears that says this instead of a good OPEN."""
    with Site() as site:
        async with running(dialling(site, **changes)) as (_, watcher):
            router = await site.accept()
            assert isinstance(await router.read(), Open)
            await router.send(octets)
            answer = await router.read()
            assert isinstance(answer, Notification)
            assert await router.read() is None, "FIN follows, not RST"
            await watcher.until(lambda: watcher.transitions[-1].after is not PeerState.OPEN_SENT)
            assert watcher.ups == []
            return answer


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"GET / HTTP/1.0\r\n\r\n" + bytes(20), Notification(1, 1)),
        (our_open(64999), Notification(2, 2)),
        (our_open(router_id=0), Notification(2, 3)),
        (our_open(hold_time_s=1), Notification(2, 6)),
        (our_open(hold_time_s=2), Notification(2, 6)),
        (KEEPALIVE, Notification(5, 1, b"\x04")),
    ],
)
async def test_the_exact_refusal(octets: bytes, expected: Notification) -> None:
    assert await refusal(octets) == expected


async def test_the_same_identifier_inside_one_as() -> None:
    octets = our_open(64500, router_id=0x0A000001)
    assert await refusal(octets, peer_asns=frozenset({64500})) == Notification(2, 3)


async def test_slow_loris_open() -> None:
    timers = replace(QUICK, initial_hold_time_s=0.2)
    with Site() as site:
        async with running(dialling(site, timers=timers)):
            router = await site.accept()
            assert isinstance(await router.read(), Open)
            for octet in our_open()[:10]:
                await router.send(bytes((octet,)))
                await asyncio.sleep(0)
            assert await router.read() == Notification(4)


async def test_up_and_updates_both_ways() -> None:
    async with established() as (peer, watcher, router, _):
        assert peer.write(EOR)
        assert peer.refresh(RouteRefresh(IPV4_FLOWSPEC))
        assert await router.read_until(RouteRefresh) == RouteRefresh(IPV4_FLOWSPEC)
        await router.send(EOR + encode_message(RouteRefresh(IPV4_FLOWSPEC), BEFORE_OPEN))
        await watcher.until(lambda: watcher.updates and watcher.refreshes)
        status = peer.status()
        assert status.state is PeerState.ESTABLISHED
        assert status.negotiated is not None
        assert status.counters.messages_in["update"] == 1
        assert status.counters.messages_out["update"] == 1
        assert status.counters.octets_in > 100
        assert status.transport is not None
        assert status.transport.remote_port == peer.settings.port
        assert status.hold_left_s is not None
        assert len(peer.packets) >= 5


class TestStopping:
    async def test_keep_says_nothing_and_flushes(self) -> None:
        async with established() as (peer, watcher, router, _):
            peer.write(EOR * 10, 10)
            peer.stop(StopMode.KEEP, "upgrade")
            heard = []
            while (message := await router.read()) is not None:
                heard.append(type(message).__name__)
            assert heard.count("Update") == 10
            assert "Notification" not in heard
            assert watcher.downs[0][1].kind is DownKind.WE_CLOSED
            assert peer.state is PeerState.DISABLED

    async def test_withdraw_sends_cease_behind_the_queue(self) -> None:
        async with established() as (peer, _, router, _site):
            peer.write(EOR)
            peer.stop(StopMode.WITHDRAW, "prefixd: ops: decommissioned")
            message = await router.read_until(Notification)
            assert isinstance(message, Notification)
            assert (message.code, message.subcode) == (6, 2)
            assert message.text == "prefixd: ops: decommissioned"
            assert await router.read() is None

    async def test_hard_carries_the_cease_where_the_n_bit_was_negotiated(self) -> None:
        async with established() as (peer, _, router, _site):
            peer.stop(StopMode.HARD, "now")
            message = await router.read_until(Notification)
            assert isinstance(message, Notification)
            assert (message.code, message.subcode) == (6, 2), "the router did not send the N bit"

    @pytest.mark.parametrize("hard", [True, False])
    async def test_with_the_n_bit_only_a_hard_reset_makes_them_forget(self, hard: bool) -> None:
        graceful = GracefulOffer(restart_time_s=10, families=(IPV4_FLOWSPEC,))
        with Site() as site:
            async with running(dialling(site)) as (peer, watcher):
                router = await site.accept()
                await router.come_up(graceful=graceful)
                await watcher.until_state(peer, PeerState.ESTABLISHED)
                if hard:
                    peer.stop(StopMode.HARD, "now")
                else:
                    peer.remove()
                message = await router.read_until(Notification)
                assert isinstance(message, Notification)
                carried = Notification(6, 2, b"\x03now") if hard else Notification(6, 3)
                assert message.carried == carried

    async def test_start_again(self) -> None:
        async with established() as (peer, watcher, _, site):
            peer.stop(StopMode.HARD)
            peer.start()
            router = await site.accept()
            await router.come_up()
            await watcher.until(lambda: len(watcher.ups) == 2)

    async def test_reset_comes_back_at_once(self) -> None:
        slow = replace(QUICK, connect_retry_s=3600.0)
        async with established(timers=slow) as (peer, watcher, router, site):
            peer.reset(Notification(6, 4), "operator")
            assert await router.read_until(Notification) == Notification(6, 4)
            await (await site.accept()).come_up()
            await watcher.until(lambda: len(watcher.ups) == 2)

    async def test_a_stopped_peer_refuses_callers_with_a_reason(self) -> None:
        settings = a_peer(direction=Direction.PASSIVE, enabled=False)
        async with running(settings) as (peer, _):
            with Site() as site, socket.create_connection(("127.0.0.1", site.port)) as caller:
                accepted = await site.accept()
                peer.accept(accepted.sock.dup())
                accepted.close()
                caller.setblocking(False)
                assert await Router(caller).read() == Notification(6, 2)


async def test_text_for_old_peers_is_cut_at_128_octets() -> None:
    async with established(short_shutdown_text=True) as (peer, _, router, _site):
        peer.stop(StopMode.WITHDRAW, "ä" * 100)
        message = await router.read_until(Notification)
        assert isinstance(message, Notification)
        assert message.data == b"\x80" + "ä".encode() * 64


async def test_what_kept_a_session_from_coming_up_is_forgotten_when_it_is_up() -> None:
    with Site() as site:
        port = site.port
    async with running(a_peer(port=port, timers=QUICK)) as (peer, watcher):
        await watcher.until(lambda: "refused" in peer.status().last_error)
        with socket.create_server(("127.0.0.1", port)) as late:
            late.setblocking(False)
            sock, _ = await asyncio.get_running_loop().sock_accept(late)
            router = Router(sock)
            sock.setblocking(False)
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
            assert peer.status().last_error == ""
            router.close()


async def test_a_router_that_hangs_up_is_called_again() -> None:
    async with established() as (_, watcher, router, site):
        router.close()
        await watcher.until(lambda: watcher.downs)
        assert watcher.downs[0][1].kind in (DownKind.PEER_CLOSED, DownKind.TRANSPORT)
        await (await site.accept()).come_up()
        await watcher.until(lambda: len(watcher.ups) == 2)


async def test_routes_of_a_graceful_peer_are_marked_stale() -> None:
    async with established() as (_, watcher, router, _site):
        router.close()
        await watcher.until(lambda: watcher.stales)
        assert watcher.stales[0][0] is StaleStep.SWEEP, "this router offered no graceful restart"


class TestPeerThatDoesNotRead:
    async def test_the_queue_is_bounded_and_the_stall_is_reported(self) -> None:
        async with established() as (peer, watcher, router, _site):
            router.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            chunk = EOR * (65536 // len(EOR))
            chunks = 0
            while peer.writable:
                peer.write(chunk)
                chunks += 1
                assert chunks < 1000, "the kernel takes everything"
            assert peer.status().queued_octets <= len(chunk)
            await asyncio.sleep(0)
            while not watcher.drains:
                await asyncio.get_running_loop().sock_recv(router.sock, 1 << 20)
            assert peer.writable
            assert watcher.downs == []

    async def test_send_hold_ends_it(self) -> None:
        timers = replace(QUICK, send_hold_time_s=0.3)
        async with established(timers=timers) as (peer, watcher, _router, _site):
            chunk = EOR * (65536 // len(EOR))
            while peer.writable:
                peer.write(chunk)
            await watcher.until(lambda: watcher.downs)
            assert watcher.downs[0][1].kind is DownKind.STALLED
            assert watcher.downs[0][1].notification == Notification(8)

    async def test_a_slow_peer_does_not_slow_another(self) -> None:
        with Site() as slow, Site() as fast:
            async with (
                running(dialling(slow)) as (one, watch_one),
                running(dialling(fast)) as (two, watch_two),
            ):
                await (await slow.accept()).come_up()
                reader = await fast.accept()
                await reader.come_up()
                await watch_one.until_state(one, PeerState.ESTABLISHED)
                await watch_two.until_state(two, PeerState.ESTABLISHED)
                chunk = EOR * (65536 // len(EOR))
                while one.writable:
                    one.write(chunk)
                assert two.write(EOR)
                await reader.read()
                assert two.writable


async def test_a_blocked_loop_costs_no_session() -> None:
    """While we slept past the hold time the router's keepalives waited in the kernel."""
    clock = FakeClock()
    with Site() as site:
        async with running(dialling(site), clock=clock) as (peer, watcher):
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
            router.sock.send(KEEPALIVE)
            clock.advance(200.0)
            peer.nudge()
            assert await router.read() == decode_message(KEEPALIVE, BEFORE_OPEN)
            assert watcher.downs == []
            status = peer.status()
            assert status.state is PeerState.ESTABLISHED
            assert status.hold_left_s == 90.0
            assert status.keepalive_late_s > 100


async def test_a_half_open_router_is_found_out() -> None:
    clock = FakeClock()
    with Site() as site:
        async with running(dialling(site), clock=clock) as (peer, watcher):
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
            clock.advance(90.0)
            peer.nudge()
            await watcher.until(lambda: watcher.downs)
            assert watcher.downs[0][1].notification == Notification(4)


@contextlib.asynccontextmanager
async def two_peers(
    left: PeerSettings, right: PeerSettings, *, left_id: str, right_id: str
) -> AsyncIterator[tuple[tuple[Peer, Watcher], tuple[Peer, Watcher]]]:
    async with (
        running(left, a_speaker(64500, left_id)) as one,
        running(right, a_speaker(64501, right_id)) as two,
    ):
        yield one, two


@pytest.mark.parametrize("ids", [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")])
@pytest.mark.parametrize("first", ["left", "right"])
async def test_two_peers_that_call_each_other(ids: tuple[str, str], first: str) -> None:
    """Collision over real sockets, in all four orders: both settle on the same connection, the one
    opened by the higher identifier."""
    with Site() as site_of_left, Site() as site_of_right:
        left = a_peer("left", asn=64501, port=site_of_right.port, timers=QUICK)
        right = a_peer("right", asn=64500, port=site_of_left.port, timers=QUICK)
        async with two_peers(left, right, left_id=ids[0], right_id=ids[1]) as (one, two):
            calls_left, calls_right = await site_of_left.accept(), await site_of_right.accept()
            doors = [(one[0], calls_left), (two[0], calls_right)]
            for peer, call in doors if first == "left" else reversed(doors):
                peer.accept(call.sock.dup())
                call.close()
            for peer, watcher in (one, two):
                await watcher.until_state(peer, PeerState.ESTABLISHED)
            statuses = [peer.status().transport for peer, _ in (one, two)]
            assert statuses[0] is not None
            assert statuses[1] is not None
            left_is_higher = ids[0] > ids[1]
            assert statuses[0].incoming is not left_is_higher
            assert statuses[1].incoming is left_is_higher
            assert statuses[0].local_port == statuses[1].remote_port
            assert not one[1].downs
            assert not two[1].downs


async def test_graceful_stop_and_return_of_a_peer() -> None:
    """Two of ours: the helper keeps what it heard, and sweeps at End-of-RIB."""
    with Site() as site:
        bridge = RestartSettings(policy=RestartPolicy.BRIDGE)
        left = a_peer("left", asn=64501, port=site.port, timers=QUICK, restart=bridge)
        right = a_peer("right", asn=64500, direction=Direction.PASSIVE)
        async with two_peers(left, right, left_id="10.0.0.1", right_id="10.0.0.2") as (one, two):
            call = await site.accept()
            two[0].accept(call.sock.dup())
            call.close()
            await one[1].until_state(one[0], PeerState.ESTABLISHED)
            one[0].stop(StopMode.KEEP)
            await two[1].until(lambda: two[1].stales)
            assert two[1].stales == [(StaleStep.MARK, left.families[:2])]
            one[0].start()
            call = await site.accept()
            two[0].accept(call.sock.dup())
            call.close()
            await one[1].until_state(one[0], PeerState.ESTABLISHED)
            one[0].write(EOR)
            await two[1].until(lambda: len(two[1].stales) == 2)
            assert two[1].stales[1] == (StaleStep.SWEEP, (IPV4_FLOWSPEC,))


@pytest.fixture
def quiet() -> Iterator[None]:
    """pytest keeps every log record, which would look like a leak of ours."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class TestRevival:
    """A new connection while one is established: the peer came back, or merely knocks twice."""

    async def newcomer(self, *, first_restarting: bool, age_s: float) -> Watcher:
        clock = FakeClock()
        calm = GracefulOffer(restart_time_s=60, restarting=first_restarting)
        back = GracefulOffer(restart_time_s=60, restarting=True)
        with Site() as site:
            settings = a_peer(direction=Direction.PASSIVE)
            async with running(settings, clock=clock) as (peer, watcher):
                ours, theirs = await pair(site)
                peer.accept(ours)
                old = Router(theirs)
                await old.come_up(graceful=calm)
                await watcher.until_state(peer, PeerState.ESTABLISHED)
                clock.advance(age_s)
                ours, theirs = await pair(site)
                peer.accept(ours)
                new = Router(theirs)
                await new.send(our_open(graceful=back) + KEEPALIVE)
                last = await new.read()
                while isinstance(last, Open):
                    last = await new.read()
                if isinstance(last, Notification):
                    assert last == Notification(6, 7)
                else:
                    await watcher.until(lambda: len(watcher.ups) == 2)
                old.close()
                new.close()
                return watcher

    async def test_a_restarted_peer_takes_over(self) -> None:
        watcher = await self.newcomer(first_restarting=False, age_s=5.0)
        assert len(watcher.ups) == 2
        assert watcher.downs[0][1].kind is DownKind.WE_CLOSED
        assert watcher.downs[0][1].notification is None

    async def test_a_twin_of_the_same_restart_is_a_collision(self) -> None:
        watcher = await self.newcomer(first_restarting=True, age_s=5.0)
        assert len(watcher.ups) == 1

    async def test_a_second_restart_later_takes_over(self) -> None:
        watcher = await self.newcomer(first_restarting=True, age_s=60.0)
        assert len(watcher.ups) == 2


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_ten_thousand_connections_leak_nothing(quiet: None) -> None:
    """Whole lives of a connection, alternately ended by FIN, by NOTIFICATION and by garbage."""
    never_oscillating = replace(QUICK, connect_retry_s=1e-9)
    with Site() as site:
        settings = a_peer(direction=Direction.PASSIVE, timers=never_oscillating)
        async with running(settings) as (peer, watcher):
            before = memory = 0
            for cycle in range(10_000):
                ours, theirs = await pair(site)
                peer.accept(ours)
                if cycle % 3 == 0:
                    theirs.send(our_open() + KEEPALIVE)
                    await watcher.until(lambda: peer.state is PeerState.ESTABLISHED)
                elif cycle % 3 == 1:
                    theirs.send(bytes(19))
                theirs.close()
                await watcher.until(lambda: peer.handshakes == 0 and peer.negotiated is None)
                for kept in (watcher.ups, watcher.downs, watcher.transitions, watcher.stales):
                    kept.clear()
                if cycle == 1000:
                    gc.collect()
                    before = open_descriptors()
                    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            gc.collect()
            assert open_descriptors() == before
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
            assert grown_kib < 4096


async def pair(site: Site) -> tuple[socket.socket, socket.socket]:
    theirs = socket.socket()
    theirs.setblocking(False)
    await asyncio.get_running_loop().sock_connect(theirs, ("127.0.0.1", site.port))
    ours, _ = await asyncio.get_running_loop().sock_accept(site.sock)
    return ours, theirs


class FailsAtFirst:
    """A system call that goes wrong a few times and then works."""

    def __init__(self, original: Callable[..., object], code: int, times: int) -> None:
        self.original = original
        self.code = code
        self.left = times

    def __call__(self, *args: object, **more: object) -> object:
        if self.left:
            self.left -= 1
            raise OSError(self.code, os.strerror(self.code))
        return self.original(*args, **more)


@pytest.mark.parametrize("call", ["__init__", "setblocking", "setsockopt", "connect_ex", "bind"])
@pytest.mark.parametrize(
    "code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EACCES]
)
async def test_a_dial_that_the_system_refuses_is_made_again(
    call: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site() as site:
        failing = FailsAtFirst(getattr(socket.socket, call), code, times=2)
        monkeypatch.setattr(socket.socket, call, lambda *args, **more: failing(*args, **more))
        local = ip_address("127.0.0.1")
        async with running(dialling(site, local_address=local)) as (peer, watcher):
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
            failed = [each for each in watcher.transitions if os.strerror(code) in each.detail]
            assert len(failed) == 2


@pytest.mark.parametrize("watch", ["add_writer", "add_reader"])
async def test_a_socket_that_cannot_be_watched_is_made_again(
    watch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """epoll(7) has a limit of its own: ENOSPC."""
    loop = asyncio.get_running_loop()
    with Site() as site:
        failing = FailsAtFirst(getattr(loop, watch), errno.ENOSPC, times=1)
        monkeypatch.setattr(loop, watch, failing)
        async with running(dialling(site)) as (peer, watcher):
            await site.accept()  # TCP is up before the kernel is asked to watch it
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)
    assert not failing.left


async def test_options_that_an_open_asks_for_and_the_kernel_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Site() as site:
        async with running(dialling(site)) as (peer, watcher):
            first = await site.accept()
            failing = FailsAtFirst(socket.socket.setsockopt, errno.ENOBUFS, times=1)
            monkeypatch.setattr(
                socket.socket, "setsockopt", lambda *args, **more: failing(*args, **more)
            )
            await first.send(our_open() + KEEPALIVE)
            router = await site.accept()
            await router.come_up()
            await watcher.until_state(peer, PeerState.ESTABLISHED)


async def test_a_task_that_failed_in_its_first_step_starts_from_nothing() -> None:
    """Whatever raised: the next run dials again."""

    class Objects(Watcher):
        def changed(self, handle: PeerHandle, transition: Transition) -> None:
            super().changed(handle, transition)
            if len(self.transitions) == 1:
                raise RuntimeError("a fault of ours")

    with Site() as site:
        watcher = Objects()
        peer = Peer(
            dialling(site),
            a_speaker(),
            watcher,
            clock=SystemClock(),
            jitter=lambda: 0.5,
            read_turns=ReadTurns(),
        )
        with pytest.raises(RuntimeError):
            await peer.run()
        again = asyncio.create_task(peer.run())
        router = await site.accept()
        await router.come_up()
        await watcher.until_state(peer, PeerState.ESTABLISHED)
        again.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await again
