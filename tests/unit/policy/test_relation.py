"""Rules compared as sets of packets."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from prefixd.domain.rule import (
    Blackhole,
    Discard,
    Fragment,
    Mark,
    Match,
    Police,
    PortRange,
    Redirect,
    TcpFlags,
    port_ranges,
)
from prefixd.policy.relation import Relation, hardness, relate
from tests.kit.builders import a_prefix

BASE = Match(dst=a_prefix("192.0.2.1"), protocol=17, dst_ports=port_ranges([53, 123]))


@pytest.mark.parametrize(
    ("wanted", "relation"),
    [
        (BASE, Relation.EXACT),
        (replace(BASE, dst_ports=()), Relation.SUPERSET),
        (replace(BASE, dst_ports=port_ranges([53, 123, 161])), Relation.SUPERSET),
        (replace(BASE, dst_ports=(PortRange(50, 200),)), Relation.SUPERSET),
        (replace(BASE, dst_ports=port_ranges([53])), Relation.SUBSET),
        (replace(BASE, dst_ports=port_ranges([53, 161])), Relation.OVERLAP),
        (replace(BASE, dst_ports=port_ranges([161])), Relation.DISJOINT),
        (replace(BASE, protocol=None), Relation.SUPERSET),
        (replace(BASE, protocol=6), Relation.DISJOINT),
        (replace(BASE, src_ports=port_ranges([53])), Relation.SUBSET),
        (replace(BASE, src=a_prefix("198.51.100.0/24")), Relation.SUBSET),
        (replace(BASE, dst=a_prefix("192.0.2.0/24")), Relation.SUPERSET),
        (replace(BASE, dst=a_prefix("192.0.2.2")), Relation.DISJOINT),
        (replace(BASE, dst=a_prefix("2001:db8::1")), Relation.DISJOINT),
        (replace(BASE, fragments=(Fragment.IS_FRAGMENT,)), Relation.SUBSET),
        (replace(BASE, packet_lengths=port_ranges([100])), Relation.SUBSET),
        (Match(dst=a_prefix("192.0.2.1")), Relation.SUPERSET),
    ],
)
def test_w04_no_ports_means_all_ports(wanted: Match, relation: Relation) -> None:
    assert relate(wanted, BASE) is relation


def test_the_other_way_round_is_the_mirror() -> None:
    narrow = replace(BASE, dst_ports=port_ranges([53]))
    assert relate(BASE, narrow) is Relation.SUPERSET
    assert relate(narrow, BASE) is Relation.SUBSET


def test_flags_that_cannot_both_hold_are_disjoint() -> None:
    syn = Match(dst=None, protocol=6, tcp_flags=TcpFlags(0x02, 0x12))
    syn_ack = Match(dst=None, protocol=6, tcp_flags=TcpFlags(0x12, 0x12))
    rst = Match(dst=None, protocol=6, tcp_flags=TcpFlags(0x04, 0x04))
    assert relate(syn, syn_ack) is Relation.DISJOINT
    assert relate(syn, rst) is Relation.OVERLAP


SRC = replace(BASE, src=a_prefix("198.51.100.0/24"))
FROM_53 = replace(BASE, src_ports=port_ranges([53]))
SHORT = replace(BASE, packet_lengths=(PortRange(0, 100),))
SYN_WITHOUT_ACK = replace(BASE, dst_ports=(), protocol=6, tcp_flags=TcpFlags(0x02, 0x12))


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        (SRC, replace(BASE, src=a_prefix("203.0.113.0/24")), Relation.DISJOINT),
        (SRC, replace(BASE, src=a_prefix("198.51.0.0/16")), Relation.SUBSET),
        (SRC, FROM_53, Relation.OVERLAP),
        (FROM_53, replace(BASE, src_ports=port_ranges([123])), Relation.DISJOINT),
        (SHORT, replace(BASE, packet_lengths=(PortRange(101, 200),)), Relation.DISJOINT),
        (SHORT, replace(BASE, packet_lengths=(PortRange(100, 200),)), Relation.OVERLAP),
        (replace(SRC, protocol=None), BASE, Relation.OVERLAP),
        (replace(SRC, protocol=None, dst=None), BASE, Relation.OVERLAP),
        (replace(SYN_WITHOUT_ACK, protocol=None), replace(SYN_WITHOUT_ACK, tcp_flags=None),
         Relation.OVERLAP),
        (SYN_WITHOUT_ACK, replace(SYN_WITHOUT_ACK, tcp_flags=TcpFlags(0x02, 0x02)),
         Relation.OVERLAP),
        (SYN_WITHOUT_ACK, replace(SYN_WITHOUT_ACK, tcp_flags=TcpFlags(0x10, 0x10)),
         Relation.DISJOINT),
    ],
)  # fmt: skip
def test_each_part_of_a_match_alone_can_tell_two_rules_apart(
    one: Match, other: Match, relation: Relation
) -> None:
    assert relate(one, other) is relation
    mirror = {Relation.SUBSET: Relation.SUPERSET}
    assert relate(other, one) is mirror.get(relation, relation)


def test_harder_takes_more_away() -> None:
    softest_first = [
        Mark(0),
        Redirect(route_target="64500:1"),
        Police(10**9),
        Police(10**6),
        Discard(),
        Blackhole(),
    ]
    for softer, harder in pairwise(softest_first):
        assert hardness(softer) < hardness(harder)
