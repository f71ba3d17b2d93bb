"""What a FlowSpec rule means, taken from the outputs of programs that have no code in common.

A `Reading` maps the number of a component to what it lets through: a prefix as text, the values of
a field as ranges, the combinations of bits as a set. Two programs agree on a rule when their
readings are equal, whatever they print. Operators are evaluated here once more, as simply as can
be, because this is what the codec is measured against.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

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


# tshark -T json: duplicate keys, so it is loaded as lists of pairs

Pairs: TypeAlias = list[tuple[str, Any]]


def find(tree: Any, key: str) -> Iterator[Any]:
    """Values under a key at any depth of a tree of pairs."""
    if not isinstance(tree, list):
        return
    for each in tree:
        if isinstance(each, tuple):
            if each[0] == key:
                yield each[1]
            yield from find(each[1], key)
        else:
            yield from find(each, key)


def of_tshark(filters: Pairs) -> Reading:
    """From one `bgp.flowspec_nlri_tree`."""
    reading: Reading = {}
    for tree in find(filters, "bgp.flowspec_nlri.filter"):
        [kind] = [int(value) for value in find(tree, "bgp.flowspec_nlri.filter_type")]
        if kind < 3:
            name = next(name for name, value in tree if isinstance(value, list))
            reading[kind] = prefix(name)
            continue
        items: list[tuple[int, int]] = []
        operator = 0
        for name, value in tree:
            if name == "bgp.flowspec_nlri.opflags":
                operator = int(value, 16)
            elif isinstance(value, str) and name != "bgp.flowspec_nlri.filter_type":
                items.append((operator, int(value, 0)))
        reading[kind] = from_operators(kind, items)
    return reading


# gobgp global rib -j


def of_gobgp(nlri: dict[str, Any]) -> Reading:
    reading: Reading = {}
    for each in nlri["value"]:
        kind, value = each["type"], each["value"]
        if kind < 3:
            reading[kind] = prefix(value["prefix"])
        else:
            items = [(item["op"], item.get("value", 0)) for item in value]
            reading[kind] = from_operators(kind, items)
    return reading


# exabgp --decode

_EXABGP_KINDS = {
    "destination-ipv4": 1,
    "destination-ipv6": 1,
    "source-ipv4": 2,
    "source-ipv6": 2,
    "protocol": 3,
    "next-header": 3,
    "port": 4,
    "destination-port": 5,
    "source-port": 6,
    "icmp-type": 7,
    "icmp-code": 8,
    "tcp-flags": 9,
    "packet-length": 10,
    "dscp": 11,
    "traffic-class": 11,
    "fragment": 12,
    "flow-label": 13,
}
_NAMES = {
    "icmp": 1,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "echo-reply": 0,
    "unreachable": 3,
    "echo-request": 8,
    "time-exceeded": 11,
}
_TCP_BITS = {"fin": 1, "syn": 2, "rst": 4, "push": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
_FRAGMENT_BITS = {"dont-fragment": 1, "is-fragment": 2, "first-fragment": 4, "last-fragment": 8}


def of_exabgp(flow: dict[str, Any]) -> Reading:
    reading: Reading = {}
    for name, values in flow.items():
        kind = _EXABGP_KINDS.get(name)
        if kind is None:
            assert name in ("string", "rd"), name
            continue
        if kind < 3:
            reading[kind] = prefix(values[0])
            continue
        if kind in BITS:
            values = _exabgp_words(name, flow["string"])
        terms = [[_exabgp_test(kind, test) for test in term.split("&")] for term in values]
        reading[kind] = component(kind, terms)
    return reading


def _exabgp_words(name: str, line: str) -> list[str]:
    """Bits from the line of text: the JSON beside it takes "none of" apart into alternatives."""
    found = re.search(rf" {name} (?:\[ (.*?) \]|(\S+))", line)
    assert found, line
    return (found[1] or found[2]).split(" ")


def _exabgp_test(kind: int, text: str) -> Test:
    if kind in BITS:
        found = re.fullmatch(r"(!?)(=?)(.+)", text)
        assert found, text
        names = _TCP_BITS if kind == 9 else _FRAGMENT_BITS
        mask = sum(names[name] for name in found[3].split("+"))
        return MASKS[2 * bool(found[1]) + bool(found[2])], mask
    found = re.fullmatch(r"(!=|>=|<=|=|<|>)(.*)", text)
    assert found, text
    number = re.search(r"\d+$", found[2])
    return found[1], int(number[0]) if number else _NAMES[found[2]]


# birdc show route: flow4 { dst 198.51.100.10/32; proto 17; dport 53,1024..2047; }

_BIRD_KINDS = {
    "dst": 1,
    "src": 2,
    "proto": 3,
    "next header": 3,
    "port": 4,
    "dport": 5,
    "sport": 6,
    "icmp type": 7,
    "icmp code": 8,
    "tcp flags": 9,
    "length": 10,
    "dscp": 11,
    "fragment": 12,
    "label": 13,
}
_BIRD_PART = re.compile(rf"({'|'.join(_BIRD_KINDS)})\s+(.*)")


def of_bird(text: str) -> Reading:
    """The words between the braces."""
    reading: Reading = {}
    for part in filter(None, (word.strip() for word in text.split(";"))):
        found = _BIRD_PART.fullmatch(part)
        assert found, part
        kind, value = _BIRD_KINDS[found[1]], found[2]
        if kind < 3:
            reading[kind] = prefix(value)
        elif kind in BITS:
            alternatives = value.split("||")
            terms = [[_bird_bits(kind, test) for test in each.split("&&")] for each in alternatives]
            reading[kind] = component(kind, terms)
        else:
            reading[kind] = component(kind, list(_bird_terms(value)))
    return reading


def _bird_terms(value: str) -> Iterator[list[Test]]:
    for term in re.split(r",|\|\|", value):
        tests: list[Test] = []
        for test in term.split("&&"):
            low, dots, high = test.strip().partition("..")
            if dots:
                tests += [(">=", int(low)), ("<=", int(high))]
                continue
            found = re.fullmatch(r"(!=|>=|<=|=|<|>)?\s*(\d+)", low)
            assert found, test
            tests.append((found[1] or "=", int(found[2])))
        yield tests


def _bird_bits(kind: int, text: str) -> Test:
    """`0x2/0x2` all of them set, `0x0/0x6` none of them, `!` the opposite; or the name of a bit."""
    found = re.fullmatch(r"(!*)(.+)", text.strip())
    assert found, text
    negated = len(found[1]) % 2 == 1
    named = {name.replace("-", "_"): bit for name, bit in _FRAGMENT_BITS.items()}
    if found[2] in named:
        return "notall" if negated else "all", named[found[2]]
    value, mask = (int(number, 16) for number in found[2].split("/"))
    assert value in (0, mask), text
    if value:
        return "notall" if negated else "all", mask
    return "any" if negated else "none", mask
