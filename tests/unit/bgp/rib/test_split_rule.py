"""A rule that a router cannot hold is cut into rules that together match the same packets."""

from dataclasses import replace

import pytest

from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.rib.split_rule import Unfit, fit
from prefixd.bgp.wire.flowspec import encode_rule
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule

ONE_PORT = "dst 192.0.2.1/32 proto udp dport 53"
LONG = "dst 192.0.2.1/32 dport " + ",".join(str(port) for port in range(1000, 1200, 2))


def parts_of(text: str, profile: str) -> list[str]:
    parts = fit(parse_rule(text), PROFILES[profile])
    assert not isinstance(parts, Unfit), parts
    return [format_rule(part) for part in parts]


def test_a_rule_that_fits_is_the_same_object() -> None:
    rule = parse_rule(ONE_PORT)
    parts = fit(rule, PROFILES["junos"])
    assert not isinstance(parts, Unfit)
    assert parts[0] is rule


def test_long_lists_are_cut_in_slices() -> None:
    assert parts_of("dst 192.0.2.1/32 dport 1,3,5,7,9,11", "frr") == [
        "dst 192.0.2.1/32 dport 1,3,5,7,9",
        "dst 192.0.2.1/32 dport 11",
    ]


def test_ranges_have_a_limit_of_their_own() -> None:
    assert len(parts_of("dst 192.0.2.1/32 dport 10-19,30-39,50-59", "frr")) == 2


def test_either_port_becomes_one_rule_for_each_port() -> None:
    assert parts_of("dst 192.0.2.1/32 port 53 dport 53,80", "junos") == [
        "dst 192.0.2.1/32 dport 53",
        "dst 192.0.2.1/32 dport 53,80 sport 53",
    ]


def test_a_rule_of_240_octets_is_halved_for_a_short_length_field() -> None:
    parts = fit(parse_rule(LONG), PROFILES["gobgp"])
    assert not isinstance(parts, Unfit)
    assert len(parts) > 1
    assert all(len(encode_rule(part)) < 240 for part in parts)


@pytest.mark.parametrize(
    ("text", "profile", "reason"),
    [
        ("src 192.0.2.1/32", "junos", "destination_required"),
        ("dst 2001:db8::1/128 flow-label 5", "junos", "component"),
        ("dst 2001:db8::/104/64", "frr", "ipv6_offset"),
        ("dst 192.0.2.1/32 fragment is-fragment|first-fragment", "iosxr", "bits"),
        ("dst 192.0.2.1/32 port 53 dport 80 sport 81", "junos", "never_matches"),
    ],
)
def test_what_cannot_be_cut_has_a_reason(text: str, profile: str, reason: str) -> None:
    found = fit(parse_rule(text), PROFILES[profile])
    assert isinstance(found, Unfit)
    assert found.reason == reason


def test_too_many_parts_are_refused() -> None:
    found = fit(parse_rule(LONG), replace(PROFILES["frr"], max_parts=3))
    assert isinstance(found, Unfit)
    assert found.reason == "parts"
