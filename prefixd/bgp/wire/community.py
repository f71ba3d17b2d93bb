"""Communities: lists of tags of one fixed size each.

    COMMUNITIES                4 octets   RFC 1997    one number, shown as high:low
    EXTENDED COMMUNITIES       8 octets   RFC 4360    kept as octets
    IPv6 EXTENDED COMMUNITIES 20 octets   RFC 5701    kept as octets
    LARGE_COMMUNITIES         12 octets   RFC 8092    three numbers

Extended communities stay octets because most of them are foreign and must pass through unchanged:

    +-------+---------+-------------------------+
    | type  | subtype |  value (6)              |     RFC 4360, attribute 16
    +-------+---------+-------------------------+
    | type  | subtype |  address (16) value (2) |     RFC 5701, attribute 25
    +-------+---------+-------------------------+

Their parts are named and shown as text here; `flowspec_action` knows what the FlowSpec ones mean.
An unknown community is data, never an error. An empty list is malformed in each of the four
(RFC 7606 7.8 and 7.14, RFC 8092 6).
"""

from dataclasses import dataclass
from struct import pack
from typing import Final

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, format_address
from prefixd.bgp.wire.reader import Reader

BLACKHOLE: Final = 0xFFFF029A
NO_EXPORT: Final = 0xFFFFFF01
NO_ADVERTISE: Final = 0xFFFFFF02
NO_EXPORT_SUBCONFED: Final = 0xFFFFFF03
GRACEFUL_SHUTDOWN: Final = 0xFFFF0000
LLGR_STALE: Final = 0xFFFF0006
NO_LLGR: Final = 0xFFFF0007

WELL_KNOWN: Final[dict[int, str]] = {
    BLACKHOLE: "BLACKHOLE",
    NO_EXPORT: "NO_EXPORT",
    NO_ADVERTISE: "NO_ADVERTISE",
    NO_EXPORT_SUBCONFED: "NO_EXPORT_SUBCONFED",
    GRACEFUL_SHUTDOWN: "GRACEFUL_SHUTDOWN",
    LLGR_STALE: "LLGR_STALE",
    NO_LLGR: "NO_LLGR",
}


@dataclass(frozen=True, slots=True)
class Communities:
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExtendedCommunities:
    """Each value is its 8 octets."""

    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ipv6ExtendedCommunities:
    """Each value is its 20 octets."""

    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LargeCommunities:
    """(global administrator, local data 1, local data 2) triples."""

    values: tuple[tuple[int, int, int], ...]


def format_community(value: int) -> str:
    return WELL_KNOWN.get(value) or f"{value >> 16}:{value & 0xFFFF}"


def _count(reader: Reader, size: int) -> int:
    length = len(reader)
    if length == 0 or length % size:
        raise reader.error(f"{length} octets are not a list of {size}", "communities")
    return length // size


def _octets(reader: Reader, size: int, field: str) -> tuple[bytes, ...]:
    return tuple(reader.take(size, field) for _ in range(_count(reader, size)))


def _joined(values: tuple[bytes, ...], size: int) -> bytes:
    if not values or any(len(value) != size for value in values):
        raise WireError(f"communities must be at least one of {size} octets", field="communities")
    return b"".join(values)


def decode_communities(reader: Reader, _: WireContext) -> Communities:
    return Communities(tuple(reader.u32("community") for _ in range(_count(reader, 4))))


def encode_communities(attribute: Communities, _: WireContext) -> bytes:
    return _joined(tuple(pack("!I", value) for value in attribute.values), 4)


def decode_extended_communities(reader: Reader, _: WireContext) -> ExtendedCommunities:
    return ExtendedCommunities(_octets(reader, 8, "extended community"))


def encode_extended_communities(attribute: ExtendedCommunities, _: WireContext) -> bytes:
    return _joined(attribute.values, 8)


def decode_ipv6_extended_communities(reader: Reader, _: WireContext) -> Ipv6ExtendedCommunities:
    return Ipv6ExtendedCommunities(_octets(reader, 20, "IPv6 extended community"))


def encode_ipv6_extended_communities(attribute: Ipv6ExtendedCommunities, _: WireContext) -> bytes:
    return _joined(attribute.values, 20)


def decode_large_communities(reader: Reader, _: WireContext) -> LargeCommunities:
    return LargeCommunities(
        tuple(
            (reader.u32("global administrator"), reader.u32("data 1"), reader.u32("data 2"))
            for _ in range(_count(reader, 12))
        )
    )


def encode_large_communities(attribute: LargeCommunities, _: WireContext) -> bytes:
    return _joined(tuple(pack("!III", *value) for value in attribute.values), 12)


# Parts of an extended community

EXTENDED_LENGTH: Final = 8
IPV6_EXTENDED_LENGTH: Final = 20

TRANSITIVE_AS2: Final = 0x00
TRANSITIVE_IPV4: Final = 0x01
TRANSITIVE_AS4: Final = 0x02
ROUTE_TARGET: Final = 0x02
ROUTE_ORIGIN: Final = 0x03


def code_of(octets: bytes) -> int:
    """Type and subtype as one number, the way registries and manuals print them."""
    return octets[0] << 8 | octets[1]


def is_transitive(octets: bytes) -> bool:
    """RFC 4360 2: the second bit is clear when the community may cross an AS border."""
    return not octets[0] & 0x40


def format_administrator(form: int, octets: bytes) -> str:
    """`65001:100`, `192.0.2.1:100` or `70000:100`: the six octets of a route target."""
    if form == TRANSITIVE_IPV4:
        return f"{format_address(AFI_IPV4, octets[:4])}:{int.from_bytes(octets[4:6], 'big')}"
    split = 4 if form == TRANSITIVE_AS4 else 2
    asn, value = int.from_bytes(octets[:split], "big"), int.from_bytes(octets[split:6], "big")
    return f"{asn}:{value}"


def format_extended(octets: bytes) -> str:
    """Readable when it is a route target or route origin, else hexadecimal; never fails."""
    if len(octets) == IPV6_EXTENDED_LENGTH:
        value = int.from_bytes(octets[18:], "big")
        address = format_address(AFI_IPV6, octets[2:18])
        return f"0x{code_of(octets):04x}:{address}:{value}"
    if len(octets) != EXTENDED_LENGTH:
        return f"0x{octets.hex()}"
    form, subtype = octets[0], octets[1]
    if form in (TRANSITIVE_AS2, TRANSITIVE_IPV4, TRANSITIVE_AS4):
        if subtype == ROUTE_TARGET:
            return f"rt:{format_administrator(form, octets[2:])}"
        if subtype == ROUTE_ORIGIN:
            return f"ro:{format_administrator(form, octets[2:])}"
    return f"0x{octets.hex()}"
