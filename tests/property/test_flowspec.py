"""What holds for every rule, and for every string of octets that claims to be one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import (
    FlowSpecRule,
    decode_rule,
    encode_nlri,
    encode_rule,
    flowspec_rule,
    split_bodies,
)
from prefixd.bgp.wire.flowspec_canonical import canonical, order_key
from prefixd.bgp.wire.flowspec_match import (
    AND,
    BITMASK_KINDS,
    EQ,
    GT,
    LT,
    MAXIMUM,
    BitmaskMatch,
    Item,
    Kind,
    PrefixMatch,
    bitmask_holds,
    numeric_items,
    numeric_ranges,
)
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_FLOWSPEC_VPN,
    IPV6_FLOWSPEC,
    IPV6_FLOWSPEC_VPN,
    Family,
)
from prefixd.bgp.wire.packing import pack_announcements, pack_withdrawals
from tests.kit.rules import bit_lists, numeric_lists, rules

FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_FLOWSPEC_VPN, IPV6_FLOWSPEC_VPN)
NUMERIC_KINDS = sorted(set(MAXIMUM) - BITMASK_KINDS)


@given(rules())
def test_octets_bring_back_the_rule(rule: FlowSpecRule) -> None:
    assert decode_rule(encode_rule(rule), rule.family) == rule


@given(rules())
def test_text_brings_back_the_rule(rule: FlowSpecRule) -> None:
    assert parse_rule(format_rule(rule)) == rule


def _matches_nothing(rule: FlowSpecRule) -> bool:
    return any(
        not isinstance(c, PrefixMatch | BitmaskMatch)
        and not numeric_ranges(c.items, MAXIMUM[c.kind])
        for c in rule.components
    )


@given(rules())
def test_the_canonical_form_is_a_fixed_point_or_impossible(rule: FlowSpecRule) -> None:
    try:
        once = canonical(rule)
    except WireError:
        assert _matches_nothing(rule)
        return
    assert canonical(once) == once
    assert decode_rule(encode_rule(once), rule.family) == once


@given(rules(), st.randoms(use_true_random=False))
def test_the_order_of_components_and_terms_does_not_matter(
    rule: FlowSpecRule, chance: st.DataObject
) -> None:
    shuffled = list(rule.components)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # because st.randoms is typed loosely
    assert flowspec_rule(rule.family, shuffled) == rule


def _number_holds(items: tuple[Item, ...], value: int) -> bool:
    """RFC 8955 4.2.1.1 word for word: evaluate left to right, AND before OR."""
    result, term = False, True
    for index, (op, wanted) in enumerate(items):
        hit = (
            (bool(op & LT) and value < wanted)
            or (bool(op & GT) and value > wanted)
            or (bool(op & EQ) and value == wanted)
        )
        if index and not op & AND:
            result, term = result or term, True
        term = term and hit
    return result or term


@given(st.data(), st.sampled_from(NUMERIC_KINDS))
def test_ranges_say_what_the_operators_say(data: st.DataObject, kind: Kind) -> None:
    items = data.draw(numeric_lists(kind))
    ranges = numeric_ranges(items, MAXIMUM[kind])
    edges = {v for item in items for v in (item.value - 1, item.value, item.value + 1)}
    edges |= {0, MAXIMUM[kind], data.draw(st.integers(0, MAXIMUM[kind]))}
    for value in {edge for edge in edges if 0 <= edge <= MAXIMUM[kind]}:
        inside = any(low <= value <= high for low, high in ranges)
        assert inside == _number_holds(items, value), (items, value)
    if ranges:
        again = numeric_items(ranges, MAXIMUM[kind])
        assert numeric_ranges(again, MAXIMUM[kind]) == ranges


@given(bit_lists(Kind.TCP_FLAGS, 1), st.integers(0, 0xFFF))
def test_sorting_bit_tests_keeps_their_meaning(items: tuple[Item, ...], flags: int) -> None:
    rule = FlowSpecRule(IPV4_FLOWSPEC, (BitmaskMatch(Kind.TCP_FLAGS, items),))
    [component] = canonical(rule).components
    assert isinstance(component, BitmaskMatch)
    assert bitmask_holds(component.items, flags) == bitmask_holds(items, flags)


@given(st.lists(rules(), max_size=6), st.randoms(use_true_random=False))
def test_router_order_is_total_and_ignores_the_input_order(
    some: list[FlowSpecRule], chance: st.DataObject
) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # because st.randoms is typed loosely
    assert sorted(some, key=order_key) == sorted(shuffled, key=order_key)
    for one in some:
        for other in some:
            if one.family == other.family:
                same = encode_rule(one) == encode_rule(other)
                assert (order_key(one) == order_key(other)) == same


@settings(max_examples=400)
@given(st.binary(max_size=64), st.sampled_from(FAMILIES))
def test_any_octets_give_a_rule_or_a_wire_error(octets: bytes, family: Family) -> None:
    _decodes_or_refuses(octets, family)


@settings(max_examples=400)
@given(rules(), st.data())
def test_mutated_rules_give_a_rule_or_a_wire_error(rule: FlowSpecRule, data: st.DataObject) -> None:
    octets = bytearray(encode_rule(rule))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    _decodes_or_refuses(bytes(octets[:cut]), rule.family)


def _decodes_or_refuses(octets: bytes, family: Family) -> None:
    try:
        rule = decode_rule(octets, family)
    except WireError as error:
        place, answer = error.offset, (error.code, error.subcode)
    else:
        assert parse_rule(format_rule(rule)) == rule
        assert decode_rule(encode_rule(rule), rule.family) == rule
        order_key(rule)
        return
    assert 0 <= place <= len(octets)
    assert answer == (3, 10)


@given(st.binary(max_size=300))
def test_splitting_never_reads_outside_the_list(octets: bytes) -> None:
    try:
        bodies = split_bodies(octets)
    except WireError as error:
        place = error.offset
    else:
        assert all(octets[start : start + len(body)] == body for start, body in bodies)
        return
    assert 0 <= place <= len(octets)


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_concatenated_nlri_split_into_the_same_bodies(bodies: list[bytes]) -> None:
    octets = b"".join(encode_nlri(body) for body in bodies)
    assert [body for _, body in split_bodies(octets)] == bodies


@given(
    st.lists(st.binary(min_size=1, max_size=600).map(encode_nlri), max_size=60),
    st.binary(max_size=200),
    st.sampled_from([1024, 4096]),
    st.booleans(),
)
def test_packing_loses_nothing_and_stays_within_the_limit(
    nlri: list[bytes], attributes: bytes, limit: int, withdraw: bool
) -> None:
    if withdraw:
        messages = pack_withdrawals(nlri, family=IPV4_FLOWSPEC, max_message=limit)
    else:
        messages = pack_announcements(
            nlri, family=IPV4_FLOWSPEC, attributes=attributes, max_message=limit
        )
    assert all(len(message) <= limit for message in messages)
    assert all(int.from_bytes(m[16:18], "big") == len(m) for m in messages)
    found = b"".join(_nlri_of(message, withdraw) for message in messages)
    assert found == b"".join(nlri)


def _nlri_of(message: bytes, withdraw: bool) -> bytes:
    assert message[18] == 2
    assert message[19:21] == b"\0\0"
    flags, code = message[23], message[24]
    assert code == (15 if withdraw else 14)
    if flags & 0x10:
        start, size = 27, int.from_bytes(message[25:27], "big")
    else:
        start, size = 26, message[25]
    return message[start + (3 if withdraw else 5) : start + size]
