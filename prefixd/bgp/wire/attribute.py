"""Path attributes (RFC 4271 4.3, 5): framing, and one table that knows every type.

     0                   1
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
    +---------------+---------------+---------------+----------------
    |O|T|P|E|unused |     Type      | Length (1, or 2 with E)        Value ...
    +---------------+---------------+---------------+----------------

The frame is read before the content and content never moves a frame. What is wrong with a value
becomes a `Fault` with the reaction of RFC 7606, the attribute is left out of the result, and the
next one is read. Attributes nobody here needs to understand are not parsed at all: they stay
`RawAttribute` with flags and octets untouched. Parsing what one does not need has cost others
their sessions (CVE-2023-38802).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import pack
from typing import Final, NamedTuple, cast

from prefixd.bgp.wire.as_path import (
    As4Path,
    AsPath,
    decode_as4_path,
    decode_as_path,
    encode_as4_path,
    encode_as_path,
)
from prefixd.bgp.wire.community import (
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
    LargeCommunities,
    decode_communities,
    decode_extended_communities,
    decode_ipv6_extended_communities,
    decode_large_communities,
    encode_communities,
    encode_extended_communities,
    encode_ipv6_extended_communities,
    encode_large_communities,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.iana import (
    AttributeCode,
    AttributeFlag,
    OriginCode,
    UpdateSubcode,
    attribute_name,
)
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach, encode_mp_reach, encode_mp_unreach
from prefixd.bgp.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Origin:
    value: int = OriginCode.IGP


@dataclass(frozen=True, slots=True)
class NextHop:
    """Four octets as on the wire; only for IPv4 unicast outside MP_REACH_NLRI."""

    address: bytes


@dataclass(frozen=True, slots=True)
class MultiExitDisc:
    value: int


@dataclass(frozen=True, slots=True)
class LocalPref:
    value: int


@dataclass(frozen=True, slots=True)
class AtomicAggregate:
    pass


@dataclass(frozen=True, slots=True)
class Aggregator:
    asn: int
    address: bytes


@dataclass(frozen=True, slots=True)
class As4Aggregator:
    asn: int
    address: bytes


@dataclass(frozen=True, slots=True)
class OriginatorId:
    value: int


@dataclass(frozen=True, slots=True)
class ClusterList:
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnlyToCustomer:
    """RFC 9234 5."""

    asn: int


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """An attribute this codec does not read, byte for byte."""

    flags: int
    code: int
    value: bytes


Attribute = (
    Origin
    | AsPath
    | NextHop
    | MultiExitDisc
    | LocalPref
    | AtomicAggregate
    | Aggregator
    | Communities
    | OriginatorId
    | ClusterList
    | MpReach
    | MpUnreach
    | ExtendedCommunities
    | As4Path
    | As4Aggregator
    | Ipv6ExtendedCommunities
    | LargeCommunities
    | OnlyToCustomer
    | RawAttribute
)
