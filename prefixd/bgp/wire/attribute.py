"""Every path attribute as one union, and the table of what each type looks like.

The table says for each type which flags it must carry, how its value is decoded, and what a value
that cannot be decoded costs (RFC 7606 7). MP_REACH_NLRI and MP_UNREACH_NLRI are not in it: what
theirs costs depends on the family, see `attribute_list.py`, which also walks the list.

Attributes that are not needed here are not parsed at all: they stay `RawAttribute` with
flags and octets untouched. Parsing what one does not need has cost others their sessions
(CVE-2023-38802).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, assert_never

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
from prefixd.bgp.wire.errors import Reaction
from prefixd.bgp.wire.iana import (
    AttributeCode,
    AttributeFlag,
    UpdateSubcode,
)
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach, encode_mp_reach, encode_mp_unreach
from prefixd.bgp.wire.reader import Reader
from prefixd.bgp.wire.scalar import (
    Aggregator,
    As4Aggregator,
    AtomicAggregate,
    ClusterList,
    LocalPref,
    MultiExitDisc,
    NextHop,
    OnlyToCustomer,
    Origin,
    OriginatorId,
    decode_aggregator,
    decode_as4_aggregator,
    decode_atomic_aggregate,
    decode_cluster_list,
    decode_local_pref,
    decode_med,
    decode_next_hop,
    decode_only_to_customer,
    decode_origin,
    decode_originator_id,
    encode_aggregator,
    encode_as4_aggregator,
    encode_atomic_aggregate,
    encode_cluster_list,
    encode_local_pref,
    encode_med,
    encode_next_hop,
    encode_only_to_customer,
    encode_origin,
    encode_originator_id,
)


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """An attribute that this codec does not parse, byte for byte."""

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


class Descriptor(NamedTuple):
    """One row of the table: what a value looks like and what a bad one costs (RFC 7606 7)."""

    flags: int
    decode: Callable[[Reader, WireContext], Attribute]
    reaction: Reaction
    subcode: UpdateSubcode = UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR
    internal: bool = False
    """Has no meaning from an external peer and is dropped (RFC 7606 7.5, 7.9, 7.10)."""
    old_peer: bool = False
    """Has no meaning from a peer with 4-octet AS numbers and is dropped (RFC 6793 6)."""


_WELL_KNOWN: Final = AttributeFlag.TRANSITIVE
_TRANSITIVE: Final = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE
_LOCAL: Final = AttributeFlag.OPTIONAL
_LENGTH_ERROR: Final = UpdateSubcode.ATTRIBUTE_LENGTH_ERROR
_W: Final = Reaction.WITHDRAW
_A: Final = Reaction.DISCARD

DESCRIPTORS: Final[dict[int, Descriptor]] = {
    AttributeCode.ORIGIN: Descriptor(
        _WELL_KNOWN, decode_origin, _W, UpdateSubcode.INVALID_ORIGIN_ATTRIBUTE
    ),
    AttributeCode.AS_PATH: Descriptor(
        _WELL_KNOWN, decode_as_path, _W, UpdateSubcode.MALFORMED_AS_PATH
    ),
    AttributeCode.NEXT_HOP: Descriptor(
        _WELL_KNOWN, decode_next_hop, _W, UpdateSubcode.INVALID_NEXT_HOP_ATTRIBUTE
    ),
    AttributeCode.MULTI_EXIT_DISC: Descriptor(_LOCAL, decode_med, _W, _LENGTH_ERROR),
    AttributeCode.LOCAL_PREF: Descriptor(
        _WELL_KNOWN, decode_local_pref, _W, _LENGTH_ERROR, internal=True
    ),
    AttributeCode.ATOMIC_AGGREGATE: Descriptor(
        _WELL_KNOWN, decode_atomic_aggregate, _A, _LENGTH_ERROR
    ),
    AttributeCode.AGGREGATOR: Descriptor(_TRANSITIVE, decode_aggregator, _A, _LENGTH_ERROR),
    AttributeCode.COMMUNITIES: Descriptor(_TRANSITIVE, decode_communities, _W),
    AttributeCode.ORIGINATOR_ID: Descriptor(
        _LOCAL, decode_originator_id, _W, _LENGTH_ERROR, internal=True
    ),
    AttributeCode.CLUSTER_LIST: Descriptor(
        _LOCAL, decode_cluster_list, _W, _LENGTH_ERROR, internal=True
    ),
    AttributeCode.EXTENDED_COMMUNITIES: Descriptor(_TRANSITIVE, decode_extended_communities, _W),
    AttributeCode.AS4_PATH: Descriptor(_TRANSITIVE, decode_as4_path, _A, old_peer=True),
    AttributeCode.AS4_AGGREGATOR: Descriptor(_TRANSITIVE, decode_as4_aggregator, _A, _LENGTH_ERROR),
    AttributeCode.IPV6_EXTENDED_COMMUNITIES: Descriptor(
        _TRANSITIVE, decode_ipv6_extended_communities, _W
    ),
    AttributeCode.LARGE_COMMUNITIES: Descriptor(_TRANSITIVE, decode_large_communities, _W),
    AttributeCode.ONLY_TO_CUSTOMER: Descriptor(
        _TRANSITIVE, decode_only_to_customer, _W, _LENGTH_ERROR
    ),
}


class Encoded(NamedTuple):
    """An attribute on its way out, before its header."""

    flags: int
    code: int
    value: bytes


def encode_value(attribute: Attribute, context: WireContext) -> Encoded:  # noqa: C901  a table of types
    match attribute:
        case Origin():
            return Encoded(_WELL_KNOWN, AttributeCode.ORIGIN, encode_origin(attribute, context))
        case AsPath():
            return Encoded(_WELL_KNOWN, AttributeCode.AS_PATH, encode_as_path(attribute, context))
        case NextHop():
            return Encoded(_WELL_KNOWN, AttributeCode.NEXT_HOP, encode_next_hop(attribute, context))
        case MultiExitDisc():
            return Encoded(_LOCAL, AttributeCode.MULTI_EXIT_DISC, encode_med(attribute, context))
        case LocalPref():
            return Encoded(
                _WELL_KNOWN, AttributeCode.LOCAL_PREF, encode_local_pref(attribute, context)
            )
        case AtomicAggregate():
            return Encoded(
                _WELL_KNOWN,
                AttributeCode.ATOMIC_AGGREGATE,
                encode_atomic_aggregate(attribute, context),
            )
        case Aggregator():
            return Encoded(
                _TRANSITIVE, AttributeCode.AGGREGATOR, encode_aggregator(attribute, context)
            )
        case Communities():
            return Encoded(
                _TRANSITIVE, AttributeCode.COMMUNITIES, encode_communities(attribute, context)
            )
        case OriginatorId():
            return Encoded(
                _LOCAL, AttributeCode.ORIGINATOR_ID, encode_originator_id(attribute, context)
            )
        case ClusterList():
            return Encoded(
                _LOCAL, AttributeCode.CLUSTER_LIST, encode_cluster_list(attribute, context)
            )
        case MpReach():
            return Encoded(_LOCAL, AttributeCode.MP_REACH_NLRI, encode_mp_reach(attribute, context))
        case MpUnreach():
            return Encoded(
                _LOCAL, AttributeCode.MP_UNREACH_NLRI, encode_mp_unreach(attribute, context)
            )
        case ExtendedCommunities():
            return Encoded(
                _TRANSITIVE,
                AttributeCode.EXTENDED_COMMUNITIES,
                encode_extended_communities(attribute, context),
            )
        case As4Path():
            return Encoded(_TRANSITIVE, AttributeCode.AS4_PATH, encode_as4_path(attribute, context))
        case As4Aggregator():
            return Encoded(
                _TRANSITIVE, AttributeCode.AS4_AGGREGATOR, encode_as4_aggregator(attribute, context)
            )
        case Ipv6ExtendedCommunities():
            return Encoded(
                _TRANSITIVE,
                AttributeCode.IPV6_EXTENDED_COMMUNITIES,
                encode_ipv6_extended_communities(attribute, context),
            )
        case LargeCommunities():
            return Encoded(
                _TRANSITIVE,
                AttributeCode.LARGE_COMMUNITIES,
                encode_large_communities(attribute, context),
            )
        case OnlyToCustomer():
            return Encoded(
                _TRANSITIVE,
                AttributeCode.ONLY_TO_CUSTOMER,
                encode_only_to_customer(attribute, context),
            )
        case RawAttribute(flags, code, value):
            return Encoded(flags, code, value)
        case _:
            assert_never(attribute)
