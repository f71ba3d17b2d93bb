"""MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 3 and 4) for unicast and FlowSpec.

    MP_REACH_NLRI                                MP_UNREACH_NLRI
    +-------------------------------+            +-------------------------------+
    |              AFI              |            |              AFI              |
    +---------------+---------------+            +---------------+---------------+
    |     SAFI      |  Next hop len |            |     SAFI      |
    +---------------+---------------+            +---------------+----------------
    |  Next hop ...                              |  NLRI ...
    +---------------+----------------            +--------------------------------
    |   Reserved    |  NLRI ...
    +---------------+----------------

An error in the walk through the NLRI loses the place of the next one, so it is raised and costs
the family. An error inside one FlowSpec NLRI costs that rule alone: it comes back as `RawNlri` with
a fault beside it (RFC 8955 10, RFC 7606 5.3). Nothing here judges a next hop's address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import pack
from typing import Final, assert_never

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import MAX_REPEATED_FAULTS, Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.flowspec import (
    FlowSpecRule,
    decode_rule,
    encode_nlri,
    encode_rule,
    split_bodies,
)
from prefixd.bgp.wire.iana import (
    Afi,
    AttributeCode,
    Family,
    Safi,
    UpdateSubcode,
)
from prefixd.bgp.wire.prefix import Prefix, encode_prefix, read_prefix
from prefixd.bgp.wire.reader import Reader

_FLOWSPEC: Final = frozenset({Safi.FLOWSPEC, Safi.FLOWSPEC_VPN})
_AFIS: Final = frozenset(Afi)
_NEXT_HOP_LENGTHS: Final[dict[int, frozenset[int]]] = {
    # IPv4 routes may have an IPv6 next hop (RFC 8950), IPv6 ones a link-local address behind the
    # global one (RFC 2545 3). FlowSpec has none, but peers are known to send one all the same.
    Safi.UNICAST: frozenset({4, 16, 32}),
    Safi.FLOWSPEC: frozenset({0, 4, 16, 32}),
    Safi.FLOWSPEC_VPN: frozenset({0, 4, 12, 16, 24, 32, 48}),
}


@dataclass(frozen=True, slots=True)
class RawNlri:
    """One NLRI as received, without its length octets: its content made no sense."""

    octets: bytes


Nlri = Prefix | FlowSpecRule | RawNlri


@dataclass(frozen=True, slots=True, kw_only=True)
class MpReach:
    family: Family
    nlri: tuple[Nlri, ...]
    next_hop: bytes = b""
    """As on the wire: empty for FlowSpec, 4, 16 or 32 octets for unicast."""

    path_ids: tuple[int, ...] = ()
    """RFC 7911: one for each NLRI where add-path was negotiated, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MpUnreach:
    family: Family
    nlri: tuple[Nlri, ...] = ()
    """Empty: End-of-RIB (RFC 4724 2), when the attribute stands alone."""

    path_ids: tuple[int, ...] = ()


def is_readable(family: Family) -> bool:
    """Whether this codec knows the NLRI of a family."""
    return family.afi in _AFIS and family.safi in _NEXT_HOP_LENGTHS


def read_family(reader: Reader) -> Family:
    return Family(reader.u16("AFI"), reader.u8("SAFI"))


def decode_mp_reach(reader: Reader, context: WireContext, faults: list[Fault]) -> MpReach:
    """Reads behind the family when `is_readable`; faults of single NLRI go into `faults`."""
    family = read_family(reader)
    next_hop_length = reader.u8("next hop length")
    if next_hop_length not in _NEXT_HOP_LENGTHS.get(family.safi, frozenset()):
        raise reader.error(f"{next_hop_length} octets of next hop for {family}", "next hop length")
    next_hop = reader.take(next_hop_length, "next hop")
    reader.u8("reserved")
    nlri, path_ids = _read_list(
        reader, family, context, faults, AttributeCode.MP_REACH_NLRI, Reaction.WITHDRAW
    )
    return MpReach(family=family, next_hop=next_hop, nlri=nlri, path_ids=path_ids)


def decode_mp_unreach(reader: Reader, context: WireContext, faults: list[Fault]) -> MpUnreach:
    family = read_family(reader)
    nlri, path_ids = _read_list(
        reader, family, context, faults, AttributeCode.MP_UNREACH_NLRI, Reaction.IGNORE
    )
    return MpUnreach(family=family, nlri=nlri, path_ids=path_ids)


