"""How tshark, GoBGP, ExaBGP, FRR and BIRD print a FlowSpec rule, each turned into a `Reading`.

Only what our rules can make them print is understood; anything else fails the test that met it.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from tests.kit.readings import BITS, MASKS, Reading, Test, component, from_operators, prefix

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


# show bgp ipv4 flowspec json

_FRR_KINDS = {
    "to": 1,
    "from": 2,
    "proto": 3,
    "port": 4,
    "dstp": 5,
    "srcp": 6,
    "type": 7,
    "code": 8,
    "tcp": 9,
    "pktlen": 10,
    "dscp": 11,
    "pktfrag": 12,
    "flwlbl": 13,
}


def of_frr(route: dict[str, Any]) -> Reading:
    """FRR prints AND and OR of numbers alike; a lower bound before an upper one is a range."""
    reading: Reading = {}
    for name, kind in _FRR_KINDS.items():
        value = route.get(name)
        if value is None:
            continue
        if kind < 3:
            reading[kind] = prefix(value.replace("off ", ""))
        elif kind in BITS:
            terms = [[_frr_bits(test) for test in term.split(",&")] for term in value.split(",|")]
            reading[kind] = component(kind, terms)
        else:
            reading[kind] = component(kind, _frr_terms(value))
    return reading


def _frr_terms(value: str) -> list[list[Test]]:
    terms: list[list[Test]] = []
    for test in value.split(","):
        sign, number = test.split()
        if sign == "<=" and terms and terms[-1][-1][0] == ">=":
            terms[-1].append((sign, int(number)))
        else:
            terms.append([(sign, int(number))])
    return terms


def _frr_bits(text: str) -> Test:
    found = re.fullmatch(r"(=|∋) (! )?(\d+)", text.strip())
    assert found, text
    return MASKS[2 * bool(found[2]) + (found[1] == "=")], int(found[3])


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
