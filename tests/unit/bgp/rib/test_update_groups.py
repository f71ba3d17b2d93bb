"""Peers join update groups by their terms, leave them and rejoin."""

from dataclasses import replace

from prefixd.bgp.rib.adj_rib_out import Table
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.update_groups import UpdateGroups
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.distribution import TERMS, Desk, hosts


def test_a_slow_peer_leaves_its_group_and_comes_back() -> None:
    desk = Desk()
    desk.up("fast", "slow")
    for number in range(80):
        desk.put(*hosts(1, start=number))
        desk.chunks("fast")
    desk.distribution.detach_slow(1000.0)
    slow = desk.distribution.member("slow")
    assert slow is not None
    assert not slow.in_step
    [chunk] = desk.chunks("slow")
    assert chunk.announced == 80  # coalesced, not eighty chunks
    assert slow.in_step
    assert desk.distribution.advertised("slow") == desk.distribution.advertised("fast")


def test_another_peers_trouble_is_not_mine() -> None:
    desk = Desk()
    desk.up("a", "b")
    desk.put(*hosts(5))
    desk.distribution.peer_down("b")
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 5
    desk.up("b")
    advertised: Table = desk.distribution.advertised("b")
    assert len(advertised[IPV4_FLOWSPEC]) == 5


def test_peers_with_other_terms_are_in_another_group() -> None:
    desk = Desk()
    desk.up("a", "b")
    desk.up("c", terms=replace(TERMS, local_as=65001))
    assert desk.distribution.group_count() == 2
    desk.distribution.peer_down("c")
    assert desk.distribution.group_count() == 1


def test_groups_without_members_are_bounded() -> None:
    groups = UpdateGroups(LocRib())
    for number in range(100):
        groups.group(replace(TERMS, local_as=65000 + number))
    assert len(groups.groups) <= 65
    kept = replace(TERMS, local_as=65099)
    assert groups.group(kept) is groups.group(kept)
