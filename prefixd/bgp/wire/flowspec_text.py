"""A FlowSpec rule as one line of text, and back.

    dst 192.0.2.1/32 proto udp dport 53,1024-2047 fragment is-fragment
    ipv6 proto tcp tcp-flags =syn&!ack length >=512
    dst 2001:db8::/104/64 proto 58 icmp-type 128

    rule     = ["ipv4" | "ipv6"] ["rd" hex] 1*(name value)
    value    = term *("," term)                ; any of the terms
    term     = test *("&" test)                ; all of the tests
    test     = number | number "-" number | ("=" "!=" "<" "<=" ">" ">=") number
             | "true" | "false"                ; ports, protocols, lengths, ...
             | ["!"] ["="] bits                ; tcp-flags and fragment
    bits     = name *("|" name)                ; any of these bits
             | "=" name *("+" name)            ; all of these bits

The line says exactly what the operators say, so that `parse_rule(format_rule(rule)) == rule` for
every rule that decodes; it does not canonicalise. The family comes from the first address, or from
the leading word where there is none. Errors name the word that was not understood.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from prefixd.bgp.wire.errors import WireError
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
    groups,
    prefix_pattern,
)
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_FLOWSPEC_VPN,
    IPV6_FLOWSPEC,
    IPV6_FLOWSPEC_VPN,
    Family,
)
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, Prefix, format_address, parse_address

KIND_NAMES: Final = {
    Kind.DST_PREFIX: "dst",
    Kind.SRC_PREFIX: "src",
    Kind.PROTOCOL: "proto",
    Kind.PORT: "port",
    Kind.DST_PORT: "dport",
    Kind.SRC_PORT: "sport",
    Kind.ICMP_TYPE: "icmp-type",
    Kind.ICMP_CODE: "icmp-code",
    Kind.TCP_FLAGS: "tcp-flags",
    Kind.PACKET_LENGTH: "length",
    Kind.DSCP: "dscp",
    Kind.FRAGMENT: "fragment",
    Kind.FLOW_LABEL: "flow-label",
}
PROTOCOL_NAMES: Final = {
    1: "icmp",
    2: "igmp",
    6: "tcp",
    17: "udp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmp6",
    89: "ospf",
    132: "sctp",
}
TCP_FLAG_NAMES: Final = {
    0x01: "fin",
    0x02: "syn",
    0x04: "rst",
    0x08: "psh",
    0x10: "ack",
    0x20: "urg",
    0x40: "ece",
    0x80: "cwr",
    0x100: "ns",
}
FRAGMENT_NAMES: Final = {
    0x01: "dont-fragment",
    0x02: "is-fragment",
    0x04: "first-fragment",
    0x08: "last-fragment",
}

_KINDS: Final = {name: kind for kind, name in KIND_NAMES.items()}
_PROTOCOLS: Final = {name: number for number, name in PROTOCOL_NAMES.items()}
_BIT_NAMES: Final = {Kind.TCP_FLAGS: TCP_FLAG_NAMES, Kind.FRAGMENT: FRAGMENT_NAMES}
_BITS: Final = {
    kind: {name: bit for bit, name in names.items()} for kind, names in _BIT_NAMES.items()
}
_COMPARISONS: Final = {
    EQ: "",
    GT: ">",
    GT | EQ: ">=",
    LT: "<",
    LT | EQ: "<=",
    LT | GT: "!=",
}
_TRUE: Final = LT | GT | EQ
_OPERATORS: Final = {sign: op for op, sign in _COMPARISONS.items()} | {"=": EQ, "==": EQ}
_TEST: Final = re.compile(r"(==|=|!=|<=|>=|<|>|)([0-9a-z]+)", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,10}|0x[0-9a-f]{1,8}", re.ASCII)
_RD: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_VPN: Final = {IPV4_FLOWSPEC: IPV4_FLOWSPEC_VPN, IPV6_FLOWSPEC: IPV6_FLOWSPEC_VPN}


# Rule to text


def format_rule(rule: FlowSpecRule) -> str:
    words: list[str] = []
    if not any(isinstance(component, PrefixMatch) for component in rule.components):
        words.append("ipv6" if rule.family.afi == AFI_IPV6 else "ipv4")
    if rule.rd:
        words += ["rd", rule.rd.hex()]
    for component in rule.components:
        words += [KIND_NAMES[component.kind], format_component(component, rule.family.afi)]
    return " ".join(words)


def format_component(component: Component, afi: int) -> str:
    if isinstance(component, PrefixMatch):
        return _format_prefix(component, afi)
    test: Callable[[list[Item]], Iterator[str]] = (
        _bit_tests(_BIT_NAMES[component.kind])
        if isinstance(component, BitmaskMatch)
        else _number_tests(PROTOCOL_NAMES if component.kind is Kind.PROTOCOL else {})
    )
    return ",".join("&".join(test(term)) for term in groups(component.items))


def _format_prefix(match: PrefixMatch, afi: int) -> str:
    shift = match.offset & 7
    pattern = int.from_bytes(match.pattern, "big") << (8 - shift)
    octets = bytes(match.offset >> 3) + pattern.to_bytes(len(match.pattern) + 1, "big")
    text = f"{format_address(afi, octets[: 16 if afi == AFI_IPV6 else 4])}/{match.length}"
    return f"{text}/{match.offset}" if match.offset else text


def _number_tests(names: dict[int, str]) -> Callable[[list[Item]], Iterator[str]]:
    def tests(term: list[Item]) -> Iterator[str]:
        index = 0
        while index < len(term):
            op, value = term[index].op & ~AND, term[index].value
            index += 1
            if op == GT | EQ and index < len(term):
                closing = term[index]
                if closing.op & ~AND == LT | EQ and closing.value > value:
                    yield f"{value}-{closing.value}"
                    index += 1
                    continue
            if op in _COMPARISONS:
                yield _COMPARISONS[op] + (names.get(value) or str(value))
            else:
                yield ("true" if op == _TRUE else "false") + (f"({value})" if value else "")

    return tests


def _bit_tests(names: dict[int, str]) -> Callable[[list[Item]], Iterator[str]]:
    def tests(term: list[Item]) -> Iterator[str]:
        for op, mask in term:
            known = [name for bit, name in names.items() if mask & bit]
            rest = mask & ~sum(names)
            if rest or not known:
                known.append(f"0x{rest:x}")
            yield ("!" if op & NOT else "") + (
                f"={'+'.join(known)}" if op & ALL else "|".join(known)
            )

    return tests


# Text to rule


def parse_rule(text: str) -> FlowSpecRule:
    """ValueError names the first word that is not understood, or what is wrong with the rule."""
    words = iter(text.lower().split())
    family: Family | None = None
    rd = b""
    pending: list[tuple[Kind, str]] = []
    for word in words:
        if word in ("ipv4", "ipv6") and not pending:
            family = IPV6_FLOWSPEC if word == "ipv6" else IPV4_FLOWSPEC
            continue
        value = next(words, None)
        if value is None:
            raise ValueError(f"{word!r} lacks a value")
        if word == "rd":
            if not _RD.fullmatch(value):
                raise ValueError(f"{value!r} is not a route distinguisher of 16 hex digits")
            rd = bytes.fromhex(value)
        elif word in _KINDS:
            pending.append((_KINDS[word], value))
        else:
            raise ValueError(f"{word!r} is not a component; known: {', '.join(_KINDS)}")
    components: list[Component] = []
    for kind, value in pending:
        if kind in PREFIX_KINDS:
            afi, component = _parse_prefix(kind, value)
            found = IPV6_FLOWSPEC if afi == AFI_IPV6 else IPV4_FLOWSPEC
            if family not in (None, found):
                raise ValueError(f"{value!r} is of another family than the rest of the rule")
            family = found
            components.append(component)
        else:
            components.append(_parse_items(kind, value))
    family = family or IPV4_FLOWSPEC
    try:
        return flowspec_rule(_VPN[family] if rd else family, components, rd=rd)
    except WireError as error:
        raise ValueError(f"{error.detail} ({error.field})") from None


def _parse_prefix(kind: Kind, text: str) -> tuple[int, PrefixMatch]:
    start, _, offset = text.partition("/")[2].partition("/")
    if not offset:
        prefix = Prefix.parse(text)
        return prefix.afi, prefix_pattern(kind, prefix.length, 0, prefix.octets)
    afi, octets = parse_address(text.partition("/")[0])
    length, skipped = _number(start, {}), _number(offset, {})
    if afi == AFI_IPV4 or not skipped <= length <= 128:
        raise ValueError(f"{text!r}: an offset needs an IPv6 prefix that is longer")
    bits = int.from_bytes(octets, "big") << skipped & (1 << 128) - 1
    return afi, prefix_pattern(kind, length, skipped, bits.to_bytes(16, "big"))


def _parse_items(kind: Kind, text: str) -> Component:
    items: list[Item] = []
    read = _read_bits if kind in BITMASK_KINDS else _read_numbers
    for term in text.split(","):
        for place, test in enumerate(term.split("&")):
            for further, (op, value) in enumerate(read(kind, test)):
                items.append(Item(op | AND if place or further else op, value))
    shape = BitmaskMatch if kind in BITMASK_KINDS else NumericMatch
    return shape(kind, tuple(items))


def _read_numbers(kind: Kind, text: str) -> list[Item]:
    names = _PROTOCOLS if kind is Kind.PROTOCOL else {}
    word, opening, inner = text.partition("(")
    if word in ("true", "false"):
        value = _number(inner.removesuffix(")"), {}) if opening else 0
        return [Item(_TRUE if word == "true" else 0, value)]
    low, dash, high = text.partition("-")
    if dash:
        bounds = _number(low, names), _number(high, names)
        if bounds[0] > bounds[1]:
            raise ValueError(f"the range {text!r} is upside down")
        if bounds[0] == bounds[1]:
            return [Item(EQ, bounds[0])]
        return [Item(GT | EQ, bounds[0]), Item(LT | EQ, bounds[1])]
    match = _TEST.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a value for {KIND_NAMES[kind]}")
    value = _number(match[2], names)
    if value > MAXIMUM[kind]:
        raise ValueError(f"{text!r} is above {MAXIMUM[kind]}, the largest {KIND_NAMES[kind]}")
    return [Item(_OPERATORS[match[1]], value)]


def _read_bits(kind: Kind, text: str) -> list[Item]:
    negated = text.startswith("!")
    bare = text.removeprefix("!")
    every = bare.startswith("=")
    bare = bare.removeprefix("=")
    mask = 0
    for name in bare.split("+" if every else "|"):
        bit = _BITS[kind].get(name)
        mask |= _number(name, {}) if bit is None else bit
    return [Item((NOT if negated else 0) | (ALL if every else 0), mask)]


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number or a known name")
    return int(text, 0) if text.startswith("0x") else int(text)
