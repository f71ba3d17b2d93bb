"""The 19 octets before every message (RFC 4271 4.1), and cutting messages out of a stream.

    +---------------------------------------------------------------+
    |               Marker, 16 octets, all ones                     |
    +-------------------------------+---------------+---------------+
    |            Length             |     Type      |
    +-------------------------------+---------------+

The header is judged as soon as it is there, before the body has arrived, so that no peer can make
us wait for, or buffer, more than their message may have.
"""

from struct import Struct, pack
from typing import Final

from prefixd.bgp.wire.context import STANDARD_MESSAGE_LENGTH, WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import ErrorCode, HeaderSubcode, MessageType, message_name

MARKER: Final = b"\xff" * 16
HEADER_LENGTH: Final = 19

_MINIMUM: Final[dict[int, int]] = {
    MessageType.OPEN: 29,
    MessageType.UPDATE: 23,
    MessageType.NOTIFICATION: 21,
    MessageType.KEEPALIVE: 19,
    MessageType.ROUTE_REFRESH: 23,
}
_NEVER_EXTENDED: Final = frozenset({MessageType.OPEN, MessageType.KEEPALIVE})
_HEADER: Final = Struct("!16sHB")


def message_length(buffer: bytes | bytearray, offset: int, context: WireContext) -> int | None:
    """The length of the message that starts at `offset`; None while its header is incomplete.

    Raises when no acceptable message starts there. Offsets in errors count from the message.
    """
    if len(buffer) - offset < HEADER_LENGTH:
        return None
    marker, length, kind = _HEADER.unpack_from(buffer, offset)
    if marker != MARKER:
        raise _header_error(
            "the marker is not all ones", 0, "marker", HeaderSubcode.CONNECTION_NOT_SYNCHRONIZED
        )
    if not HEADER_LENGTH <= length <= context.max_message:
        # A type we can trust is needed to know whether we may answer; a length we cannot trust
        # makes no difference to that.
        raise _length_error(length, kind)
    minimum = _MINIMUM.get(kind)
    if minimum is None:
        raise _header_error(
            f"message type {kind}",
            18,
            "type",
            HeaderSubcode.BAD_MESSAGE_TYPE,
            bytes((kind,)),
        )
    if (
        length < minimum
        or (kind in _NEVER_EXTENDED and length > STANDARD_MESSAGE_LENGTH)
        or (kind == MessageType.KEEPALIVE and length != HEADER_LENGTH)
    ):
        raise _length_error(length, kind)
    return int(length)


def _length_error(length: int, kind: int) -> WireError:
    return _header_error(
        f"{length} octets for a message of type {kind} ({message_name(kind)})",
        16,
        "length",
        HeaderSubcode.BAD_MESSAGE_LENGTH,
        pack("!H", length),
        answerable=kind != MessageType.NOTIFICATION,
    )


def _header_error(
    detail: str,
    offset: int,
    field: str,
    subcode: HeaderSubcode,
    data: bytes = b"",
    *,
    answerable: bool = True,
) -> WireError:
    return WireError(
        detail,
        offset=offset,
        field=field,
        code=ErrorCode.MESSAGE_HEADER,
        subcode=subcode,
        data=data,
        answerable=answerable,
    )


def cut_message(buffer: bytearray, context: WireContext) -> bytes | None:
    """Take the first whole message off the front of `buffer`; None while it is incomplete."""
    length = message_length(buffer, 0, context)
    if length is None or len(buffer) < length:
        return None
    message = bytes(buffer[:length])
    del buffer[:length]
    return message


def frame(kind: MessageType, body: bytes, context: WireContext) -> bytes:
    """Header and body. Refuses what this peer would answer with Bad Message Length."""
    length = HEADER_LENGTH + len(body)
    limit = STANDARD_MESSAGE_LENGTH if kind in _NEVER_EXTENDED else context.max_message
    if length > limit:
        raise _header_error(
            f"a message of {length} octets, {limit} allowed",
            16,
            "length",
            HeaderSubcode.BAD_MESSAGE_LENGTH,
        )
    return _HEADER.pack(MARKER, length, kind) + body
