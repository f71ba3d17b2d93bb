"""FlowSpec NLRI: a rule and its octets (RFC 8955 4, RFC 8956 3).

    +-------------------------------+
    |    length (0xnn or 0xfnnn)    |     one octet below 240, else two, at most 4095
    +-------------------------------+
    |    route distinguisher (8)    |     only in the VPN families
    +-------------------------------+
    |    component type  | value    |     ascending types, each at most once
    |    component type  | value    |
    |    ...                        |
    +-------------------------------+

What stands after the length is the *body*. A rule built here has exactly one body, and a body from
`flowspec_canonical` is the identity of a rule everywhere: table key, withdrawal, log. Decoding is
liberal where the RFC tells a receiver to ignore (reserved bits, wide values, dirty padding) and
then forgets the spelling, so a stranger's rule and ours compare equal; anything else wrong with a
rule condemns that rule alone, because its length already told where the next one starts.

This module is the one place besides `reader` that indexes received bytes, for speed: a full table
from a peer is decoded on the event loop. `_item_end` and `_decode_prefix` check every index first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec_match import (
    AND,
    BITMASK_BITS,
    BITMASK_KINDS,
    MAXIMUM,
    NUMERIC_BITS,
    PREFIX_KINDS,
    BitmaskMatch,
    Component,
    Item,
    Kind,
    NumericMatch,
    PrefixMatch,
    allowed_in,
    field_bits,
)
from prefixd.bgp.wire.iana import ErrorCode, Family, Safi, UpdateSubcode
from prefixd.bgp.wire.prefix import AFI_IPV6, address_bits, mask_octets

MAX_BODY: Final = 4095
MAX_ITEMS: Final = 512
"""Operators one rule may carry before we call it an attack on our time."""

_RD_LENGTH: Final = 8
_END: Final = 0x80
_KINDS: Final = {int(kind): kind for kind in Kind}
_WIDEST: Final = {Kind.DSCP: 1, Kind.FRAGMENT: 1, Kind.TCP_FLAGS: 2, Kind.FLOW_LABEL: 4}
_CACHED: Final = 8192  # short components remembered in each direction: ports and protocols repeat
_SHORT_ITEMS: Final = 8
_SHORT_OCTETS: Final = 32


@dataclass(frozen=True, slots=True)
class FlowSpecRule:
    """What traffic. Components in ascending order of kind; `rd` only in the VPN families."""

    family: Family
    components: tuple[Component, ...]
    rd: bytes = field(default=b"", kw_only=True)

    def component(self, kind: Kind) -> Component | None:
        for component in self.components:
            if component.kind is kind:
                return component
        return None


def flowspec_rule(
    family: Family, components: Iterable[Component], *, rd: bytes = b""
) -> FlowSpecRule:
    """A rule from components in any order. Two of a kind are refused: should they add or cut?"""
    ordered = tuple(sorted(components, key=_kind_of))
    rule = FlowSpecRule(family, ordered, rd=rd)
    encode_rule(rule)  # raises on anything that has no encoding
    return rule


def _kind_of(component: Component) -> Kind:
    return component.kind


# Rule to octets


def encode_rule(rule: FlowSpecRule) -> bytes:
    """The body. WireError when the rule has no legal encoding."""
    afi = rule.family.afi
    parts: list[bytes] = [rule.rd] if rule.rd or rule.family.safi == Safi.FLOWSPEC_VPN else []
    if parts and (len(rule.rd) != _RD_LENGTH or rule.family.safi != Safi.FLOWSPEC_VPN):
        raise _refused("a route distinguisher of 8 octets belongs to the VPN families", "rd")
    previous = 0
    for component in rule.components:
        kind = component.kind
        if kind <= previous:
            raise _refused("components must be in ascending order, each once", kind.name)
        previous = kind
        parts.append(encode_component(component, afi))
    if not previous:
        raise _refused("a rule needs at least one component", "rule")
    body = b"".join(parts)
    if len(body) > MAX_BODY:
        raise _refused(f"{len(body)} octets do not fit into one NLRI of {MAX_BODY}", "rule")
    return body


def encode_nlri(body: bytes) -> bytes:
    """Length and body, ready to stand in MP_REACH_NLRI or MP_UNREACH_NLRI."""
    size = len(body)
    if 0 < size < 0xF0:
        return bytes((size,)) + body
    if 0 < size <= MAX_BODY:
        return (0xF000 | size).to_bytes(2, "big") + body
    raise _refused(f"a body of {size} octets has no NLRI", "length")


def encode_component(component: Component, afi: int) -> bytes:
    if type(component) is PrefixMatch:
        return _encode_prefix(component, afi)
    assert not isinstance(component, PrefixMatch)
    encode = _encode_short if len(component.items) <= _SHORT_ITEMS else _encode_items
    return encode(component.kind, component.items, afi)


def _encode_prefix(match: PrefixMatch, afi: int) -> bytes:
    kind, length, offset = match.kind, match.length, match.offset
    if kind not in PREFIX_KINDS:
        raise _refused(f"{kind.name} is not a prefix component", kind.name)
    bits = length - offset
    if len(match.pattern) != (bits + 7) >> 3 or mask_octets(match.pattern, bits) != match.pattern:
        raise _refused(f"pattern {match.pattern.hex()} is not one of {bits} bits", kind.name)
    if not _prefix_is_possible(afi, length, offset):
        raise _refused(f"invalid prefix of AFI {afi}: length {length}, offset {offset}", kind.name)
    if afi == AFI_IPV6:
        return bytes((kind, length, offset)) + match.pattern
    return bytes((kind, length)) + match.pattern


def _prefix_is_possible(afi: int, length: int, offset: int) -> bool:
    if not 0 <= length <= address_bits(afi):
        return False
    return offset == 0 or (afi == AFI_IPV6 and 0 < offset < length)


def _encode_items(kind: Kind, items: tuple[Item, ...], afi: int) -> bytes:
    """Smallest widths, clean operators."""
    if kind in PREFIX_KINDS or not allowed_in(kind, afi):
        raise _refused(f"no such component in AFI {afi}", kind.name)
    if not items:
        raise _refused("a component needs at least one operator", kind.name)
    if len(items) > MAX_ITEMS:
        raise _refused(f"{len(items)} operators, {MAX_ITEMS} are allowed", kind.name)
    bitmask = kind in BITMASK_KINDS
    maximum = field_bits(kind, afi) if bitmask else MAXIMUM[kind]
    known = BITMASK_BITS if bitmask else NUMERIC_BITS
    octets = bytearray((kind,))
    last = len(items) - 1
    for index, (op, value) in enumerate(items):
        if op & ~known or (index == 0 and op & AND):
            raise _refused(f"operator 0x{op:02x} is not one", kind.name)
        if value < 0 or value > maximum or (bitmask and value & ~maximum):
            raise _refused(f"value {value} is outside 0..{maximum}", kind.name)
        width = 2 if kind is Kind.FLOW_LABEL else int(value > 0xFF)
        octets.append(op | width << 4 | (_END if index == last else 0))
        octets += value.to_bytes(1 << width, "big")
    return bytes(octets)


_encode_short = lru_cache(maxsize=_CACHED)(_encode_items)


def _refused(detail: str, what: str) -> WireError:
    return WireError(detail, field=f"flowspec {what.lower()}")


# Octets to rule


def split_bodies(octets: bytes, offset: int = 0) -> list[tuple[int, bytes]]:
    """Walk a list of NLRI: where each body starts, and the body.

    WireError when the list itself is broken. A zero-length rule comes out as `b""`: there is
    nothing in it to decode, and decoding it anyway is a vulnerability other speakers had.
    """
    bodies: list[tuple[int, bytes]] = []
    end = len(octets)
    while offset < end:
        start, size = offset + 1, octets[offset]
        if size >= 0xF0:
            if start >= end:
                raise _malformed("the second octet of the length is missing", offset, "length")
            size = (size & 0x0F) << 8 | octets[start]
            start += 1
        offset = start + size
        if offset > end:
            raise _malformed(f"length {size}, but {end - start} octets left", start, "length")
        bodies.append((start, octets[start:offset]))
    return bodies


def decode_rule(body: bytes, family: Family, *, max_items: int = MAX_ITEMS) -> FlowSpecRule:
    """The rule in one body. WireError (offset counted from the body) when it is malformed."""
    offset, rd = 0, b""
    if family.safi == Safi.FLOWSPEC_VPN:
        offset, rd = _RD_LENGTH, body[:_RD_LENGTH]
        if len(rd) < _RD_LENGTH:
            raise _malformed("shorter than a route distinguisher", 0, "rd")
    end, afi = len(body), family.afi
    if end > MAX_BODY:
        raise _malformed(f"{end} octets, the length field ends at {MAX_BODY}", 0, "rule")
    if offset == end:
        raise _malformed("a rule without components", offset, "rule")
    components: list[Component] = []
    previous = 0
    items_left = max_items
    while offset < end:
        kind = _KINDS.get(body[offset])
        if kind is None or not allowed_in(kind, afi):
            raise _malformed(f"component type {body[offset]} in AFI {afi}", offset, "component")
        if kind <= previous:
            raise _malformed(f"{kind.name} after type {previous}", offset, "component")
        previous = kind
        if kind in PREFIX_KINDS:
            match, offset = _decode_prefix(kind, body, offset + 1, afi)
            components.append(match)
            continue
        start = offset + 1
        offset, count = _item_end(kind, body, start)
        items_left -= count
        if items_left < 0:
            raise _malformed(f"more than {max_items} operators", start, "component")
        decode = _decode_short if offset - start <= _SHORT_OCTETS else _decode_items
        decoded = decode(kind, body[start:offset], afi)
        if isinstance(decoded, str):
            raise _malformed(decoded, start, kind.name)
        components.append(decoded)
    return FlowSpecRule(family, tuple(components), rd=rd)


def _decode_prefix(kind: Kind, body: bytes, at: int, afi: int) -> tuple[PrefixMatch, int]:
    start = at + (2 if afi == AFI_IPV6 else 1)
    if start > len(body):
        raise _malformed("ends before its length", at, kind.name)
    length = body[at]
    offset = body[at + 1] if afi == AFI_IPV6 else 0
    if not _prefix_is_possible(afi, length, offset):
        raise _malformed(f"length {length}, offset {offset}", at, kind.name)
    bits = length - offset
    end = start + ((bits + 7) >> 3)
    if end > len(body):
        raise _malformed(f"{end - start} octets expected, {len(body) - start} left", at, kind.name)
    pattern = body[start:end]
    if bits & 7:
        pattern = mask_octets(pattern, bits)
    return PrefixMatch(kind, length, pattern, offset), end


def _item_end(kind: Kind, body: bytes, at: int) -> tuple[int, int]:
    """Where a list of operators ends, and how many there are."""
    end, count = len(body), 0
    while at < end:
        op = body[at]
        at += 1 + (1 << ((op >> 4) & 3))
        count += 1
        if at > end:
            raise _malformed("the last value is cut off", end, kind.name)
        if op & _END:
            return at, count
    raise _malformed("no operator is marked as the last", end, kind.name)


def _decode_items(kind: Kind, octets: bytes, afi: int) -> Component | str:
    """Operators already known to be complete. A text says why they are not acceptable."""
    bitmask = kind in BITMASK_KINDS
    maximum = MAXIMUM[kind]
    cleared = field_bits(kind, afi) if bitmask else -1
    known = BITMASK_BITS if bitmask else NUMERIC_BITS
    widest = _WIDEST.get(kind, 8)
    items: list[Item] = []
    at = 0
    while at < len(octets):
        op = octets[at]
        width = 1 << ((op >> 4) & 3)
        value = int.from_bytes(octets[at + 1 : at + 1 + width], "big")
        at += 1 + width
        if width > widest:
            return f"a value of {width} octets, at most {widest} are allowed"
        if value > maximum and not bitmask:
            return f"value {value} is above {maximum}"
        items.append(Item(op & known if items else op & known & ~AND, value & cleared))
    shape = BitmaskMatch if bitmask else NumericMatch
    return shape(kind, tuple(items))


_decode_short = lru_cache(maxsize=_CACHED)(_decode_items)


def _malformed(detail: str, offset: int, what: str) -> WireError:
    return WireError(
        detail,
        offset=offset,
        field=f"flowspec {what.lower()}",
        code=ErrorCode.UPDATE_MESSAGE,
        subcode=UpdateSubcode.INVALID_NETWORK_FIELD,
    )
