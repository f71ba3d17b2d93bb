"""What a FlowSpec rule means, taken from the outputs of programs that have no code in common.

A `Reading` maps the number of a component to what it lets through: a prefix as text, the values of
a field as ranges, the combinations of bits as a set. Two programs agree on a rule when their
readings are equal, whatever they print. Operators are evaluated here once more, as simply as can
be, because this is what the codec is measured against.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_match import PrefixMatch
from prefixd.bgp.wire.flowspec_text import format_component

Ranges: TypeAlias = tuple[tuple[int, int], ...]
Reading: TypeAlias = dict[int, str | Ranges | frozenset[int]]
Test: TypeAlias = tuple[str, int]
"""A comparison sign and a number, or for bits one of `any all none notall` and a mask."""

MAXIMUM = {3: 255, 4: 65535, 5: 65535, 6: 65535, 7: 255, 8: 255, 10: 65535, 11: 63, 13: 0xFFFFF}
BITS = {9: 255, 12: 15}
SIGNS = {0: "false", 1: "=", 2: ">", 3: ">=", 4: "<", 5: "<=", 6: "!=", 7: "true"}
MASKS = {0: "any", 1: "all", 2: "none", 3: "notall"}


def prefix(text: str) -> str:
    """One spelling for every spelling; a third part is the offset of IPv6, which must be 0."""
    parts = text.split("/")
    assert parts[2:] in ([], ["0"]), text
    return str(ipaddress.ip_network("/".join(parts[:2])))


def ranges(terms: Iterable[list[Test]], maximum: int) -> Ranges:
    """Terms are alternatives, the tests of one term hold together."""
    found: list[tuple[int, int]] = []
    for term in terms:
        kept = [(0, maximum)]
        for sign, value in term:
            allowed = _allowed(sign, value, maximum)
            kept = [
                (max(low, first), min(high, last))
                for low, high in kept
                for first, last in allowed
                if max(low, first) <= min(high, last)
            ]
        found += kept
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _allowed(sign: str, value: int, maximum: int) -> Ranges:
    spans = {
        "=": ((value, value),),
        "!=": ((0, value - 1), (value + 1, maximum)),
        "<": ((0, value - 1),),
        "<=": ((0, value),),
        ">": ((value + 1, maximum),),
        ">=": ((value, maximum),),
        "true": ((0, maximum),),
        "false": (),
    }[sign]
    return tuple((low, high) for low, high in spans if low <= high)


def bits(terms: Iterable[list[Test]], width: int) -> frozenset[int]:
    """Every combination of bits that some term lets through."""
    lists = list(terms)
    return frozenset(
        flags
        for flags in range(width + 1)
        if any(all(_holds(sign, mask, flags) for sign, mask in term) for term in lists)
    )


def _holds(sign: str, mask: int, flags: int) -> bool:
    match sign:
        case "any":
            return flags & mask != 0
        case "none":
            return flags & mask == 0
        case "all":
            return flags & mask == mask
        case _:
            return flags & mask != mask


def component(kind: int, terms: Iterable[list[Test]]) -> Ranges | frozenset[int]:
    return bits(terms, BITS[kind]) if kind in BITS else ranges(terms, MAXIMUM[kind])


def from_operators(kind: int, items: Iterable[tuple[int, int]]) -> Ranges | frozenset[int]:
    """Operator octets as on the wire (RFC 8955 4.2.1): 0x40 is AND, the rest depends on kind."""
    terms: list[list[Test]] = []
    for operator, value in items:
        test = (MASKS[operator & 3] if kind in BITS else SIGNS[operator & 7], value)
        if operator & 0x40 and terms:
            terms[-1].append(test)
        else:
            terms.append([test])
    return component(kind, terms)


def of_rule(rule: FlowSpecRule) -> Reading:
    """Our own rule."""
    reading: Reading = {}
    for each in rule.components:
        if isinstance(each, PrefixMatch):
            reading[each.kind] = prefix(format_component(each, rule.family.afi))
        else:
            reading[each.kind] = from_operators(each.kind, each.items)
    return reading
