"""FlowSpec NLRI: what malformed ones cost, and what the encoder refuses.

Names X.. are inputs that reset, crashed or confused BIRD 2.0.12, FRR 8.4.4 or GoBGP 3.10.0; here
each costs at most the rule it stands in.
"""

import hashlib

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import (
    FlowSpecRule,
    decode_rule,
    encode_nlri,
    encode_rule,
    flowspec_rule,
    split_bodies,
)
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_match import (
    AND,
    EQ,
    GT,
    BitmaskMatch,
    Item,
    Kind,
    NumericMatch,
    PrefixMatch,
    numeric_match,
    prefix_match,
    prefix_pattern,
)
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_FLOWSPEC_VPN, IPV6_FLOWSPEC, Family
from prefixd.bgp.wire.prefix import Prefix


def test_a_zero_length_rule_is_framed_and_never_decoded() -> None:
    """CVE-2023-38406, and the same overflow in another speaker three years later."""
    assert split_bodies(bytes.fromhex("00")) == [(1, b"")]
    assert split_bodies(bytes.fromhex("00000120")[:2]) == [(1, b""), (2, b"")]
    assert split_bodies(bytes.fromhex("f000")) == [(2, b"")]
    with pytest.raises(WireError, match="without components"):
        decode_rule(b"", IPV4_FLOWSPEC)


@pytest.mark.parametrize("octets", ["100120c633640a", "f0", "ff", "ffff", "f1000120", "01"])
def test_a_list_that_cannot_be_walked_is_one_error(octets: str) -> None:
    with pytest.raises(WireError, match="length") as caught:
        split_bodies(bytes.fromhex(octets))
    assert (caught.value.code, caught.value.subcode) == (3, 10)


CONDEMNED = {
    "X03 unordered": (IPV4_FLOWSPEC, "0381110120c633640a", "after type 3"),
    "X04 component twice": (IPV4_FLOWSPEC, "0120c633640a058150058151", "after type 5"),
    "X05 unknown type": (IPV4_FLOWSPEC, "0120c633640a0e8101", "component type 14"),
    "X06 flow label in IPv4": (IPV4_FLOWSPEC, "0120c633640a0d8101", "component type 13"),
    "X07 type zero": (IPV4_FLOWSPEC, "008101", "component type 0"),
    "X08 length 33": (IPV4_FLOWSPEC, "01210102030405", "length 33"),
    "X10 wide DSCP": (IPV4_FLOWSPEC, "0120c633640a0b91002e", "2 octets"),
    "X11 wide fragment": (IPV4_FLOWSPEC, "0120c633640a0c910002", "2 octets"),
    "X15 port 70000": (IPV4_FLOWSPEC, "0120c633640a05a100011170", "value 70000"),
    "X19 no last operator": (IPV4_FLOWSPEC, "0120c633640a050150", "marked as the last"),
    "X20 cut value": (IPV4_FLOWSPEC, "0120c633640a059150", "cut off"),
    "X21 octets after the last": (IPV4_FLOWSPEC, "0120c633640a0581508151", "component type 129"),
    "X25 offset beyond length": (IPV6_FLOWSPEC, "012028", "offset 40"),
    "X26 length 129": (IPV6_FLOWSPEC, "0181" + "00" * 18, "length 129"),
    "X29 draft offset": (IPV6_FLOWSPEC, "0168400000000000000000123456789a", "component type 0"),
    "offset equals length": (IPV6_FLOWSPEC, "014040", "offset 64"),
    "prefix cut": (IPV4_FLOWSPEC, "0120c63364", "4 octets expected, 3 left"),
    "prefix length missing": (IPV4_FLOWSPEC, "01", "before its length"),
    "offset missing": (IPV6_FLOWSPEC, "0120", "before its length"),
    "operator missing": (IPV4_FLOWSPEC, "03", "marked as the last"),
    "three-octet TCP flags": (IPV4_FLOWSPEC, "09a100000002", "4 octets"),
    "DSCP 64": (IPV4_FLOWSPEC, "0b8140", "value 64"),
    "label 2^20": (IPV6_FLOWSPEC, "0da100100000", "value 1048576"),
    "protocol 256": (IPV4_FLOWSPEC, "03910100", "value 256"),
    "wide label": (IPV6_FLOWSPEC, "0db10000000000000001", "8 octets"),
    "packet length 99971": (IPV4_FLOWSPEC, "0aa100018683", "value 99971"),
}


@pytest.mark.parametrize("name", CONDEMNED)
def test_malformed_content_condemns_one_rule(name: str) -> None:
    family, octets, complaint = CONDEMNED[name]
    body = bytes.fromhex(octets)
    good = bytes.fromhex("0120c633640a")
    bodies = [body for _, body in split_bodies(b"".join(map(encode_nlri, (good, body, good))))]
    assert bodies == [good, body, good]
    with pytest.raises(WireError, match=complaint) as caught:
        decode_rule(body, family)
    assert 0 <= caught.value.offset <= len(body)
    assert (caught.value.code, caught.value.subcode) == (3, 10)


