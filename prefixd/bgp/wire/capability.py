"""Capabilities of the OPEN message (RFC 5492): code, length, value.

     0                   1
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
    +---------------+---------------+----------------
    |     Code      |    Length     |  Value ...
    +---------------+---------------+----------------

Those we understand become typed values; all others, and those whose length is impossible, stay a
`RawCapability` and are written back byte for byte. Whether a capability is acceptable is decided
by the negotiation, not here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import pack
from typing import Final, assert_never

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import CapabilityCode, ErrorCode, Family, OpenSubcode
from prefixd.bgp.wire.reader import Reader

FORWARDING_PRESERVED: Final = 0x80
GRACEFUL_RESTARTING: Final = 0x8
GRACEFUL_NOTIFICATION: Final = 0x4
MAX_RESTART_TIME_S: Final = 0xFFF
MAX_STALE_TIME_S: Final = 0xFFFFFF

ADD_PATH_RECEIVE: Final = 1
ADD_PATH_SEND: Final = 2


@dataclass(frozen=True, slots=True)
class Multiprotocol:
    """RFC 4760 8: we can exchange routes of this family."""

    family: Family


@dataclass(frozen=True, slots=True)
class RouteRefreshCapability:
    """RFC 2918 2."""


@dataclass(frozen=True, slots=True)
class CiscoRouteRefresh:
    """Code 128, what RFC 2918 was before it had a number; means the same."""


@dataclass(frozen=True, slots=True)
class ExtendedNextHop:
    """RFC 8950 4: (family, AFI of the next hop) pairs."""

    entries: tuple[tuple[Family, int], ...]


@dataclass(frozen=True, slots=True)
class ExtendedMessage:
    """RFC 8654 3."""


@dataclass(frozen=True, slots=True)
class Role:
    """RFC 9234 4.1: what the sender is to the receiver; see `RoleCode`."""

    role: int


@dataclass(frozen=True, slots=True)
class GracefulFamily:
    """One family of a graceful restart capability; `forwarding` is the F bit."""

    family: Family
    forwarding: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GracefulRestart:
    """RFC 4724 3 with the N bit of RFC 8538 2.

    No families means: keeps nothing of its own, but helps others and understands End-of-RIB.
    """

    restart_time_s: int
    restarting: bool = False
    notification: bool = False
    families: tuple[GracefulFamily, ...] = ()


@dataclass(frozen=True, slots=True)
class FourOctetAs:
    """RFC 6793 3: the sender's real AS number."""

    asn: int


@dataclass(frozen=True, slots=True)
class AddPathFamily:
    """`mode`: 1 the sender can receive, 2 can send, 3 both."""

    family: Family
    mode: int


@dataclass(frozen=True, slots=True)
class AddPath:
    """RFC 7911 4."""

    families: tuple[AddPathFamily, ...]


@dataclass(frozen=True, slots=True)
class EnhancedRouteRefresh:
    """RFC 7313 3.1."""


@dataclass(frozen=True, slots=True)
class LongLivedFamily:
    family: Family
    stale_time_s: int
    forwarding: bool = False


@dataclass(frozen=True, slots=True)
class LongLivedGracefulRestart:
    """RFC 9494 3."""

    families: tuple[LongLivedFamily, ...]


@dataclass(frozen=True, slots=True)
class Fqdn:
    """Code 73: names for people. Octets as received; escape them before showing."""

    host: bytes
    domain: bytes = b""


@dataclass(frozen=True, slots=True)
class SoftwareVersion:
    """Code 75: a text for people."""

    text: bytes


@dataclass(frozen=True, slots=True)
class RawCapability:
    """A code we do not read, or one whose value has an impossible length."""

    code: int
    value: bytes = b""


Capability = (
    Multiprotocol
    | RouteRefreshCapability
    | CiscoRouteRefresh
    | ExtendedNextHop
    | ExtendedMessage
    | Role
    | GracefulRestart
    | FourOctetAs
    | AddPath
    | EnhancedRouteRefresh
    | LongLivedGracefulRestart
    | Fqdn
    | SoftwareVersion
    | RawCapability
)


