"""Rules that must never be announced."""

import pytest

from prefixd.bgp.rib.safety import OwnSession, SafetyNet
from prefixd.bgp.wire.flowspec_text import parse_rule
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