ACCEPTED = {
    "X09 host bits": (IPV4_FLOWSPEC, "0114c6336f", "dst 198.51.96.0/20"),
    "X12 two octets of flags": (IPV4_FLOWSPEC, "0120c633640a09910002", "=syn"),
    "X13 four-octet port": (IPV4_FLOWSPEC, "0120c633640a05a100000050", "dport 80"),
    "X14 eight-octet port": (IPV4_FLOWSPEC, "0120c633640a05b10000000000000050", "dport 80"),
    "X16 two-octet protocol": (IPV4_FLOWSPEC, "0120c633640a03910011", "proto udp"),
    "X17 AND on the first": (IPV4_FLOWSPEC, "0120c633640a05c150", "dport 80"),
    "X18 reserved bit": (IPV4_FLOWSPEC, "0120c633640a058950", "dport 80"),
    "X23 true": (IPV4_FLOWSPEC, "0120c633640a058750", "dport true(80)"),
    "X27 DF in IPv6": (IPV6_FLOWSPEC, "01800020010db80000000000000000000000010c8101", "=0x0"),
    "X28 offset": (IPV6_FLOWSPEC, "016840123456789a", "dst ::1234:5678:9a00:0/104/64"),
    "top nibble of flags": (IPV4_FLOWSPEC, "0991f002", "=syn"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_a_receiver_must_ignore_leaves_no_trace(name: str) -> None:
    family, octets, text = ACCEPTED[name]
    rule = decode_rule(bytes.fromhex(octets), family)
    assert text in format_rule(rule)
    again = encode_rule(rule)
    assert len(again) <= len(octets) // 2
    assert decode_rule(again, family) == rule


def test_an_operator_that_is_never_true_decodes_but_has_no_canonical_form() -> None:
    rule = decode_rule(bytes.fromhex("0120c633640a058050"), IPV4_FLOWSPEC)
    assert format_rule(rule) == "dst 198.51.100.10/32 dport false(80)"
    with pytest.raises(WireError, match="no value satisfies"):
        canonical(rule)


@pytest.mark.parametrize("kind", [k for k in Kind if k > Kind.SRC_PREFIX])
def test_every_component_type_refuses_a_value_cut_at_the_end(kind: Kind) -> None:
    for octets in (bytes((kind,)), bytes((kind, 0x81)), bytes((kind, 0x91, 0))):
        with pytest.raises(WireError, match=r"cut off|marked as the last"):
            decode_rule(octets, IPV6_FLOWSPEC)


def test_every_truncation_of_a_rule_with_everything_is_a_rule_or_an_error() -> None:
    """CVE-2025-43972: a parser that trusted twenty octets to be there."""
    body = encode_rule(
        parse_rule(
            "dst 198.51.100.0/24 src 203.0.113.0/25 proto udp port 53 dport 80 sport >1024"
            " icmp-type 8 icmp-code 0 tcp-flags =syn length >500 dscp 10 fragment is-fragment"
        )
    )
    whole = decode_rule(body, IPV4_FLOWSPEC).components
    for size in range(len(body)):
        try:
            rule = decode_rule(body[:size], IPV4_FLOWSPEC)
        except WireError:
            continue
        assert rule.components == whole[: len(rule.components)]


def test_rules_that_differ_in_one_late_octet_are_different() -> None:
    keys = {
        encode_rule(parse_rule(f"dst 198.51.100.10/32 proto udp dport 53 length {size}"))
        for size in range(600)
    }
    assert len(keys) == 600


def test_a_body_of_1000_octets() -> None:
    items = tuple(Item(EQ, port) for port in range(1000, 1330))
    rule = flowspec_rule(
        IPV4_FLOWSPEC,
        [
            NumericMatch(Kind.DST_PORT, items),
            prefix_match(Kind.DST_PREFIX, Prefix.parse("198.51.100.10")),
            numeric_match(Kind.PROTOCOL, [(17, 17)]),
        ],
    )
    nlri = encode_nlri(encode_rule(rule))
    digest = "9b9be05da6dcdfc842a4e21a6b6645d3763f3597020be1ca7bfd5551c1d98f1e"
    assert hashlib.sha256(nlri).hexdigest() == digest
    assert decode_rule(nlri[2:], IPV4_FLOWSPEC) == rule
    assert format_rule(canonical(rule)).endswith("dport 1000-1329")


def test_length_octets_at_their_borders() -> None:
    assert encode_nlri(bytes(239))[:2] == b"\xef\x00"
    assert encode_nlri(bytes(240))[:3] == b"\xf0\xf0\x00"
    assert encode_nlri(bytes(4095))[:3] == b"\xff\xff\x00"
    for size in (0, 4096):
        with pytest.raises(WireError, match="has no NLRI"):
            encode_nlri(bytes(size))
    nlri = bytes.fromhex("f0090120c633640a038111")  # two octets where one would do
    assert split_bodies(nlri) == [(2, nlri[2:])]


def test_too_many_operators_are_refused_both_ways() -> None:
    body = b"\x05" + b"\x01\x50" * 512 + b"\x81\x50"
    with pytest.raises(WireError, match="more than 512 operators"):
        decode_rule(body, IPV4_FLOWSPEC)
    items = tuple(Item(EQ, 80) for _ in range(513))
    with pytest.raises(WireError, match="513 operators"):
        encode_rule(FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.DST_PORT, items),)))
    with pytest.raises(WireError, match="the length field ends"):
        decode_rule(bytes(4096), IPV4_FLOWSPEC)