def decode_capability(reader: Reader) -> Capability:
    """The next capability.

    Raises when it runs past its parameter. An impossible length inside a whole frame is not an
    error of the OPEN (RFC 5492 leaves it open): the capability comes back raw, see `is_malformed`.
    """
    code = reader.u8("capability code")
    value = reader.window(reader.u8("capability length"), "capability value")
    decode = _DECODERS.get(code)
    if decode is not None:
        start = value.offset
        try:
            capability = decode(value)
            value.expect_end("capability value")
        except WireError:
            value.offset = start
        else:
            return capability
    return RawCapability(code, value.rest("capability value"))


def is_malformed(capability: Capability) -> bool:
    """A code we read, kept raw because its value could not be read."""
    return isinstance(capability, RawCapability) and capability.code in _DECODERS


def _decode_family(reader: Reader) -> Family:
    return Family(reader.u16("AFI"), reader.u8("SAFI"))


def _decode_multiprotocol(reader: Reader) -> Capability:
    afi = reader.u16("AFI")
    reader.u8("reserved")
    return Multiprotocol(Family(afi, reader.u8("SAFI")))


def _decode_extended_next_hop(reader: Reader) -> Capability:
    entries: list[tuple[Family, int]] = []
    while reader:
        family = Family(reader.u16("AFI"), reader.u16("SAFI"))
        entries.append((family, reader.u16("next hop AFI")))
    return ExtendedNextHop(tuple(entries))


def _decode_role(reader: Reader) -> Capability:
    return Role(reader.u8("role"))


def _decode_graceful_restart(reader: Reader) -> Capability:
    head = reader.u16("restart flags and time")
    families: list[GracefulFamily] = []
    while reader:
        family = _decode_family(reader)
        forwarding = bool(reader.u8("family flags") & FORWARDING_PRESERVED)
        families.append(GracefulFamily(family, forwarding))
    return GracefulRestart(
        restart_time_s=head & MAX_RESTART_TIME_S,
        restarting=bool(head >> 12 & GRACEFUL_RESTARTING),
        notification=bool(head >> 12 & GRACEFUL_NOTIFICATION),
        families=tuple(families),
    )


def _decode_four_octet_as(reader: Reader) -> Capability:
    return FourOctetAs(reader.u32("AS number"))


def _decode_add_path(reader: Reader) -> Capability:
    families: list[AddPathFamily] = []
    while reader:
        families.append(AddPathFamily(_decode_family(reader), reader.u8("send/receive")))
    return AddPath(tuple(families))


def _decode_long_lived(reader: Reader) -> Capability:
    families: list[LongLivedFamily] = []
    while reader:
        family = _decode_family(reader)
        forwarding = bool(reader.u8("family flags") & FORWARDING_PRESERVED)
        families.append(LongLivedFamily(family, reader.u24("stale time"), forwarding))
    return LongLivedGracefulRestart(tuple(families))


def _decode_fqdn(reader: Reader) -> Capability:
    host = reader.take(reader.u8("host name length"), "host name")
    return Fqdn(host, reader.take(reader.u8("domain name length"), "domain name"))


def _decode_software_version(reader: Reader) -> Capability:
    return SoftwareVersion(reader.take(reader.u8("version length"), "version text"))


