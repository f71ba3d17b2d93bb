"""ROUTE-REFRESH (RFC 2918 3, RFC 7313 3.2).

    +-------------------------------+---------------+---------------+
    |              AFI              |    Subtype    |     SAFI      |
    +-------------------------------+---------------+---------------+

Outbound route filters (RFC 5291) would follow; we never offer them, so octets behind the four are
an error: of this message for BoRR and EoRR (RFC 7313 5), of the length for a plain request.
"""

from dataclasses import dataclass
from struct import pack

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import (
    ErrorCode,
    Family,
    HeaderSubcode,
    RefreshErrorSubcode,
    RefreshSubtype,
)
from prefixd.bgp.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class RouteRefresh:
    family: Family
    subtype: int = RefreshSubtype.REQUEST
    """Values other than those of `RefreshSubtype` are to be ignored (RFC 7313 3.2)."""


def decode_refresh(reader: Reader) -> RouteRefresh:
    start = reader.offset
    afi = reader.u16("AFI")
    subtype = reader.u8("subtype")
    safi = reader.u8("SAFI")
    if reader:
        if subtype in (RefreshSubtype.BEGIN, RefreshSubtype.END):
            raise WireError(
                f"{len(reader)} octets too many",
                offset=start,
                field="ROUTE-REFRESH",
                code=ErrorCode.ROUTE_REFRESH_MESSAGE,
                subcode=RefreshErrorSubcode.INVALID_MESSAGE_LENGTH,
                data=reader.data,
            )
        if subtype == RefreshSubtype.REQUEST:
            raise WireError(
                "an outbound route filter nobody negotiated",
                offset=reader.offset,
                field="ROUTE-REFRESH",
                code=ErrorCode.MESSAGE_HEADER,
                subcode=HeaderSubcode.BAD_MESSAGE_LENGTH,
                data=pack("!H", len(reader.data)),
            )
    return RouteRefresh(Family(afi, safi), subtype)


def encode_refresh(message: RouteRefresh) -> bytes:
    return pack("!HBB", message.family.afi, message.subtype, message.family.safi)