HOST = prefix_match(Kind.DST_PREFIX, Prefix.parse("192.0.2.1"))
REFUSED = {
    "no components": (FlowSpecRule(IPV4_FLOWSPEC, ()), "at least one component"),
    "unordered": (
        FlowSpecRule(IPV4_FLOWSPEC, (numeric_match(Kind.PROTOCOL, [(6, 6)]), HOST)),
        "ascending",
    ),
    "label in IPv4": (
        FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.FLOW_LABEL, (Item(EQ, 1),)),)),
        "no such component",
    ),
    "no operators": (FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.PORT, ()),)), "one operator"),
    "value": (
        FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.PORT, (Item(EQ, 65536),)),)),
        "outside 0..65535",
    ),
    "negative": (
        FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.PORT, (Item(EQ, -1),)),)),
        "outside 0..65535",
    ),
    "AND first": (
        FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.PORT, (Item(AND | GT, 1),)),)),
        "operator 0x42",
    ),
    "DF in IPv6": (
        FlowSpecRule(IPV6_FLOWSPEC, (BitmaskMatch(Kind.FRAGMENT, (Item(0, 1),)),)),
        "value 1",
    ),
    "host bits": (
        FlowSpecRule(IPV4_FLOWSPEC, (PrefixMatch(Kind.DST_PREFIX, 8, b"\x0a\x01"),)),
        "pattern 0a01",
    ),
    "prefix kind": (
        FlowSpecRule(IPV4_FLOWSPEC, (PrefixMatch(Kind.PORT, 8, b"\x0a"),)),
        "not a prefix component",
    ),
    "items kind": (
        FlowSpecRule(IPV4_FLOWSPEC, (NumericMatch(Kind.DST_PREFIX, (Item(EQ, 1),)),)),
        "no such component",
    ),
    "offset in IPv4": (
        FlowSpecRule(IPV4_FLOWSPEC, (prefix_pattern(Kind.DST_PREFIX, 16, 8, b"\x0a"),)),
        "invalid prefix of AFI 1",
    ),
    "IPv6 length in IPv4": (
        FlowSpecRule(IPV4_FLOWSPEC, (PrefixMatch(Kind.DST_PREFIX, 64, bytes(8)),)),
        "invalid prefix of AFI 1",
    ),
    "rd outside VPN": (FlowSpecRule(IPV4_FLOWSPEC, (HOST,), rd=bytes(8)), "VPN families"),
    "VPN without rd": (FlowSpecRule(IPV4_FLOWSPEC_VPN, (HOST,)), "VPN families"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_encoder_is_the_last_line(name: str) -> None:
    rule, complaint = REFUSED[name]
    with pytest.raises(WireError, match=complaint):
        encode_rule(rule)


def test_a_vpn_rule_keeps_its_route_distinguisher() -> None:
    body = bytes.fromhex("0000fde9000000640120c633640a038111")
    rule = decode_rule(body, IPV4_FLOWSPEC_VPN)
    assert format_rule(rule) == "rd 0000fde900000064 dst 198.51.100.10/32 proto udp"
    assert parse_rule(format_rule(rule)) == rule
    assert encode_rule(rule) == body
    for size in range(9):
        with pytest.raises(WireError, match=r"route distinguisher|without components"):
            decode_rule(body[:size], IPV4_FLOWSPEC_VPN)


def test_an_unknown_family_still_only_raises_wire_errors() -> None:
    with pytest.raises(WireError):
        decode_rule(bytes.fromhex("0e8101"), Family(25, 133))


def test_a_component_is_found_by_its_kind() -> None:
    rule = parse_rule("dst 192.0.2.1/32 proto udp")
    assert rule.component(Kind.DST_PREFIX) == HOST
    assert rule.component(Kind.DSCP) is None