_DECODERS: Final[dict[int, Callable[[Reader], Capability]]] = {
    CapabilityCode.MULTIPROTOCOL: _decode_multiprotocol,
    CapabilityCode.ROUTE_REFRESH: lambda _: RouteRefreshCapability(),
    CapabilityCode.EXTENDED_NEXT_HOP: _decode_extended_next_hop,
    CapabilityCode.EXTENDED_MESSAGE: lambda _: ExtendedMessage(),
    CapabilityCode.ROLE: _decode_role,
    CapabilityCode.GRACEFUL_RESTART: _decode_graceful_restart,
    CapabilityCode.FOUR_OCTET_AS: _decode_four_octet_as,
    CapabilityCode.ADD_PATH: _decode_add_path,
    CapabilityCode.ENHANCED_ROUTE_REFRESH: lambda _: EnhancedRouteRefresh(),
    CapabilityCode.LONG_LIVED_GRACEFUL_RESTART: _decode_long_lived,
    CapabilityCode.FQDN: _decode_fqdn,
    CapabilityCode.SOFTWARE_VERSION: _decode_software_version,
    CapabilityCode.CISCO_ROUTE_REFRESH: lambda _: CiscoRouteRefresh(),
}


def encode_capability(capability: Capability) -> bytes:
    code, value = _encode_value(capability)
    if len(value) > 255:
        raise WireError(
            f"capability {code} would need {len(value)} octets",
            field="capability length",
            code=ErrorCode.OPEN_MESSAGE,
            subcode=OpenSubcode.UNSPECIFIC,
        )
    return bytes((code, len(value))) + value


def _encode_value(capability: Capability) -> tuple[int, bytes]:  # noqa: C901  one arm a capability
    match capability:
        case Multiprotocol(family):
            return CapabilityCode.MULTIPROTOCOL, pack("!HBB", family.afi, 0, family.safi)
        case RouteRefreshCapability():
            return CapabilityCode.ROUTE_REFRESH, b""
        case CiscoRouteRefresh():
            return CapabilityCode.CISCO_ROUTE_REFRESH, b""
        case ExtendedNextHop(entries):
            octets = b"".join(pack("!HHH", *family, afi) for family, afi in entries)
            return CapabilityCode.EXTENDED_NEXT_HOP, octets
        case ExtendedMessage():
            return CapabilityCode.EXTENDED_MESSAGE, b""
        case Role(role):
            return CapabilityCode.ROLE, bytes((role,))
        case GracefulRestart():
            return CapabilityCode.GRACEFUL_RESTART, _encode_graceful_restart(capability)
        case FourOctetAs(asn):
            return CapabilityCode.FOUR_OCTET_AS, pack("!I", asn)
        case AddPath(families):
            octets = b"".join(pack("!HBB", *each.family, each.mode) for each in families)
            return CapabilityCode.ADD_PATH, octets
        case EnhancedRouteRefresh():
            return CapabilityCode.ENHANCED_ROUTE_REFRESH, b""
        case LongLivedGracefulRestart(long_lived):
            octets = b"".join(map(_encode_long_lived, long_lived))
            return CapabilityCode.LONG_LIVED_GRACEFUL_RESTART, octets
        case Fqdn(host, domain):
            names = pack("!B", len(host)) + host + pack("!B", len(domain)) + domain
            return CapabilityCode.FQDN, names
        case SoftwareVersion(text):
            return CapabilityCode.SOFTWARE_VERSION, pack("!B", len(text)) + text
        case RawCapability(code, value):
            return code, value
        case _:
            assert_never(capability)


def _encode_graceful_restart(capability: GracefulRestart) -> bytes:
    if not 0 <= capability.restart_time_s <= MAX_RESTART_TIME_S:
        raise WireError(
            f"a restart time of {capability.restart_time_s} s does not fit 12 bits",
            field="restart time",
            code=ErrorCode.OPEN_MESSAGE,
            subcode=OpenSubcode.UNSPECIFIC,
        )
    flags = GRACEFUL_RESTARTING if capability.restarting else 0
    flags |= GRACEFUL_NOTIFICATION if capability.notification else 0
    families = b"".join(
        pack("!HBB", *each.family, FORWARDING_PRESERVED if each.forwarding else 0)
        for each in capability.families
    )
    return pack("!H", flags << 12 | capability.restart_time_s) + families


def _encode_long_lived(each: LongLivedFamily) -> bytes:
    flags = FORWARDING_PRESERVED if each.forwarding else 0
    return pack("!HBB", *each.family, flags) + each.stale_time_s.to_bytes(3, "big")
