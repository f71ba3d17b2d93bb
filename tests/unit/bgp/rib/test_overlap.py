"""Which packets a rule matches, and whether two rules share one."""

import pytest

from prefixd.bgp.rib.overlap import Packet, intersect, matches, may_share_a_packet
from prefixd.bgp.wire.flowspec_text import parse_rule

DNS = Packet(afi=1, dst=0xC0000201, src=0xCB007101, protocol=17, dst_port=53, src_port=4000)
FRAGMENT = Packet(afi=1, dst=0xC0000201, src=0xCB007101, protocol=17, fragment=2)


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("dst 192.0.2.0/24", True),
        ("dst 192.0.3.0/24", False),
        ("dst 192.0.2.1/32 proto udp dport 50-60", True),
        ("dst 192.0.2.1/32 port 4000", True),
        ("dst 192.0.2.1/32 sport 53", False),
        ("src 203.0.113.0/24 proto udp", True),
        ("dst 2001:db8::/32", False),
    ],
)
def test_a_router_applies_the_rule_or_not(text: str, hit: bool) -> None:
    assert matches(parse_rule(text), DNS) is hit


def test_a_fragment_has_no_ports_to_match() -> None:
    assert not matches(parse_rule("dst 192.0.2.1/32 dport 0-65535"), FRAGMENT)
    assert matches(parse_rule("dst 192.0.2.1/32 fragment is-fragment"), FRAGMENT)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("dst 192.0.2.0/24", "dst 192.0.2.1/32", True),
        ("dst 192.0.2.0/25", "dst 192.0.2.128/25", False),
        ("dst 192.0.2.1/32 dport 50-60", "dst 192.0.2.1/32 dport 60-70", True),
        ("dst 192.0.2.1/32 dport 50-60", "dst 192.0.2.1/32 dport 61-70", False),
        ("dst 192.0.2.1/32 port 53", "dst 192.0.2.1/32 sport 53 dport 1", True),
        ("dst 192.0.2.1/32 port 53", "dst 192.0.2.1/32 sport 54 dport 1", False),
        (
            "dst 192.0.2.1/32 proto tcp tcp-flags =syn&!ack",
            "dst 192.0.2.1/32 tcp-flags =ack",
            False,
        ),
        ("dst 192.0.2.1/32", "src 203.0.113.0/24", True),
        ("dst 192.0.2.1/32", "dst 2001:db8::1/128", False),
    ],
)
def test_two_rules_share_a_packet_or_not(one: str, other: str, shared: bool) -> None:
    assert may_share_a_packet(parse_rule(one), parse_rule(other)) is shared
    assert may_share_a_packet(parse_rule(other), parse_rule(one)) is shared


def test_ranges_in_both() -> None:
    assert intersect(((0, 5), (10, 20)), ((3, 12), (20, 30))) == ((3, 5), (10, 12), (20, 20))
    assert intersect(((0, 1),), ((2, 3),)) == ()
