"""A list of path attributes (RFC 4271 4.3): frames, order, and the price of each mistake.

     0                   1                   2
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
    +---------------+---------------+---------------+----------------
    |O|T|P|E|unused |     Type      |    Length     |   Value ...   (two octets of length with E)
    +---------------+---------------+---------------+----------------

The frame is read before the content and content never moves a frame. What is wrong with a value
becomes a `Fault` with the reaction of RFC 7606, the attribute is left out of the result, and the
next one is read. Only three things end the session here: an unknown well-known attribute, a
second list of routes, and a list of routes that cannot be walked when the session has no other
family to live for.
"""

from collections.abc import Iterable
from dataclasses import replace
from struct import pack
from typing import Final, NamedTuple

from prefixd.bgp.wire.attribute import DESCRIPTORS, Attribute, Encoded, RawAttribute, encode_value
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import MAX_REPEATED_FAULTS, Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.iana import AttributeCode, AttributeFlag, UpdateSubcode, attribute_name
from prefixd.bgp.wire.mp_reach import (
    decode_mp_reach,
    decode_mp_unreach,
    is_readable,
    read_family,
)
from prefixd.bgp.wire.reader import Reader

_KIND_FLAGS: Final = AttributeFlag.OPTIONAL | AttributeFlag.TRANSITIVE
_MULTIPROTOCOL: Final = frozenset({AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI})


class _Frame(NamedTuple):
    """One attribute with its bounds known and its value unread."""

    flags: int
    code: int
    value: Reader
    start: int
    octets: bytes

    def fault(
        self,
        reaction: Reaction,
        reason: Reason,
        detail: str,
        subcode: int,
        offset: int | None = None,
    ) -> Fault:
        return Fault(
            reaction=reaction,
            reason=reason,
            detail=detail,
            offset=self.start if offset is None else offset,
            field=attribute_name(self.code),
            attribute=self.code,
            subcode=subcode,
            data=self.octets,
        )

    def reset(self, detail: str, subcode: int, offset: int | None = None) -> WireError:
        return WireError(
            detail,
            offset=self.start if offset is None else offset,
            field=attribute_name(self.code),
            subcode=subcode,
            data=self.octets,
        )

    def raw(self) -> RawAttribute:
        return RawAttribute(self.flags, self.code, self.value.rest("attribute value"))


def decode_attributes(
    reader: Reader, context: WireContext, faults: list[Fault]
) -> tuple[Attribute, ...]:
    """All attributes that can be used, in the order we would write them: it means nothing."""
    attributes: dict[int, Attribute] = {}
    seen: set[int] = set()
    while reader:
        frame = _read_frame(reader, faults)
        if frame is None:
            break
        if frame.code in seen:
            _check_duplicate(frame, faults)
            continue
        seen.add(frame.code)
        attribute = _decode_value(frame, context, faults)
        if attribute is not None:
            attributes[frame.code] = attribute
    return tuple(attributes[code] for code in sorted(attributes, key=_position))


def _read_frame(reader: Reader, faults: list[Fault]) -> _Frame | None:
    """The next frame; None, and a fault, when it runs past the attributes (RFC 7606 4)."""
    start = reader.offset
    try:
        flags = reader.u8("attribute flags")
        code = reader.u8("attribute type")
        if flags & AttributeFlag.EXTENDED_LENGTH:
            length = reader.u16("attribute length")
        else:
            length = reader.u8("attribute length")
        value = reader.window(length, "attribute value")
    except WireError as error:
        faults.append(
            Fault(
                reaction=Reaction.WITHDRAW,
                reason=Reason.ATTRIBUTE_OVERRUN,
                detail=error.detail,
                offset=error.offset,
                field=error.field,
            )
        )
        return None
    return _Frame(flags, code, value, start, reader.since(start))


def _check_duplicate(frame: _Frame, faults: list[Fault]) -> None:
    """The first one counts (RFC 7606 3 g), except where two would mean two lists of routes."""
    detail = f"a second {attribute_name(frame.code)}"
    if frame.code in _MULTIPROTOCOL:
        raise WireError(detail, offset=frame.start, field=attribute_name(frame.code))
    if len(faults) < MAX_REPEATED_FAULTS:
        faults.append(
            frame.fault(
                Reaction.DISCARD,
                Reason.ATTRIBUTE_DUPLICATE,
                detail,
                UpdateSubcode.MALFORMED_ATTRIBUTE_LIST,
            )
        )


