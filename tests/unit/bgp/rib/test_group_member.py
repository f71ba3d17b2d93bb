"""A member of an update group: how far it has come, alone or in step."""

from prefixd.bgp.rib.group_member import Dump
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.distribution import LIMIT, Desk, desk_of, hosts
from tests.kit.speaking import DISCARD, a_route


def test_a_dump_is_handed_out_in_slices() -> None:
    keys = [route.key for route in hosts(5)]
    dump = Dump(keys=keys, force=False)
    assert [dump.next(2), dump.next(2), dump.next(2), dump.next(2)] == [
        keys[:2],
        keys[2:4],
        keys[4:],
        [],
    ]


def test_a_member_behind_its_group_has_the_table_of_its_position() -> None:
    desk = Desk()
    desk.up("a", "b")
    desk.put(*hosts(3))
    desk.chunks("a")
    behind, ahead = desk.distribution.member("b"), desk.distribution.member("a")
    assert behind is not None
    assert ahead is not None
    assert (behind.in_step, behind.is_current, behind.has_more) == (True, False, True)
    assert behind.table().get(IPV4_FLOWSPEC, {}) == {}
    assert len(ahead.table()[IPV4_FLOWSPEC]) == 3
    assert behind.synced(desk.loc.revision) < desk.loc.revision
    assert ahead.synced(desk.loc.revision) == desk.loc.revision
    desk.chunks("b")
    assert (behind.is_current, behind.has_more) == (True, False)


def test_differences_are_found_in_both_directions() -> None:
    desk = desk_of(3, 250)
    member = desk.distribution.member("a")
    assert member is not None
    assert member.differences() == []
    table = member.table_source.table[IPV4_FLOWSPEC]
    lost, foreign = hosts(1)[0], a_route("dst 203.0.113.1/32")
    del table[lost.nlri]
    table[foreign.nlri] = DISCARD
    assert set(member.differences()) == {lost.key, foreign.key}
    assert desk.distribution.self_check(1000.0) == 2
    assert sum(chunk.announced + chunk.withdrawn for chunk in desk.chunks("a")) == 2
    assert member.differences() == []


def test_a_rule_that_was_seen_is_forgotten_when_it_is_sent_again() -> None:
    desk = desk_of(1, 250)
    member = desk.distribution.member("a")
    assert member is not None
    key = hosts(1)[0].key
    member.seen[key] = 1
    desk.put(a_route("dst 198.18.0.0/32 proto udp dport 53", "r0", action=LIMIT))
    desk.chunks("a")
    assert member.seen == {}