def _read_list(
    reader: Reader,
    family: Family,
    context: WireContext,
    faults: list[Fault],
    attribute: int,
    reaction: Reaction,
) -> tuple[tuple[Nlri, ...], tuple[int, ...]]:
    if not is_readable(family):
        raise reader.error(f"{family} is not a family we read", "AFI")
    add_path = family in context.add_path
    if family.safi not in _FLOWSPEC:
        return read_prefixes(reader, family.afi, add_path=add_path)
    nlri: list[Nlri] = []
    path_ids: list[int] = []
    for path_id, offset, body in _read_bodies(reader, add_path=add_path):
        if not body:
            if len(faults) < MAX_REPEATED_FAULTS:
                faults.append(_empty_fault(offset, family, attribute))
            continue
        try:
            nlri.append(decode_rule(body, family))
        except WireError as error:
            nlri.append(RawNlri(body))
            if len(faults) < MAX_REPEATED_FAULTS:  # the RawNlri says the same, only shorter
                faults.append(_content_fault(error, offset, body, family, attribute, reaction))
        if add_path:
            path_ids.append(path_id)
    return tuple(nlri), tuple(path_ids)


def _read_bodies(reader: Reader, *, add_path: bool) -> Iterable[tuple[int, int, bytes]]:
    """Path identifier, offset and body of every FlowSpec NLRI; the whole list is walked first."""
    bodies: list[tuple[int, int, bytes]] = []
    if add_path:
        while reader:
            path_id = reader.u32("path identifier")
            length = reader.u8("NLRI length")
            if length >= 0xF0:
                length = (length & 0x0F) << 8 | reader.u8("NLRI length")
            bodies.append((path_id, reader.offset, reader.take(length, "NLRI")))
        return bodies
    base = reader.offset
    try:
        return [(0, base + at, body) for at, body in split_bodies(reader.rest("FlowSpec NLRI"))]
    except WireError as error:
        reader.offset = base + error.offset
        raise reader.error(error.detail, "NLRI length") from None


def read_prefixes(
    reader: Reader, afi: int, *, add_path: bool
) -> tuple[tuple[Prefix, ...], tuple[int, ...]]:
    """A list of unicast NLRI up to the end of the window."""
    prefixes: list[Prefix] = []
    path_ids: list[int] = []
    while reader:
        if add_path:
            path_ids.append(reader.u32("path identifier"))
        prefixes.append(read_prefix(reader, afi))
    return tuple(prefixes), tuple(path_ids)


def _content_fault(
    error: WireError, offset: int, body: bytes, family: Family, attribute: int, reaction: Reaction
) -> Fault:
    """What is wrong inside one NLRI; `nlri` says that the reaction concerns this one only."""
    return Fault(
        reaction=reaction,
        reason=Reason.NLRI_CONTENT,
        detail=error.detail,
        offset=offset + error.offset,
        field=error.field,
        attribute=attribute,
        family=family,
        subcode=UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
        data=body,
        nlri=body,
    )


def _empty_fault(offset: int, family: Family, attribute: int) -> Fault:
    """A rule of no octets names nothing, so there is nothing to withdraw (CVE-2023-38406)."""
    return Fault(
        reaction=Reaction.IGNORE,
        reason=Reason.NLRI_EMPTY,
        detail="a FlowSpec rule of zero octets",
        offset=offset,
        field="NLRI length",
        attribute=attribute,
        family=family,
        subcode=UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
        nlri=b"",
    )


def encode_mp_reach(attribute: MpReach, _: WireContext) -> bytes:
    """The value. Several NLRI are joined as they stand; the caller minds the message's size."""
    family, next_hop = attribute.family, attribute.next_hop
    if len(next_hop) not in _NEXT_HOP_LENGTHS.get(family.safi, frozenset()):
        raise WireError(f"{len(next_hop)} octets of next hop for {family}", field="next hop")
    nlri = encode_nlri_list(attribute.nlri, attribute.path_ids)
    return pack("!HBB", *family, len(next_hop)) + next_hop + b"\x00" + nlri


def encode_mp_unreach(attribute: MpUnreach, _: WireContext) -> bytes:
    nlri = encode_nlri_list(attribute.nlri, attribute.path_ids)
    return pack("!HB", *attribute.family) + nlri


def encode_nlri_list(nlri: Iterable[Nlri], path_ids: tuple[int, ...] = ()) -> bytes:
    encoded = map(_encode_one, nlri)
    if not path_ids:
        return b"".join(encoded)
    pairs = zip(path_ids, encoded, strict=True)
    return b"".join(pack("!I", path_id) + octets for path_id, octets in pairs)


def _encode_one(nlri: Nlri) -> bytes:
    match nlri:
        case Prefix():
            return encode_prefix(nlri)
        case FlowSpecRule():
            return encode_nlri(encode_rule(nlri))
        case RawNlri(octets):
            return encode_nlri(octets)
        case _:
            assert_never(nlri)
