"""Which packets a rule matches, and whether two rules share one.

A rule is an AND of independent fields, so two rules share a packet exactly if, field by field, the
sets of matching values meet. Prefixes meet when one contains the other, numbers when ranges do, bit
tests are tried out: there are at most twelve bits. "Either port" couples two fields and is taken
apart first. The answer errs on one side only: it may say yes for packets that cannot exist.
"""

from dataclasses import dataclass

from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_match import (
    MAXIMUM,
    BitmaskMatch,
    Component,
    Kind,
    NumericMatch,
    PrefixMatch,
    Range,
    bitmask_holds,
    field_bits,
    numeric_ranges,
)
from prefixd.bgp.wire.prefix import address_bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What a router looks at. None: the packet has no such field (a fragment has no ports)."""

    afi: int
    dst: int
    src: int
    protocol: int
    dst_port: int | None = None
    src_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    tcp_flags: int | None = None
    length: int = 64
    dscp: int = 0
    fragment: int = 0
    flow_label: int = 0


def matches(rule: FlowSpecRule, packet: Packet) -> bool:
    """Whether a router would apply the rule to the packet (RFC 8955 4.2.2)."""
    return rule.family.afi == packet.afi and all(
        _component_matches(component, packet) for component in rule.components
    )


def _component_matches(component: Component, packet: Packet) -> bool:
    if isinstance(component, PrefixMatch):
        address = packet.dst if component.kind is Kind.DST_PREFIX else packet.src
        value, mask = _bits(component, packet.afi)
        return address & mask == value
    if component.kind is Kind.PORT:
        return any(
            port is not None and _holds(component, port)
            for port in (packet.dst_port, packet.src_port)
        )
    found = _field(component.kind, packet)
    return found is not None and _holds(component, found)


def _field(kind: Kind, packet: Packet) -> int | None:
    return {
        Kind.PROTOCOL: packet.protocol,
        Kind.DST_PORT: packet.dst_port,
        Kind.SRC_PORT: packet.src_port,
        Kind.ICMP_TYPE: packet.icmp_type,
        Kind.ICMP_CODE: packet.icmp_code,
        Kind.TCP_FLAGS: packet.tcp_flags,
        Kind.PACKET_LENGTH: packet.length,
        Kind.DSCP: packet.dscp,
        Kind.FRAGMENT: packet.fragment,
        Kind.FLOW_LABEL: packet.flow_label,
    }.get(kind)


def _holds(component: NumericMatch | BitmaskMatch, value: int) -> bool:
    if isinstance(component, BitmaskMatch):
        return bitmask_holds(component.items, value)
    ranges = numeric_ranges(component.items, MAXIMUM[component.kind])
    return any(low <= value <= high for low, high in ranges)


def _bits(match: PrefixMatch, afi: int) -> tuple[int, int]:
    """Value and mask over a whole address."""
    width = address_bits(afi)
    size = match.length - match.offset
    pattern = int.from_bytes(match.pattern, "big") >> (-size & 7)
    shift = width - match.length
    return pattern << shift, ((1 << size) - 1) << shift


def may_share_a_packet(one: FlowSpecRule, other: FlowSpecRule) -> bool:
    if one.family.afi != other.family.afi:
        return False
    return any(
        _fields_meet(left, right, one.family.afi)
        for left in _port_variants(one)
        for right in _port_variants(other)
    )


def _port_variants(rule: FlowSpecRule) -> list[dict[Kind, list[Component]]]:
    """The rule's components by field; "either port" as two variants, one per port."""
    fields: dict[Kind, list[Component]] = {}
    either: Component | None = None
    for component in rule.components:
        if component.kind is Kind.PORT:
            either = component
        else:
            fields[component.kind] = [component]
    if either is None:
        return [fields]
    return [
        {**fields, kind: [*fields.get(kind, []), either]} for kind in (Kind.DST_PORT, Kind.SRC_PORT)
    ]


def _fields_meet(
    left: dict[Kind, list[Component]], right: dict[Kind, list[Component]], afi: int
) -> bool:
    return all(
        _meet([*left.get(kind, []), *right.get(kind, [])], afi) for kind in left.keys() | right
    )


def _meet(components: list[Component], afi: int) -> bool:
    """Whether one value can satisfy all of these components of one field."""
    first = components[0]
    if isinstance(first, PrefixMatch):
        known = mask = 0
        for match in components:
            assert isinstance(match, PrefixMatch)
            value, bits = _bits(match, afi)
            if (value ^ known) & bits & mask:
                return False
            known, mask = known | value, mask | bits
        return True
    if isinstance(first, BitmaskMatch):
        tests = [c.items for c in components if isinstance(c, BitmaskMatch)]
        return any(
            all(bitmask_holds(items, flags) for items in tests)
            for flags in range(field_bits(first.kind, afi) + 1)
        )
    common: tuple[Range, ...] = ((0, MAXIMUM[first.kind]),)
    for component in components:
        assert isinstance(component, NumericMatch)
        common = intersect(common, numeric_ranges(component.items, MAXIMUM[component.kind]))
    return bool(common)


def intersect(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...]:
    """The values in both, as ranges; both are sorted and disjoint."""
    found: list[Range] = []
    left = right = 0
    while left < len(one) and right < len(other):
        low = max(one[left][0], other[right][0])
        high = min(one[left][1], other[right][1])
        if low <= high:
            found.append((low, high))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(found)
