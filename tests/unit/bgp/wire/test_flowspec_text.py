"""Rules as operators type them, and what they are told when they mistype."""

import pytest

from prefixd.bgp.wire.flowspec import encode_rule
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule


def test_the_line_from_the_manual() -> None:
    rule = parse_rule("dst 192.0.2.1/32 proto udp dport 53,1024-2047 fragment is-fragment")
    assert encode_rule(rule).hex() == "0120c000020103811105013513040 0d507ff0c8002".replace(" ", "")
    assert format_rule(rule) == (
        "dst 192.0.2.1/32 proto udp dport 53,1024-2047 fragment is-fragment"
    )


TYPED = {
    "DST 192.0.2.1 PROTO UDP": "dst 192.0.2.1/32 proto udp",
    "proto 17 dst 192.0.2.1": "dst 192.0.2.1/32 proto udp",
    "dst 192.0.2.77/24": "dst 192.0.2.0/24",
    "dst 2001:db8::1 proto 58": "dst 2001:db8::1/128 proto icmp6",
    "proto tcp,udp": "ipv4 proto tcp,udp",
    "ipv6 proto tcp": "ipv6 proto tcp",
    "dport =80,==81": "ipv4 dport 80,81",
    "dport 7-7": "ipv4 dport 7",
    "tcp-flags syn|ack": "ipv4 tcp-flags syn|ack",
    "tcp-flags !=syn+ack": "ipv4 tcp-flags !=syn+ack",
    "tcp-flags 0x3": "ipv4 tcp-flags fin|syn",
    "tcp-flags 0x802": "ipv4 tcp-flags syn|0x800",
    "dst ::1234:5678:9a00:0/104/64": "dst ::1234:5678:9a00:0/104/64",
    "dst ::/10/3": "dst ::/10/3",
    "dst 1fff:ffff::/10/3": "dst 1fc0::/10/3",
}


@pytest.mark.parametrize("typed", TYPED)
def test_what_is_typed_and_what_is_shown(typed: str) -> None:
    rule = parse_rule(typed)
    assert format_rule(rule) == TYPED[typed]
    assert parse_rule(TYPED[typed]) == rule


MISTYPED = {
    "": "at least one component",
    "dst": "'dst' lacks a value",
    "ipv6": "at least one component",
    "dest 192.0.2.1": "'dest' is not a component; known: dst, src",
    "dst 192.0.2.1/33": "prefix length 33",
    "dst 192.0.2.1/x": "no valid prefix length",
    "dst 192.0.2": "not an IP address",
    "dst 192.0.2.1 src 2001:db8::/32": "another family",
    "ipv6 dst 192.0.2.1": "another family",
    "dst 192.0.2.1 dst 192.0.2.2": "each once",
    "dport 65536": "above 65535",
    "dport 5-65536": "outside 0..65535",
    "dport 9-5": "upside down",
    "dport dns": "'dns' is not a number",
    "dport 53;54": "'53;54' is not a value for dport",
    "dport ,": "'' is not a value for dport",
    "dport -5": "'' is not a number",
    "proto udplite": "'udplite' is not a number",
    "tcp-flags sin": "'sin' is not a number",
    "tcp-flags 0x1000": "outside 0..4095",
    "fragment is-fragment+first-fragment": "is not a number",
    "ipv6 fragment dont-fragment": "outside 0..14",
    "flow-label 5": "no such component in AFI 1",
    "dst 192.0.2.1/24/8": "needs an IPv6 prefix",
    "dst 2001:db8::/32/64": "needs an IPv6 prefix",
    "rd 00 dst 192.0.2.1": "not a route distinguisher",
    "dport 99999999999": "not a number",
}


@pytest.mark.parametrize("typed", MISTYPED)
def test_a_mistake_is_named(typed: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_rule(typed)
    assert MISTYPED[typed] in str(caught.value)


@pytest.mark.parametrize("mask", range(256))
def test_every_fragment_and_flag_octet_can_be_shown(mask: int) -> None:
    """A formatter elsewhere crashed on a fragment operand of zero."""
    text = f"ipv4 tcp-flags 0x{mask:x} fragment =0x{mask & 15:x}"
    rule = parse_rule(text)
    assert parse_rule(format_rule(rule)) == rule
