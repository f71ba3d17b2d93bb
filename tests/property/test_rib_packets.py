"""Packets decide: whatever is done to a rule, it must go on matching exactly the same ones."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.bgp.rib.overlap import Packet, matches, may_share_a_packet
from prefixd.bgp.rib.router_profile import GENERIC, PROFILES, OffsetForm, Profile
from prefixd.bgp.rib.split_rule import Unfit, fit
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_rule
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_match import (
    BITMASK_KINDS,
    MAXIMUM,
    Kind,
    NumericMatch,
    PrefixMatch,
    numeric_ranges,
)
from tests.kit.rules import rules

NARROW: Profile = replace(
    GENERIC,
    name="narrow",
    max_items=2,
    max_ranges=1,
    max_body=40,
    port_with_dport=False,
    needs_destination=False,
    components_v4=GENERIC.components_v4 - {Kind.PORT},
    tcp_flags=0xFFF,
    ipv6_offset=OffsetForm.RFC8956,
    max_parts=200,
)


@st.composite
def packets_near(draw: st.DrawFn, rule: FlowSpecRule) -> Packet:
    """A packet that has a fair chance to be matched: values come from the rule's own edges."""
    afi = rule.family.afi
    bits = 32 if afi == 1 else 128

    def address(kind: Kind) -> int:
        match = rule.component(kind)
        noise = draw(st.integers(0, (1 << bits) - 1))
        if not isinstance(match, PrefixMatch) or draw(st.booleans()):
            return noise
        size = match.length - match.offset
        pattern = int.from_bytes(match.pattern, "big") >> (-size & 7)
        shift = bits - match.length
        return noise & ~(((1 << size) - 1) << shift) | pattern << shift

    def number(*kinds: Kind) -> int:
        edges: set[int] = {0, MAXIMUM[kinds[0]]}
        for kind in kinds:
            match = rule.component(kind)
            if isinstance(match, NumericMatch):
                for low, high in numeric_ranges(match.items, MAXIMUM[kind]):
                    edges |= {low, high, max(0, low - 1), min(MAXIMUM[kind], high + 1)}
        return draw(st.sampled_from(sorted(edges)))

    ports = draw(st.booleans())
    return Packet(
        afi=afi,
        dst=address(Kind.DST_PREFIX),
        src=address(Kind.SRC_PREFIX),
        protocol=number(Kind.PROTOCOL),
        dst_port=number(Kind.DST_PORT, Kind.PORT) if ports else None,
        src_port=number(Kind.SRC_PORT, Kind.PORT) if ports else None,
        icmp_type=number(Kind.ICMP_TYPE),
        icmp_code=number(Kind.ICMP_CODE),
        tcp_flags=draw(st.integers(0, 0xFFF)),
        length=number(Kind.PACKET_LENGTH),
        dscp=number(Kind.DSCP),
        fragment=draw(st.integers(0, 15)),
        flow_label=number(Kind.FLOW_LABEL) if afi == 2 else 0,
    )


@settings(max_examples=50)
@given(st.data())
def test_parts_match_exactly_what_the_whole_matches(data: st.DataObject) -> None:
    rule = data.draw(rules())
    parts = fit(rule, NARROW)
    if isinstance(parts, Unfit):
        return
    for part in parts:
        assert len(encode_rule(part)) <= NARROW.max_body
        for component in part.components:
            if not isinstance(component, PrefixMatch):
                assert len(component.items) <= NARROW.max_items
    packet = data.draw(packets_near(rule))
    assert matches(rule, packet) == any(matches(part, packet) for part in parts)


@settings(max_examples=50)
@given(st.data())
def test_the_canonical_form_matches_the_same_packets(data: st.DataObject) -> None:
    rule = data.draw(rules())
    packet = data.draw(packets_near(rule))
    try:
        same = canonical(rule)
    except WireError:
        assert not matches(rule, packet)
        return
    assert matches(rule, packet) == matches(same, packet)


@settings(max_examples=50)
@given(st.data())
def test_a_packet_in_both_rules_means_they_overlap(data: st.DataObject) -> None:
    one, other = data.draw(rules()), data.draw(rules())
    assert may_share_a_packet(one, other) == may_share_a_packet(other, one)
    packet = data.draw(packets_near(one))
    if matches(one, packet) and matches(other, packet):
        assert may_share_a_packet(one, other)


@settings(max_examples=50)
@given(rules(), st.sampled_from(sorted(PROFILES)))
def test_every_profile_splits_within_its_limits_or_says_why_not(
    rule: FlowSpecRule, name: str
) -> None:
    profile = PROFILES[name]
    parts = fit(rule, profile)
    if isinstance(parts, Unfit):
        assert parts.detail
        return
    assert 1 <= len(parts) <= profile.max_parts
    supported = profile.components_v4 if rule.family.afi == 1 else profile.components_v6
    for part in parts:
        assert {component.kind for component in part.components} <= supported
        assert len(encode_rule(part)) <= profile.max_body
        for component in part.components:
            if not isinstance(component, PrefixMatch):
                assert len(component.items) <= profile.max_items
                if component.kind in BITMASK_KINDS and component.kind is Kind.TCP_FLAGS:
                    assert all(not item.value & ~profile.tcp_flags for item in component.items)
