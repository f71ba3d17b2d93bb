"""FlowSpec rules to test with: hypothesis strategies, and a seeded generator for daemons.

`rules()` covers everything that has an encoding, however odd. `plausible_rules(seed, count)` yields
what a mitigation would announce: rules that any router with decent FlowSpec support accepts.
"""

import random
from collections.abc import Iterator

from hypothesis import strategies as st

from prefixd.bgp.wire.flowspec import FlowSpecRule, flowspec_rule
from prefixd.bgp.wire.flowspec_match import (
    ALL,
    AND,
    BITMASK_KINDS,
    EQ,
    GT,
    LT,
    MAXIMUM,
    NOT,
    PREFIX_KINDS,
    BitmaskMatch,
    Component,
    Item,
    Kind,
    NumericMatch,
    PrefixMatch,
    field_bits,
    numeric_match,
    prefix_match,
    prefix_pattern,
)
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, Prefix, address_bits


@st.composite
def prefixes(draw: st.DrawFn, afi: int) -> Prefix:
    bits = address_bits(afi)
    length = draw(st.integers(0, bits))
    return Prefix.of(afi, length, draw(st.binary(min_size=bits // 8, max_size=bits // 8)))


@st.composite
def prefix_matches(draw: st.DrawFn, kind: Kind, afi: int) -> PrefixMatch:
    if afi == AFI_IPV6 and draw(st.booleans()):
        length = draw(st.integers(1, 128))
        offset = draw(st.integers(0, length - 1))
        return prefix_pattern(kind, length, offset, draw(st.binary(min_size=16, max_size=16)))
    return prefix_match(kind, draw(prefixes(afi)))


def numeric_lists(kind: Kind) -> st.SearchStrategy[tuple[Item, ...]]:
    operators = st.sampled_from([EQ, GT, GT | EQ, LT, LT | EQ, LT | GT, 0, LT | GT | EQ])
    return _lists(operators, st.integers(0, MAXIMUM[kind]))


def bit_lists(kind: Kind, afi: int) -> st.SearchStrategy[tuple[Item, ...]]:
    operators = st.sampled_from([0, NOT, ALL, NOT | ALL])
    bits = field_bits(kind, afi)
    return _lists(operators, st.integers(0, bits).map(lambda value: value & bits))


def _lists(
    operators: st.SearchStrategy[int], values: st.SearchStrategy[int]
) -> st.SearchStrategy[tuple[Item, ...]]:
    items = st.builds(
        lambda op, joined, value: Item(op | joined, value),
        operators,
        st.sampled_from([0, 0, AND]),
        values,
    )
    return st.lists(items, min_size=1, max_size=6).map(
        lambda found: (Item(found[0].op & ~AND, found[0].value), *found[1:])
    )


@st.composite
def rules(draw: st.DrawFn) -> FlowSpecRule:
    """Any rule with an encoding, canonical or not."""
    afi = draw(st.sampled_from([AFI_IPV4, AFI_IPV6]))
    possible = [kind for kind in Kind if kind is not Kind.FLOW_LABEL or afi == AFI_IPV6]
    kinds = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=6, unique=True))
    components: list[Component] = []
    for kind in kinds:
        if kind in PREFIX_KINDS:
            components.append(draw(prefix_matches(kind, afi)))
        elif kind in BITMASK_KINDS:
            components.append(BitmaskMatch(kind, draw(bit_lists(kind, afi))))
        else:
            components.append(NumericMatch(kind, draw(numeric_lists(kind))))
    return flowspec_rule(Family(afi, IPV4_FLOWSPEC.safi), components)


def plausible_rules(seed: int, count: int, afi: int | None = None) -> Iterator[FlowSpecRule]:
    """`count` different rules; the same seed gives the same rules."""
    chance = random.Random(seed)
    for index in range(count):
        version = afi or chance.choice((AFI_IPV4, AFI_IPV6))
        yield _plausible_rule(chance, version, index)


def _plausible_rule(chance: random.Random, afi: int, index: int) -> FlowSpecRule:
    if afi == AFI_IPV4:
        address = (198 << 24 | 18 << 16 | index & 0x1FFFF).to_bytes(4, "big")
    else:
        address = (0x2001_0DB8 << 96 | index).to_bytes(16, "big")
    protocol = chance.choice((6, 17, 58 if afi == AFI_IPV6 else 1))
    components: list[Component] = [
        prefix_match(Kind.DST_PREFIX, Prefix.of(afi, address_bits(afi), address)),
        numeric_match(Kind.PROTOCOL, [(protocol, protocol)]),
    ]
    if chance.random() < 0.2:
        source = Prefix.of(afi, chance.randint(8, address_bits(afi)), chance.randbytes(16))
        components.append(prefix_match(Kind.SRC_PREFIX, source))
    if protocol in (6, 17):
        components.append(numeric_match(Kind.DST_PORT, _ports(chance)))
        if chance.random() < 0.3:
            components.append(numeric_match(Kind.SRC_PORT, _ports(chance)))
    else:
        kind = chance.choice((0, 3, 8, 11, 128, 129))
        components.append(numeric_match(Kind.ICMP_TYPE, [(kind, kind)]))
    if protocol == 6 and chance.random() < 0.3:
        components.append(BitmaskMatch(Kind.TCP_FLAGS, (Item(ALL, 0x02), Item(AND | NOT, 0x10))))
    if chance.random() < 0.2:
        low = chance.randint(0, 1400)
        components.append(numeric_match(Kind.PACKET_LENGTH, [(low, low + chance.randint(1, 100))]))
    if chance.random() < 0.1:
        components.append(numeric_match(Kind.DSCP, [(46, 46)]))
    return flowspec_rule(IPV4_FLOWSPEC if afi == AFI_IPV4 else IPV6_FLOWSPEC, components)


def _ports(chance: random.Random) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for _ in range(chance.randint(1, 2)):
        low = chance.randint(1, 65000)
        ranges.append((low, low + chance.choice((0, 0, 10, 500))))
    return ranges
