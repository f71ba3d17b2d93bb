"""What one FlowSpec component matches: prefixes, numbers, bits (RFC 8955 4.2, RFC 8956 3).

Three shapes cover all thirteen component types. Each keeps the operators as they were written, so a
foreign rule can be shown as its author meant it; `numeric_ranges` and `numeric_items` translate
between the operators and the set of values they stand for, which makes a canonical form possible.

The operator octet of a numeric item (left) and of a bitmask item (right):

      0   1   2   3   4   5   6   7         0   1   2   3   4   5   6   7
    +---+---+---+---+---+---+---+---+     +---+---+---+---+---+---+---+---+
    | e | a |  len  | 0 |lt |gt |eq |     | e | a |  len  | 0 | 0 |not| m |
    +---+---+---+---+---+---+---+---+     +---+---+---+---+---+---+---+---+

`e` (last item) and `len` (octets of the value, as a power of two) belong to the encoding and are
not kept: an `Item` is the rest of the operator and the value. AND binds tighter than OR; the AND
bit of the first item means nothing and is cleared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, Prefix, mask_octets


class Kind(IntEnum):
    """Component types (RFC 8955 4.2.2, RFC 8956 3). Their order is the order on the wire."""

    DST_PREFIX = 1
    SRC_PREFIX = 2
    PROTOCOL = 3
    PORT = 4
    DST_PORT = 5
    SRC_PORT = 6
    ICMP_TYPE = 7
    ICMP_CODE = 8
    TCP_FLAGS = 9
    PACKET_LENGTH = 10
    DSCP = 11
    FRAGMENT = 12
    FLOW_LABEL = 13


AND: Final = 0x40
LT: Final = 0x04
GT: Final = 0x02
EQ: Final = 0x01
NOT: Final = 0x02
ALL: Final = 0x01  # "match" in the RFC: every bit of the mask set, instead of any

NUMERIC_BITS: Final = AND | LT | GT | EQ
BITMASK_BITS: Final = AND | NOT | ALL

# The largest value a packet can carry in that field; what lies above is a malformed rule.
MAXIMUM: Final[dict[Kind, int]] = {
    Kind.PROTOCOL: 0xFF,
    Kind.PORT: 0xFFFF,
    Kind.DST_PORT: 0xFFFF,
    Kind.SRC_PORT: 0xFFFF,
    Kind.ICMP_TYPE: 0xFF,
    Kind.ICMP_CODE: 0xFF,
    Kind.TCP_FLAGS: 0x0FFF,
    Kind.PACKET_LENGTH: 0xFFFF,
    Kind.DSCP: 63,
    Kind.FRAGMENT: 0x0F,
    Kind.FLOW_LABEL: 0xFFFFF,
}

EVERY_PACKET_HAS: Final = frozenset({Kind.PROTOCOL, Kind.PACKET_LENGTH, Kind.DSCP, Kind.FLOW_LABEL})
"""Fields no packet lacks. A fragment has no ports, so "any port" still says something."""

BITMASK_KINDS: Final = frozenset({Kind.TCP_FLAGS, Kind.FRAGMENT})
PREFIX_KINDS: Final = frozenset({Kind.DST_PREFIX, Kind.SRC_PREFIX})

DONT_FRAGMENT: Final = 0x01
IS_FRAGMENT: Final = 0x02
FIRST_FRAGMENT: Final = 0x04
LAST_FRAGMENT: Final = 0x08

Range: TypeAlias = tuple[int, int]


class Item(NamedTuple):
    """One operator and its value. `op` holds the AND bit and the comparison, nothing else."""

    op: int
    value: int


@dataclass(frozen=True, slots=True)
class PrefixMatch:
    """Bits `offset` to `length` of an address equal `pattern` (left-aligned, padding cleared)."""

    kind: Kind
    length: int
    pattern: bytes
    offset: int = 0


@dataclass(frozen=True, slots=True)
class NumericMatch:
    """A header field compared with numbers: OR of groups, each an AND of comparisons."""

    kind: Kind
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class BitmaskMatch:
    """A header field tested bit by bit: OR of groups, each an AND of tests."""

    kind: Kind
    items: tuple[Item, ...]


Component: TypeAlias = PrefixMatch | NumericMatch | BitmaskMatch


def prefix_match(kind: Kind, prefix: Prefix) -> PrefixMatch:
    return PrefixMatch(kind, prefix.length, prefix.octets)


def prefix_pattern(kind: Kind, length: int, offset: int, pattern: bytes) -> PrefixMatch:
    """A prefix match with an offset (IPv6 only); the padding of the pattern is cleared."""
    return PrefixMatch(kind, length, mask_octets(pattern, length - offset), offset)


def numeric_match(kind: Kind, ranges: Iterable[Range]) -> NumericMatch:
    """The canonical component that matches exactly these inclusive ranges."""
    maximum = MAXIMUM[kind]
    merged = merge_ranges(ranges)
    if not merged:
        raise ValueError(f"{kind.name.lower()} matches no value")
    if merged[0][0] < 0 or merged[-1][1] > maximum:
        raise ValueError(f"{kind.name.lower()} takes values 0..{maximum}")
    return NumericMatch(kind, numeric_items(merged, maximum))


def groups(items: Sequence[Item]) -> list[list[Item]]:
    """The OR terms, each a list of AND-ed items."""
    terms: list[list[Item]] = []
    for item in items:
        if item.op & AND and terms:
            terms[-1].append(item)
        else:
            terms.append([item])
    return terms


def merge_ranges(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sorted, disjoint, and no two of them adjacent."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if low > high:
            raise ValueError(f"the range {low}-{high} is upside down")
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def numeric_ranges(items: Sequence[Item], maximum: int) -> tuple[Range, ...]:
    """The values that match, as merged ranges within 0..maximum; empty when none can."""
    found: list[Range] = []
    for term in groups(items):
        found.extend(_term_ranges(term, maximum))
    return merge_ranges(found)


def _term_ranges(term: list[Item], maximum: int) -> list[Range]:
    """An AND of comparisons is one interval with holes where `!=` took a value out."""
    low, high = 0, maximum
    holes: set[int] = set()
    for op, value in term:
        comparison = op & (LT | GT | EQ)
        if comparison == 0:  # false, whatever the value
            return []
        if comparison == LT | GT:
            holes.add(value)
        elif comparison != LT | GT | EQ:  # that would be true, whatever the value
            strict = 0 if op & EQ else 1
            if not op & GT:
                high = min(high, value - strict)
            if not op & LT:
                low = max(low, value + strict)
    found: list[Range] = []
    for hole in sorted(holes):
        if low <= hole <= high:
            if low < hole:
                found.append((low, hole - 1))
            low = hole + 1
    if low <= high:
        found.append((low, high))
    return found


def numeric_items(ranges: Sequence[Range], maximum: int) -> tuple[Item, ...]:
    """The one canonical spelling of merged ranges.

    A lone hole is two comparisons, never `!= v`: FRR 8.4 ends the session over that operator.
    """
    items: list[Item] = []
    for low, high in ranges:
        if low == high:
            items.append(Item(EQ, low))
        elif low == 0:
            items.append(Item(LT | EQ, high))
        elif high == maximum:
            items.append(Item(GT | EQ, low))
        else:
            items.append(Item(GT | EQ, low))
            items.append(Item(AND | LT | EQ, high))
    return tuple(items)


def bitmask_holds(items: Sequence[Item], flags: int) -> bool:
    """Whether a packet whose field is `flags` satisfies the component."""
    return any(all(_bit_test(item, flags) for item in term) for term in groups(items))


def _bit_test(item: Item, flags: int) -> bool:
    found = flags & item.value
    hit = found == item.value if item.op & ALL else found != 0
    return not hit if item.op & NOT else hit


def canonical_bitmask(items: Sequence[Item]) -> tuple[Item, ...]:
    """Terms in order and each once. Bit logic is kept as written: minimising it has no use."""
    ordered: list[tuple[Item, ...]] = []
    for term in groups(items):
        clean = sorted({Item(op & ~AND, value) for op, value in term}, key=_bitmask_order)
        ordered.append(tuple(clean))
    found: list[Item] = []
    for first, *others in sorted(set(ordered), key=lambda term: [_bitmask_order(i) for i in term]):
        found.append(first)
        found.extend(Item(op | AND, value) for op, value in others)
    return tuple(found)


def _bitmask_order(item: Item) -> tuple[int, int]:
    return item.value, item.op


def field_bits(kind: Kind, afi: int) -> int:
    """The bits a bitmask component can test; the rest is ignored (RFC 8955 4.2.2, RFC 8956 3.6)."""
    if kind is Kind.FRAGMENT and afi == AFI_IPV6:
        return MAXIMUM[kind] & ~DONT_FRAGMENT
    return MAXIMUM[kind]


def allowed_in(kind: Kind, afi: int) -> bool:
    return not (kind is Kind.FLOW_LABEL and afi == AFI_IPV4)
