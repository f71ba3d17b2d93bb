"""OPEN (RFC 4271 4.2), with the optional parameters of RFC 5492 and their long form, RFC 9072.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+-------------------------------+
    |   Version 4   |            My AS              |
    +---------------+---------------+---------------+---------------+
    |           Hold Time           |    BGP Identifier ...
    +-------------------------------+---------------+---------------+
     ...                            | Opt Parm Len  |  Parameters ...
    +-------------------------------+---------------+----------------

A decoded OPEN has the values that the peer sent. Only what makes it unreadable is an error here;
whether its AS, identifier or hold time suit us is `fsm/negotiate.py`'s business, which knows our
side.
"""

from dataclasses import dataclass
from struct import pack
from typing import Final, TypeVar

from prefixd.bgp.wire.capability import (
    Capability,
    FourOctetAs,
    Multiprotocol,
    RawCapability,
    decode_capability,
    encode_capability,
    is_malformed,
)
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.iana import (
    AS_TRANS,
    CapabilityCode,
    ErrorCode,
    Family,
    OpenSubcode,
    capability_name,
)
from prefixd.bgp.wire.reader import Reader

VERSION: Final = 4
CAPABILITIES_PARAMETER: Final = 2
EXTENDED_PARAMETERS: Final = 255

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    my_as: int
    """The 2-octet field: the AS number, or 23456 when it does not fit."""

    hold_time_s: int
    bgp_identifier: int
    capabilities: tuple[Capability, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Capabilities that were ignored because their value makes no sense."""

    @property
    def asn(self) -> int:
        """The AS number the peer claims: capability 65 where present, else the 2-octet field."""
        four_octet = self.first(FourOctetAs)
        return self.my_as if four_octet is None else four_octet.asn

    @property
    def families(self) -> frozenset[Family]:
        """Families named by Multiprotocol capabilities; empty when there was none at all."""
        return frozenset(each.family for each in self.all(Multiprotocol))

    def all(self, kind: type[_Kind]) -> list[_Kind]:
        """Every capability of one type, in the order of the message."""
        return [each for each in self.capabilities if isinstance(each, kind)]

    def first(self, kind: type[_Kind]) -> _Kind | None:
        for each in self.capabilities:
            if isinstance(each, kind):
                return each
        return None

    def last(self, kind: type[_Kind]) -> _Kind | None:
        """The last one wins where a capability must not repeat but does (RFC 4724 3)."""
        for each in reversed(self.capabilities):
            if isinstance(each, kind):
                return each
        return None


def two_octet_as(asn: int) -> int:
    """What goes into the My AS field for this AS number (RFC 6793 9)."""
    return asn if asn <= 0xFFFF else AS_TRANS


def decode_open(reader: Reader) -> Open:
    reader.blame(ErrorCode.OPEN_MESSAGE, OpenSubcode.UNSPECIFIC)
    version = reader.u8("version")
    if version != VERSION:
        raise WireError(
            f"BGP version {version}",
            offset=reader.offset - 1,
            field="version",
            code=ErrorCode.OPEN_MESSAGE,
            subcode=OpenSubcode.UNSUPPORTED_VERSION_NUMBER,
            data=pack("!H", VERSION),
        )
    my_as = reader.u16("my AS")
    hold_time_s = reader.u16("hold time")
    bgp_identifier = reader.u32("BGP identifier")
    capabilities, faults = _decode_parameters(reader)
    return Open(
        my_as=my_as,
        hold_time_s=hold_time_s,
        bgp_identifier=bgp_identifier,
        capabilities=tuple(capabilities),
        faults=tuple(faults),
    )


def _decode_parameters(reader: Reader) -> tuple[list[Capability], list[Fault]]:
    """All capabilities of all parameters: peers send one parameter for all or one for each."""
    length = reader.u8("optional parameters length")
    # RFC 9072 2: the length octet is then of no meaning (255 is only what senders should write),
    # but a zero still means "none", and a type of 255 inside a short list is just unknown.
    extended = length != 0 and reader.peek() == EXTENDED_PARAMETERS
    if extended:
        reader.u8("extended parameters type")
        length = reader.u16("extended parameters length")
    parameters = reader.window(length, "optional parameters")
    reader.expect_end("OPEN")
    capabilities: list[Capability] = []
    faults: list[Fault] = []
    while parameters:
        kind = parameters.u8("parameter type")
        size = parameters.u16("parameter length") if extended else parameters.u8("parameter length")
        value = parameters.window(size, "parameter value")
        if kind != CAPABILITIES_PARAMETER:
            raise WireError(
                f"optional parameter type {kind}",
                offset=value.offset,
                field="parameter type",
                code=ErrorCode.OPEN_MESSAGE,
                subcode=OpenSubcode.UNSUPPORTED_OPTIONAL_PARAMETER,
            )
        while value:
            start = value.offset
            capability = decode_capability(value)
            capabilities.append(capability)
            if is_malformed(capability):
                faults.append(_refuse_or_ignore(capability, start))
    return capabilities, faults


def _refuse_or_ignore(capability: Capability, offset: int) -> Fault:
    """A capability with an impossible length: fatal for the AS number, ignored for the others."""
    assert isinstance(capability, RawCapability)
    name = capability_name(capability.code)
    detail = f"capability {name} with {len(capability.value)} octets"
    if capability.code == CapabilityCode.FOUR_OCTET_AS:
        raise WireError(
            detail,
            offset=offset,
            field="capability value",
            code=ErrorCode.OPEN_MESSAGE,
            subcode=OpenSubcode.UNSPECIFIC,
        )
    return Fault(
        reaction=Reaction.IGNORE,
        reason=Reason.CAPABILITY_LENGTH,
        detail=detail,
        offset=offset,
        field="capability value",
        code=ErrorCode.OPEN_MESSAGE,
        subcode=OpenSubcode.UNSPECIFIC,
        data=capability.value,
    )


def encode_open(message: Open) -> bytes:
    """The body. One parameter holds all capabilities; the long form only when it must be."""
    capabilities = b"".join(map(encode_capability, message.capabilities))
    head = pack("!BHHI", VERSION, message.my_as, message.hold_time_s, message.bgp_identifier)
    if not capabilities:
        return head + b"\x00"
    if len(capabilities) <= 253:
        parameter = bytes((CAPABILITIES_PARAMETER, len(capabilities))) + capabilities
        return head + bytes((len(parameter),)) + parameter
    parameter = pack("!BH", CAPABILITIES_PARAMETER, len(capabilities)) + capabilities
    extended = pack("!BBH", EXTENDED_PARAMETERS, EXTENDED_PARAMETERS, len(parameter))
    return head + extended + parameter
