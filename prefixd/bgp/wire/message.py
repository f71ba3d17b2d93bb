"""The five messages as one union, and the way in and out of octets; ROUTE-REFRESH itself.

`decode_message` takes one whole message, as `header.cut_message` gives it. Whatever the octets,
the result is a message or a `WireError` with the NOTIFICATION to answer.

ROUTE-REFRESH (RFC 2918 3, RFC 7313 3.2):

    +-------------------------------+---------------+---------------+
    |              AFI              |    Subtype    |     SAFI      |
    +-------------------------------+---------------+---------------+

Outbound route filters (RFC 5291) would follow; we never offer them, so octets behind the four are
an error: of this message for BoRR and EoRR (RFC 7313 5), of the length for a plain request.
"""

from dataclasses import dataclass
from struct import pack
from typing import assert_never

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.header import HEADER_LENGTH, frame, message_length
from prefixd.bgp.wire.iana import (
    ErrorCode,
    Family,
    HeaderSubcode,
    MessageType,
    RefreshErrorSubcode,
    RefreshSubtype,
)
from prefixd.bgp.wire.notification import Notification, decode_notification, encode_notification
from prefixd.bgp.wire.open import Open, decode_open, encode_open
from prefixd.bgp.wire.reader import Reader
from prefixd.bgp.wire.update import Update, decode_update, encode_update


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
                "an outbound route filter that was not negotiated",
                offset=reader.offset,
                field="ROUTE-REFRESH",
                code=ErrorCode.MESSAGE_HEADER,
                subcode=HeaderSubcode.BAD_MESSAGE_LENGTH,
                data=pack("!H", len(reader.data)),
            )
    return RouteRefresh(Family(afi, safi), subtype)


def encode_refresh(message: RouteRefresh) -> bytes:
    return pack("!HBB", message.family.afi, message.subtype, message.family.safi)


@dataclass(frozen=True, slots=True)
class Keepalive:
    """RFC 4271 4.4: a header and nothing else."""


Message = Open | Update | Notification | Keepalive | RouteRefresh
"""What a peer can say."""


def decode_message(octets: bytes, context: WireContext) -> Message:
    length = message_length(octets, 0, context)
    if length != len(octets):
        raise WireError(
            f"{len(octets)} octets for a message of {length}",
            offset=len(octets),
            field="length",
            code=ErrorCode.MESSAGE_HEADER,
            subcode=HeaderSubcode.BAD_MESSAGE_LENGTH,
            data=octets[16:18],
        )
    return decode_body(MessageType(octets[18]), Reader(octets, HEADER_LENGTH), context)


def decode_body(kind: MessageType, reader: Reader, context: WireContext) -> Message:
    """What follows a header that has been judged; `reader` stands behind it."""
    match kind:
        case MessageType.OPEN:
            return decode_open(reader)
        case MessageType.UPDATE:
            return decode_update(reader, context)
        case MessageType.NOTIFICATION:
            return decode_notification(reader)
        case MessageType.KEEPALIVE:
            return Keepalive()
        case MessageType.ROUTE_REFRESH:
            return decode_refresh(reader)
        case _:
            assert_never(kind)


def encode_message(message: Message, context: WireContext) -> bytes:
    match message:
        case Open():
            return frame(MessageType.OPEN, encode_open(message), context)
        case Update():
            return frame(MessageType.UPDATE, encode_update(message, context), context)
        case Notification():
            return frame(MessageType.NOTIFICATION, encode_notification(message), context)
        case Keepalive():
            return frame(MessageType.KEEPALIVE, b"", context)
        case RouteRefresh():
            return frame(MessageType.ROUTE_REFRESH, encode_refresh(message), context)
        case _:
            assert_never(message)
