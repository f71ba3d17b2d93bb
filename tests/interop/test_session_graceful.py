"""What routers do with our rules when we go: every way to stop, against real helpers.

One rule per case, restart time 8 s. What is asserted is what the daemons do, which is not always
what the RFCs ask of them; docs/bgp-sessions.md carries the table. FRR 8.4 helps for unicast only.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prefixd.bgp.neighbor_settings import RestartPolicy, RestartSettings, StopMode
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.wire.capability import GracefulRestart
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.message import decode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.packing import end_of_rib
from tests.kit.daemons import Bird, Frr, GoBgp
from tests.kit.lab import (
    all_addresses,
    all_up,
    announcement,
    daemon_says,
    end_of_ribs,
    make,
    our_speaker,
    peers_for,
    rule_octets,
    running_registry,
    wish,
    write_all,
)
from tests.kit.netns import private_network

RESTART_S = 8
BRIDGE = RestartSettings(policy=RestartPolicy.BRIDGE, restart_time_s=RESTART_S)
FAIL_OPEN = RestartSettings(policy=RestartPolicy.FAIL_OPEN)
RULE = announcement(rule_octets(IPV4_FLOWSPEC, 1), IPV4_FLOWSPEC)
EOR = end_of_rib(IPV4_FLOWSPEC)

Helper = Bird | Frr | GoBgp


def settings(kind: str, restart: RestartSettings) -> PeerSettings:
    return peers_for(kind, restart=restart)[0]


@asynccontextmanager
async def holding_a_rule(helper: Helper, restart: RestartSettings) -> AsyncIterator[Peer]:
    """A session with this helper, which has our rule and our End-of-RIB."""
    async with running_registry(our_speaker(settings(helper.name, restart))) as (registry, watcher):
        await all_up(registry, watcher)
        peer = registry.peers()[0]
        await write_all(peer, [*RULE, EOR])
        await daemon_says(lambda: helper.rules("ipv4") == 1, 10, "our rule")
        yield peer


def reset_connection(peer: Peer) -> None:
    """As a crashing kernel would: RST, no FIN."""
    established = peer._connections.established
    assert established is not None
    linger = struct.pack("ii", 1, 0)
    established.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    established.abort()


def a_helper(kind: str, directory: Path) -> Helper:
    helper = make(kind, directory)
    assert isinstance(helper, Bird | Frr | GoBgp)
    return helper


async def stays(helper: Helper) -> None:
    """Still there a moment after the session has gone."""
    await daemon_says(lambda: not session_is_up(helper), 5, "the end of the session")
    assert await asyncio.to_thread(helper.rules, "ipv4") == 1


async def goes(helper: Helper, within_s: float = 3.0) -> None:
    await daemon_says(lambda: helper.rules("ipv4") == 0, within_s, "an empty table")


def session_is_up(helper: Helper) -> bool:
    match helper:
        case Bird():
            return "Established" in helper.ask("show", "protocols")
        case Frr():
            return '"state":"Established"' in helper.ask("show bgp summary json").replace(" ", "")
        case GoBgp():
            return "Establ" in helper.ask("neighbor")


CASES = [
    # how we go, policy, kept by BIRD, FRR, GoBGP
    ("keep", FAIL_OPEN, False, False, False),
    ("keep", BRIDGE, True, False, True),
    ("reset", BRIDGE, True, False, True),
    ("cease", BRIDGE, False, False, False),
    ("withdraw", BRIDGE, False, False, False),
    ("hard", BRIDGE, False, False, False),
]


@pytest.mark.parametrize("kind", ["BIRD", "FRR", "GoBGP"])
@pytest.mark.parametrize(
    ("way", "restart", "bird", "frr", "gobgp"),
    CASES,
    ids=[f"{way}-{restart.policy.value}" for way, restart, *_ in CASES],
)
async def test_what_is_left(
    kind: str,
    way: str,
    restart: RestartSettings,
    bird: bool,
    frr: bool,
    gobgp: bool,
    tmp_path: Path,
) -> None:
    kept = {"BIRD": bird, "FRR": frr, "GoBGP": gobgp}[kind]
    helper = a_helper(kind, tmp_path)
    with private_network(all_addresses()), helper.run(wish(kind)):
        async with holding_a_rule(helper, restart) as peer:
            match way:
                case "keep":
                    peer.stop(StopMode.KEEP)
                case "withdraw":
                    peer.stop(StopMode.WITHDRAW, "bye")
                case "hard":
                    peer.stop(StopMode.HARD, "bye")
                case "cease":
                    peer.leave(Notification(6, 4), "reset")
                case _:
                    reset_connection(peer)
                    peer.leave(None, "")
            await (stays(helper) if kept else goes(helper))


async def test_bird_forgets_after_the_restart_time(tmp_path: Path) -> None:
    helper = a_helper("BIRD", tmp_path)
    short = RestartSettings(policy=RestartPolicy.BRIDGE, restart_time_s=2)
    with private_network(all_addresses()), helper.run(wish("BIRD")):
        async with holding_a_rule(helper, short) as peer:
            peer.stop(StopMode.KEEP)
            await stays(helper)
            await goes(helper, 6.0)


@pytest.mark.parametrize("kind", ["BIRD", "GoBGP"])
async def test_we_come_back_and_end_of_rib_ends_it(kind: str, tmp_path: Path) -> None:
    """R and F in the new OPEN keep the rule; our End-of-RIB without it removes it."""
    helper = a_helper(kind, tmp_path)
    with private_network(all_addresses()), helper.run(wish(kind)):
        async with holding_a_rule(helper, BRIDGE) as peer:
            peer.stop(StopMode.KEEP)
            await stays(helper)
        speaker = our_speaker(settings(kind, BRIDGE))
        async with running_registry(speaker, restarting_for_s=RESTART_S) as (registry, watcher):
            await all_up(registry, watcher)
            assert await asyncio.to_thread(helper.rules, "ipv4") == 1, "kept over the restart"
            # GoBGP waits for the markers of all families before it sweeps any.
            await write_all(registry.peers()[0], end_of_ribs())
            await goes(helper)


async def test_a_rule_sent_again_survives_end_of_rib(tmp_path: Path) -> None:
    helper = a_helper("BIRD", tmp_path)
    with private_network(all_addresses()), helper.run(wish("BIRD")):
        async with holding_a_rule(helper, BRIDGE) as peer:
            peer.stop(StopMode.KEEP)
            await stays(helper)
        speaker = our_speaker(settings("BIRD", BRIDGE))
        async with running_registry(speaker, restarting_for_s=RESTART_S) as (registry, watcher):
            await all_up(registry, watcher)
            await write_all(registry.peers()[0], [*RULE, EOR])
            await daemon_says(lambda: session_is_up(helper), 3, "the session")
            assert await asyncio.to_thread(helper.rules, "ipv4") == 1


async def test_the_r_bit_is_set_once(tmp_path: Path) -> None:
    """In the first OPEN after a restart, and not in that of a later reconnect."""
    with private_network(all_addresses()), make("BIRD", tmp_path).run(wish("BIRD")):
        speaker = our_speaker(settings("BIRD", BRIDGE))
        async with running_registry(speaker, restarting_for_s=RESTART_S) as (registry, watcher):
            await all_up(registry, watcher)
            registry.peers()[0].reset(None, "again")
            await watcher.until(lambda: len(watcher.ups) == 2)
            opens = [each.octets for each in registry.peers()[0].packets if each.sent]
            flags = [restart_flag(octets) for octets in opens if octets[18] == 1]
            assert flags == [True, False]


def restart_flag(octets: bytes) -> bool:
    message = decode_message(octets, BEFORE_OPEN)
    assert isinstance(message, Open)
    graceful = message.first(GracefulRestart)
    assert graceful is not None
    return graceful.restarting
