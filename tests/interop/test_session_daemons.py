"""A session over IPv4 and one over IPv6 with each real daemon: up, rules across, text, down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import Direction, StopMode
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, RefreshSubtype
from prefixd.bgp.wire.message import RouteRefresh
from tests.kit.daemons import OpenBgpd
from tests.kit.lab import (
    KINDS,
    all_addresses,
    all_up,
    announcement,
    daemon_says,
    end_of_ribs,
    families_of,
    make,
    our_speaker,
    peers_for,
    rule_octets,
    running_registry,
    wish,
    withdrawal,
    write_all,
)
from tests.kit.netns import private_network

RULES = 200
KNOW_FLOWSPEC = [kind for kind in KINDS if kind != "OpenBGPD"]


@pytest.mark.parametrize("kind", KINDS)
async def test_up_with_what_both_can(kind: str, tmp_path: Path) -> None:
    with private_network(all_addresses()), make(kind, tmp_path).run(wish(kind)):
        async with running_registry(our_speaker(*peers_for(kind))) as (registry, watcher):
            await all_up(registry, watcher)
            for peer in registry.peers():
                terms = peer.negotiated
                assert terms is not None
                assert terms.families == set(families_of(kind))
                assert terms.four_octet_as
                assert terms.refresh
                assert terms.hold_time_s == 90
                assert terms.max_message == 4096
                transport = peer.status().transport
                assert transport is not None
                assert transport.incoming is kind.startswith("Exa")


@pytest.mark.parametrize("kind", KNOW_FLOWSPEC)
async def test_rules_arrive_and_leave(kind: str, tmp_path: Path) -> None:
    daemon = make(kind, tmp_path)
    with private_network(all_addresses()), daemon.run(wish(kind)):
        async with running_registry(our_speaker(*peers_for(kind))) as (registry, watcher):
            await all_up(registry, watcher)
            over_v4, over_v6 = registry.peers()
            v4 = rule_octets(IPV4_FLOWSPEC, RULES)
            v6 = rule_octets(IPV6_FLOWSPEC, RULES)
            await write_all(over_v4, [*announcement(v4, IPV4_FLOWSPEC), *end_of_ribs()])
            await write_all(over_v6, [*announcement(v6, IPV6_FLOWSPEC), *end_of_ribs()])
            await daemon_says(lambda: daemon.rules("ipv4") == RULES, 10, "all IPv4 rules")
            await daemon_says(lambda: daemon.rules("ipv6") == RULES, 10, "all IPv6 rules")
            await write_all(over_v4, withdrawal(v4[1:], IPV4_FLOWSPEC))
            await write_all(over_v6, withdrawal(v6[1:], IPV6_FLOWSPEC))
            await daemon_says(lambda: daemon.rules("ipv4") == 1, 10, "one IPv4 rule")
            await daemon_says(lambda: daemon.rules("ipv6") == 1, 10, "one IPv6 rule")
            assert watcher.downs == []


async def test_bird_answers_an_enhanced_refresh(tmp_path: Path) -> None:
    """BoRR tells that all before it was read; EoRR follows (RFC 7313)."""
    with private_network(all_addresses()), make("BIRD", tmp_path).run(wish("BIRD")):
        async with running_registry(our_speaker(*peers_for("BIRD"))) as (registry, watcher):
            await all_up(registry, watcher)
            peer = registry.peers()[0]
            assert peer.negotiated is not None
            assert peer.negotiated.enhanced_refresh
            assert peer.refresh(RouteRefresh(IPV4_FLOWSPEC))
            begin = RouteRefresh(IPV4_FLOWSPEC, RefreshSubtype.BEGIN)
            await watcher.until(lambda: (peer.name, begin) in watcher.refreshes, 10)


@pytest.mark.parametrize("kind", ["GoBGP", "OpenBGPD"])
async def test_the_operators_text_reaches_their_log(kind: str, tmp_path: Path) -> None:
    log = tmp_path / f"{kind.lower()}.log"
    with private_network(all_addresses()), make(kind, tmp_path).run(wish(kind)):
        async with running_registry(our_speaker(*peers_for(kind))) as (registry, watcher):
            await all_up(registry, watcher)
            await registry.stop(StopMode.WITHDRAW, "prefixd: noc: moved to pop fra2")
        await daemon_says(lambda: "moved to pop fra2" in log.read_text(), 5, "the text")


async def test_openbgpd_counts_our_messages(tmp_path: Path) -> None:
    daemon = make("OpenBGPD", tmp_path)
    assert isinstance(daemon, OpenBgpd)
    with private_network(all_addresses()), daemon.run(wish("OpenBGPD")):
        async with running_registry(our_speaker(*peers_for("OpenBGPD"))) as (registry, watcher):
            await all_up(registry, watcher)
            await daemon_says(
                lambda: json.dumps(daemon.ask("show", "neighbor")).count("Established") == 2,
                5,
                "two established neighbors",
            )


async def test_both_directions_at_once(tmp_path: Path) -> None:
    """BIRD and we call each other: a collision in real life, and one session that stays."""
    wanted = wish("BIRD")
    calling = tuple(replace(each, passive=False) for each in wanted.neighbors)
    ours = [replace(peer, direction=Direction.BOTH) for peer in peers_for("BIRD")]
    with (
        private_network(all_addresses()),
        make("BIRD", tmp_path).run(replace(wanted, neighbors=calling)),
    ):
        async with running_registry(our_speaker(*ours)) as (registry, watcher):
            await all_up(registry, watcher)
            await write_all(registry.peers()[0], end_of_ribs())
            assert all(peer.state is PeerState.ESTABLISHED for peer in registry.peers())
            assert watcher.downs == []


async def test_frr_echoes_more_than_it_may(tmp_path: Path) -> None:
    """FRR 8.4 sends our rules back in UPDATEs above 4096 octets; with its profile that costs no
    session."""
    daemon = make("FRR", tmp_path)
    ours = [replace(peer, profile="frr") for peer in peers_for("FRR")]
    with private_network(all_addresses()), daemon.run(wish("FRR")):
        async with running_registry(our_speaker(*ours)) as (registry, watcher):
            await all_up(registry, watcher)
            rules = rule_octets(IPV4_FLOWSPEC, 2000)
            await write_all(registry.peers()[0], announcement(rules, IPV4_FLOWSPEC))
            await daemon_says(lambda: daemon.rules("ipv4") == 2000, 20, "all rules")
            await watcher.until(lambda: longest_message(registry.peers()) > 4096, 10)
            assert watcher.downs == []


def longest_message(peers: tuple[Peer, ...]) -> int:
    """As the length field of what we received says."""
    received = [each.octets for peer in peers for each in peer.packets if not each.sent]
    return max(int.from_bytes(octets[16:18], "big") for octets in received)