def _decode_value(frame: _Frame, context: WireContext, faults: list[Fault]) -> Attribute | None:
    if frame.code in _MULTIPROTOCOL:
        _check_flags(frame, AttributeFlag.OPTIONAL, faults)
        return _decode_multiprotocol(frame, context, faults)
    descriptor = DESCRIPTORS.get(frame.code)
    if descriptor is None:
        return _keep_unknown(frame, faults)
    if (descriptor.internal and context.external) or (
        descriptor.old_peer and context.four_octet_as
    ):
        detail = f"{attribute_name(frame.code)} from a peer that should not send it"
        faults.append(
            frame.fault(Reaction.DISCARD, Reason.ATTRIBUTE_NOT_EXPECTED, detail, descriptor.subcode)
        )
        return None
    _check_flags(frame, descriptor.flags, faults)
    try:
        attribute = descriptor.decode(frame.value, context)
        frame.value.expect_end("attribute value")
    except WireError as error:
        faults.append(
            frame.fault(
                descriptor.reaction,
                Reason.ATTRIBUTE_MALFORMED,
                f"{error.detail} in {error.field}",
                descriptor.subcode,
                offset=error.offset,
            )
        )
        return None
    return attribute


def _check_flags(frame: _Frame, expected: int, faults: list[Fault]) -> None:
    """Optional and transitive must be what the attribute's RFC says (RFC 7606 3 c)."""
    if (frame.flags ^ expected) & _KIND_FLAGS:
        detail = f"flags {frame.flags:#04x} where {expected:#04x} belongs"
        faults.append(
            frame.fault(
                Reaction.WITHDRAW,
                Reason.ATTRIBUTE_FLAGS,
                detail,
                UpdateSubcode.ATTRIBUTE_FLAGS_ERROR,
            )
        )


def _keep_unknown(frame: _Frame, faults: list[Fault]) -> RawAttribute:
    if not frame.flags & AttributeFlag.OPTIONAL:
        raise frame.reset(
            f"well-known attribute {frame.code} is unknown",
            UpdateSubcode.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
        )
    if not frame.flags & AttributeFlag.TRANSITIVE:
        faults.append(
            frame.fault(
                Reaction.IGNORE,
                Reason.ATTRIBUTE_UNKNOWN,
                f"attribute {frame.code} is unknown and not transitive",
                UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
            )
        )
    return frame.raw()


def _decode_multiprotocol(
    frame: _Frame, context: WireContext, faults: list[Fault]
) -> Attribute | None:
    """Kept raw where the family is none of ours; its loss where the NLRI cannot be walked."""
    value = frame.value
    start = value.offset
    try:
        family = read_family(value)
    except WireError as error:
        raise frame.reset(
            error.detail, UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR, error.offset
        ) from None
    value.offset = start
    if family not in context.families or not is_readable(family):
        faults.append(
            replace(
                frame.fault(
                    Reaction.IGNORE,
                    Reason.FAMILY_NOT_NEGOTIATED,
                    f"routes of {family}, which was not negotiated",
                    UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
                ),
                family=family,
            )
        )
        return frame.raw()
    decode = decode_mp_reach if frame.code == AttributeCode.MP_REACH_NLRI else decode_mp_unreach
    try:
        return decode(value, context, faults)
    except WireError as error:
        if len(context.families) == 1:
            raise frame.reset(
                error.detail, UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR, error.offset
            ) from None
        faults.append(
            replace(
                frame.fault(
                    Reaction.DISABLE_FAMILY,
                    Reason.NLRI_FRAMING,
                    f"{error.detail} in {error.field}",
                    UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
                    offset=error.offset,
                ),
                family=family,
            )
        )
        return None


def _position(code: int) -> tuple[bool, int]:
    """MP_REACH_NLRI first (RFC 7606 5.1), then by type."""
    return code not in _MULTIPROTOCOL, code


def _position_of(encoded: Encoded) -> tuple[bool, int]:
    return _position(encoded.code)


def encode_attributes(attributes: Iterable[Attribute], context: WireContext) -> bytes:
    """Attributes with their headers, in the order receivers want.

    The octets depend on the context only through the width of AS numbers, so one result serves all
    peers that agree on it.
    """
    encoded = sorted((encode_value(each, context) for each in attributes), key=_position_of)
    return b"".join(encode_frame(*each) for each in encoded)


def encode_frame(flags: int, code: int, value: bytes) -> bytes:
    """Header and value; the long form only where the value or the given flags ask for it."""
    length = len(value)
    if length > 0xFF or flags & AttributeFlag.EXTENDED_LENGTH:
        if length > 0xFFFF:
            raise WireError(f"{length} octets", field=attribute_name(code))
        return pack("!BBH", flags | AttributeFlag.EXTENDED_LENGTH, code, length) + value
    return bytes((flags, code, length)) + value
