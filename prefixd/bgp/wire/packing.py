"""Many routes, few messages: NLRI octets and one shared attribute set into UPDATEs.

    +--------+---------------+----------------------------------------+------------------+
    | header | withdrawn = 0 | MP_REACH_NLRI (family, next hop, NLRI) | other attributes |
    +--------+---------------+----------------------------------------+------------------+
                                                    IPv4 unicast: classic fields, NLRI last

Both sides of the work are done elsewhere and once: the caller brings NLRI that are ready octets and
attributes encoded without MP_REACH_NLRI. Here they are only cut into messages that fit, with no
object per route. One UPDATE carries announcements or withdrawals of one family, never a mixture,
and MP_REACH_NLRI stands first (RFC 7606 5.1). A withdrawal carries no other attribute.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from prefixd.bgp.wire.context import STANDARD_MESSAGE_LENGTH
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import IPV4_UNICAST, AttributeCode, AttributeFlag, Family, MessageType

_MARKER: Final = b"\xff" * 16
_HEADER: Final = Struct("!16sHB")
_START: Final = Struct("!16sHBHH")  # marker, length, type, withdrawn length, attributes length
_UPDATE: Final = int(MessageType.UPDATE)
_SHORT: Final = Struct("!BBB")
_LONG: Final = Struct("!BBH")
_FAMILY: Final = Struct("!HB")


def pack_announcements(
    nlri: Sequence[bytes],
    *,
    family: Family,
    attributes: bytes,
    next_hop: bytes = b"",
    max_message: int = STANDARD_MESSAGE_LENGTH,
) -> list[bytes]:
    """UPDATEs that announce every NLRI once, in order.

    `attributes` are encoded path attributes without MP_REACH_NLRI (for IPv4 unicast they include
    NEXT_HOP and `next_hop` stays empty).
    """
    if family == IPV4_UNICAST:
        fixed = _START.size + len(attributes)
        return [
            _START.pack(_MARKER, fixed + len(chunk), _UPDATE, 0, len(attributes))
            + attributes
            + chunk
            for chunk in _fill(nlri, max_message - fixed)
        ]
    head = _FAMILY.pack(*family) + bytes((len(next_hop),)) + next_hop + b"\0"
    return _multiprotocol(nlri, AttributeCode.MP_REACH_NLRI, head, attributes, max_message)


def pack_withdrawals(
    nlri: Sequence[bytes], *, family: Family, max_message: int = STANDARD_MESSAGE_LENGTH
) -> list[bytes]:
    """UPDATEs that withdraw every NLRI once, in order."""
    if family == IPV4_UNICAST:
        return [
            _HEADER.pack(_MARKER, _START.size + len(chunk), _UPDATE)
            + len(chunk).to_bytes(2, "big")
            + chunk
            + b"\0\0"
            for chunk in _fill(nlri, max_message - _START.size)
        ]
    head = _FAMILY.pack(*family)
    return _multiprotocol(nlri, AttributeCode.MP_UNREACH_NLRI, head, b"", max_message)


def end_of_rib(family: Family) -> bytes:
    """RFC 4724 2: the UPDATE that ends the initial dump of a family."""
    if family == IPV4_UNICAST:
        return _START.pack(_MARKER, _START.size, _UPDATE, 0, 0)
    return _frame(AttributeCode.MP_UNREACH_NLRI, _FAMILY.pack(*family), b"", b"")


def _multiprotocol(
    nlri: Sequence[bytes], code: int, head: bytes, attributes: bytes, max_message: int
) -> list[bytes]:
    room = max_message - _START.size - len(attributes) - _LONG.size - len(head)
    return [_frame(code, head, chunk, attributes) for chunk in _fill(nlri, room)]


def _frame(code: int, head: bytes, chunk: bytes, attributes: bytes) -> bytes:
    size = len(head) + len(chunk)
    if size > 0xFF:
        flags = AttributeFlag.OPTIONAL | AttributeFlag.EXTENDED_LENGTH
        header = _LONG.pack(flags, code, size)
    else:
        header = _SHORT.pack(AttributeFlag.OPTIONAL, code, size)
    total = len(header) + size + len(attributes)
    start = _START.pack(_MARKER, _START.size + total, _UPDATE, 0, total)
    return b"".join((start, header, head, chunk, attributes))


def _fill(nlri: Sequence[bytes], room: int) -> list[bytes]:
    """Greedy: as many whole NLRI into each chunk as `room` holds."""
    chunks: list[bytes] = []
    first = used = 0
    for index, octets in enumerate(nlri):
        size = len(octets)
        used += size
        if used > room:
            if size > room or size == 0:
                raise WireError(f"an NLRI of {size} octets, room for {room}", field="nlri")
            chunks.append(b"".join(nlri[first:index]))
            first, used = index, size
    if first < len(nlri):
        chunks.append(b"".join(nlri[first:]))
    return chunks
