"""TCP MD5 and TTL security by the kernel's own word, and against BIRD and FRR."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import (
    AoKey,
    Direction,
    Secret,
    TimerSettings,
)
from prefixd.bgp.reload import Effect
from prefixd.bgp.session.socket_options import (
    SocketRefusal,
    clear_md5,
    probe_host,
    set_ao,
    set_md5,
)
from prefixd.bgp.settings import DynamicRange, ListenAddress
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.packing import end_of_rib
from tests.kit.bgp import a_peer, a_speaker
from tests.kit.lab import (
    OUR_ASN,
    US_V4,
    all_addresses,
    all_up,
    announcement,
    daemon_says,
    make,
    our_speaker,
    peers_for,
    rule_octets,
    running_registry,
    wish,
    write_all,
)
from tests.kit.netns import Namespace, cable, ip, namespace, private_network
from tests.kit.require import absent

KEY, OTHER = Secret(b"correct-horse"), Secret(b"battery staple")
QUICK = TimerSettings(connect_retry_s=0.2, connect_timeout_s=1.0)
SERVER, CLIENT = "127.0.0.1", "127.0.0.1"


@pytest.fixture(autouse=True)
def md5_works() -> None:
    if not probe_host().md5:
        absent("TCP MD5 in this kernel")


@contextlib.contextmanager
def a_listener(family: int = socket.AF_INET) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::1" if family == socket.AF_INET6 else SERVER, 0))
        sock.listen()
        yield sock


def connects(listener: socket.socket, key: Secret | None) -> bool:
    """Whether the handshake succeeds; a dropped SYN looks like silence."""
    with socket.socket(listener.family, socket.SOCK_STREAM) as client:
        client.settimeout(0.3)
        address = listener.getsockname()
        if key is not None:
            set_md5(client, ip_network(address[0]), key)
        try:
            client.connect(address)
        except TimeoutError:
            return False
        return True


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
class TestMd5:
    """The cases an operator meets, on loopback."""

    def host(self, family: int) -> str:
        return "::1/128" if family == socket.AF_INET6 else "127.0.0.1/32"

    def prefix(self, family: int) -> str:
        return "::/64" if family == socket.AF_INET6 else "127.0.0.0/24"

    def test_the_same_key_on_both_sides(self, family: int) -> None:
        with a_listener(family) as listener:
            set_md5(listener, ip_network(self.host(family)), KEY)
            assert connects(listener, KEY)

    def test_a_wrong_key_is_silence(self, family: int) -> None:
        with a_listener(family) as listener:
            set_md5(listener, ip_network(self.host(family)), KEY)
            assert not connects(listener, OTHER)

    def test_a_missing_key_is_silence_on_either_side(self, family: int) -> None:
        with a_listener(family) as listener:
            assert not connects(listener, KEY)
            set_md5(listener, ip_network(self.host(family)), KEY)
            assert not connects(listener, None)

    def test_a_prefix_key_serves_a_dynamic_range(self, family: int) -> None:
        with a_listener(family) as listener:
            set_md5(listener, ip_network(self.prefix(family)), KEY)
            assert connects(listener, KEY)

    def test_a_host_key_beats_a_prefix_key(self, family: int) -> None:
        with a_listener(family) as listener:
            set_md5(listener, ip_network(self.prefix(family)), OTHER)
            set_md5(listener, ip_network(self.host(family)), KEY)
            assert connects(listener, KEY)
            assert not connects(listener, OTHER)

    def test_the_longest_key_and_deleting(self, family: int) -> None:
        long = Secret(b"k" * 80)
        network = ip_network(self.host(family))
        with a_listener(family) as listener:
            set_md5(listener, network, long)
            assert connects(listener, long)
            clear_md5(listener, network)
            assert connects(listener, None)
            clear_md5(listener, network)


def test_tcp_ao_is_reported_honestly() -> None:
    """Either the kernel takes a key, or the report says why not and a peer is refused."""
    abilities = probe_host()
    with socket.socket() as sock:
        keys = (AoKey(send_id=1, receive_id=1, secret=KEY),)
        if abilities.tcp_ao:
            set_ao(sock, ip_network("192.0.2.1"), keys)
            return
        assert "ENOPROTOOPT" in abilities.tcp_ao_note or "EPERM" in abilities.tcp_ao_note
        with pytest.raises(SocketRefusal, match="TCP-AO"):
            set_ao(sock, ip_network("192.0.2.1"), keys)


@pytest.mark.parametrize("kind", ["BIRD", "FRR", "GoBGP"])
async def test_md5_with_a_real_daemon(kind: str, tmp_path: Path) -> None:
    """We dial with a key; a wrong one never comes up and the reason is guessed."""
    wanted = wish(kind)
    locked = tuple(replace(each, password="correct-horse") for each in wanted.neighbors)
    locked_daemon = make(kind, tmp_path).run(replace(wanted, neighbors=locked))
    with private_network(all_addresses()), locked_daemon:
        v4, v6 = peers_for(kind, md5=KEY, timers=QUICK)
        async with running_registry(our_speaker(v4, v6)) as (registry, watcher):
            await all_up(registry, watcher)
            transport = registry.peers()[0].status().transport
            assert transport is not None
            assert transport.md5
        wrong = replace(v4, md5=OTHER)
        async with running_registry(our_speaker(wrong)) as (registry, watcher):
            peer = registry.peers()[0]
            await watcher.until(lambda: peer.status().last_error)
            assert "possibly the TCP keys differ" in peer.status().last_error
            assert watcher.ups == []


async def test_bird_calls_us_with_md5(tmp_path: Path) -> None:
    """Keys on our listening sockets, one per neighbor."""
    wanted = wish("BIRD")
    calling = tuple(
        replace(each, password="correct-horse", passive=False) for each in wanted.neighbors
    )
    ours = peers_for("BIRD", md5=KEY, direction=Direction.PASSIVE)
    with private_network(all_addresses()):
        async with running_registry(our_speaker(*ours)) as (registry, watcher):
            with make("BIRD", tmp_path).run(replace(wanted, neighbors=calling)):
                await all_up(registry, watcher)


async def test_dynamic_neighbors_with_a_prefix_key(tmp_path: Path) -> None:
    wanted = wish("BIRD")
    calling = tuple(
        replace(each, password="correct-horse", passive=False) for each in wanted.neighbors
    )
    template = a_peer("edge", asn=65002, md5=KEY, multihop=8, direction=Direction.PASSIVE)
    ranges = tuple(
        DynamicRange(name=f"edge{index}", prefix=ip_network(prefix), template=template)
        for index, prefix in enumerate(("10.9.0.0/24", "fd09::/64"))
    )
    with private_network(all_addresses()):
        async with running_registry(our_speaker(dynamic=ranges)) as (registry, watcher):
            with make("BIRD", tmp_path).run(replace(wanted, neighbors=calling)):
                await watcher.until(lambda: len(watcher.ups) == 2)
                names = sorted(peer.name for peer in registry.peers())
                assert names == ["edge0-10.9.0.2", "edge1-fd09::2"]
                assert all(peer.status().dynamic for peer in registry.peers())


@contextlib.contextmanager
def a_hop_in_between(far: Namespace, router: Namespace) -> Iterator[None]:
    """We 10.8.1.1 - router - 10.8.2.2 far; the router forwards, and counts down the TTL."""
    cable("near0", "10.8.1.1/24", "r0", "10.8.1.254/24", router)
    cable("r1", "10.8.2.254/24", "far0", "10.8.2.2/24", far, outside=router)
    router.set("net.ipv4.ip_forward", "1")
    ip("route", "add", "10.8.2.0/24", "via", "10.8.1.254")
    far.run("route", "add", "10.8.1.0/24", "via", "10.8.2.254")
    yield


@pytest.mark.parametrize(("hops", "comes_up"), [(1, False), (2, True)])
async def test_ttl_security_with_a_hop_in_between(
    tmp_path: Path, hops: int, comes_up: bool
) -> None:
    """BIRD sends with TTL 255 and one router lies between us: 254 arrives."""
    wanted = wish("BIRD")
    neighbor = replace(wanted.neighbors[0], us="10.8.1.1", local="10.8.2.2", ttl_hops=hops)
    peer = a_peer(
        "far",
        "10.8.2.2",
        65002,
        ttl_security_hops=hops,
        direction=Direction.ACTIVE,
        timers=QUICK,
    )
    with (
        private_network(["10.9.0.1/24"]),
        namespace() as far,
        namespace() as router,
        a_hop_in_between(far, router),
        make("BIRD", tmp_path).run(
            replace(wanted, neighbors=(neighbor,), prefix=tuple(far.command()))
        ),
    ):
        async with running_registry(our_speaker(peer, listen=())) as (registry, watcher):
            if comes_up:
                await all_up(registry, watcher)
                transport = registry.peers()[0].status().transport
                assert transport is not None
                assert transport.min_ttl == 254
            else:
                await watcher.until(lambda: registry.peers()[0].status().last_error)
                assert registry.peers()[0].state is not PeerState.ESTABLISHED
                assert watcher.ups == []


@pytest.mark.parametrize("kind", ["BIRD", "FRR"])
async def test_ttl_security_next_door(kind: str, tmp_path: Path) -> None:
    wanted = wish(kind)
    near = tuple(replace(each, ttl_hops=1) for each in wanted.neighbors)
    ours = peers_for(kind, ttl_security_hops=1, multihop=None, timers=QUICK)
    daemon = make(kind, tmp_path)
    with private_network(all_addresses()), daemon.run(replace(wanted, neighbors=near)):
        async with running_registry(our_speaker(*ours)) as (registry, watcher):
            await all_up(registry, watcher)
            for peer in registry.peers():
                transport = peer.status().transport
                assert transport is not None
                assert transport.min_ttl == 255
            rules = announcement(rule_octets(IPV4_FLOWSPEC, 3), IPV4_FLOWSPEC)
            await write_all(registry.peers()[0], rules)
            await daemon_says(lambda: daemon.rules("ipv4") == 3, 10, "three rules")


async def test_keys_change_under_a_live_session() -> None:
    """Both ends put the new key on the listener and on the connection; nothing is reset."""
    here = a_peer("there", "10.9.0.2", 64501, md5=KEY, direction=Direction.ACTIVE, multihop=2)
    there = a_peer("here", US_V4, OUR_ASN, md5=KEY, direction=Direction.PASSIVE, multihop=2)
    listen = (ListenAddress(ip_address("10.9.0.2")),)
    theirs = a_speaker(64501, "10.9.0.2", listen=listen, peers=(there,))
    ours = our_speaker(replace(here, local_address=ip_address(US_V4)), listen=())
    with private_network(all_addresses()):
        async with (
            running_registry(theirs) as (far, far_watcher),
            running_registry(ours) as (near, near_watcher),
        ):
            await all_up(near, near_watcher)
            for registry in (near, far):
                (peer,) = registry.settings.peers
                plan = registry.apply(replace(registry.settings, peers=(replace(peer, md5=OTHER),)))
                assert plan.peers[0].effect is Effect.REKEY
            near.peers()[0].write(end_of_rib(IPV4_FLOWSPEC))
            await far_watcher.until(lambda: far_watcher.updates)
            assert near_watcher.downs == far_watcher.downs == []


async def test_link_local_neighbors() -> None:
    """The interface is part of the address, for the call, for the key and at the door."""
    with private_network([*all_addresses(), "fe80::1/64", "fe80::2/64"]):
        near, far = ip_address("fe80::1%lo"), ip_address("fe80::2%lo")
        there = a_peer("there", "fe80::2%lo", 64501, direction=Direction.ACTIVE, md5=KEY)
        here = a_peer("here", "fe80::1%lo", OUR_ASN, direction=Direction.PASSIVE, md5=KEY)
        theirs = a_speaker(64501, "10.9.0.2", listen=(ListenAddress(far),), peers=(here,))
        ours = our_speaker(replace(there, local_address=near), listen=())
        async with running_registry(theirs), running_registry(ours) as (registry, watcher):
            await all_up(registry, watcher)
