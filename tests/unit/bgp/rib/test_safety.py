"""Rules that must never be announced."""

import pytest

from prefixd.bgp.rib.safety import OwnSession, SafetyNet
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_match import Kind, PrefixMatch
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.prefix import Prefix

NET = SafetyNet(
    sessions=(OwnSession(Prefix.parse("192.0.2.10"), Prefix.parse("192.0.2.1")),),
    untouchable=(Prefix.parse("198.51.100.53/32"),),
)
UNSAFE = [
    "dst 192.0.2.1/32",
    "dst 192.0.2.1/32 proto tcp",
    "dst 192.0.2.1/32 proto tcp dport 179",
    "dst 192.0.2.1/32 src 192.0.2.10/32 proto tcp sport 100-200",
    "dst 192.0.2.10/32 port 179",
    "dst 192.0.2.10/32 proto tcp",
    "dst 192.0.2.1/32 proto udp dport 3784",
    "dst 192.0.2.0/24 proto tcp dport 179 tcp-flags =syn",
    "dst 198.51.100.53/32 proto udp dport 53",
    "dst 203.0.113.0/24 src 198.51.100.0/24",
    "dst 203.0.0.0/16",
    "proto udp sport 1900",
    "ipv6 proto tcp",
]
SAFE = [
    "dst 192.0.2.2/32",
    "dst 192.0.2.1/32 proto udp dport 53",
    "dst 192.0.2.1/32 proto tcp dport 80 sport 1024-65535",
    "dst 192.0.2.1/32 src 203.0.113.9/32",
    "dst 198.51.100.54/32",
    "dst 2001:db8::1/128",
    "src 203.0.113.0/24",
]


@pytest.mark.parametrize("text", UNSAFE)
def test_the_safety_net_holds(text: str) -> None:
    assert NET.objection(parse_rule(text))


@pytest.mark.parametrize("text", SAFE)
def test_the_safety_net_lets_mitigations_through(text: str) -> None:
    assert NET.objection(parse_rule(text)) is None


OURS = SafetyNet(
    own=frozenset({Prefix.parse("203.0.113.77"), Prefix.parse("2001:db8::77")}),
    sessions=NET.sessions,
    untouchable=NET.untouchable,
)


@pytest.mark.parametrize(
    "text",
    [
        "dst 203.0.113.77/32 proto udp dport 53",
        "dst 203.0.113.0/24 proto udp dport 53",
        "dst 198.51.100.9/32 src 203.0.113.77/32",
        "dst 198.51.100.9/32 src 203.0.113.64/26",
        "dst 2001:db8::77/128",
        "dst 2001:db8::/48",
    ],
)
def test_an_address_of_ours_is_touched_by_nothing(text: str) -> None:
    assert "of this host" in (OURS.objection(parse_rule(text)) or "")


@pytest.mark.parametrize(
    "text",
    ["dst 203.0.113.78/32", "dst 198.51.100.9/32 src 203.0.113.128/25", "dst 2001:db8::7/128"],
)
def test_other_addresses_may_be_filtered(text: str) -> None:
    assert OURS.objection(parse_rule(text)) is None


@pytest.mark.parametrize(
    ("prefix", "objects"),
    [
        ("203.0.113.77/32", True),
        ("203.0.113.64/26", True),
        ("192.0.2.1/32", True),
        ("192.0.2.10/32", True),
        ("198.51.100.53/32", True),
        ("198.51.100.0/24", True),
        ("203.0.113.78/32", False),
        ("2001:db8::77/128", True),
        ("2001:db8::78/128", False),
    ],
)
def test_a_blackhole_for_a_router_or_for_us_is_never_announced(prefix: str, objects: bool) -> None:
    """It would take everything, the session included."""
    assert bool(OURS.objection_to_blackhole(Prefix.parse(prefix))) is objects


def test_a_blackhole_inside_an_untouchable_prefix_is_never_announced() -> None:
    net = SafetyNet(untouchable=(Prefix.parse("198.51.100.0/24"),))
    assert net.objection_to_blackhole(Prefix.parse("198.51.100.9/32"))
    assert net.objection_to_blackhole(Prefix.parse("198.51.101.9/32")) is None


def test_a_pattern_that_leaves_out_the_first_bits_may_be_ours() -> None:
    wide = FlowSpecRule(
        Family(2, 133), (PrefixMatch(Kind.SRC_PREFIX, 128, bytes(7) + b"\x77", offset=64),)
    )
    other = FlowSpecRule(
        Family(2, 133), (PrefixMatch(Kind.SRC_PREFIX, 128, bytes(7) + b"\x78", offset=64),)
    )
    assert OURS.objection(wide)
    assert OURS.objection(other) is None
