"""Code points, each with the name its IANA registry gives it.

Numbers arrive from strangers, so nothing here may fail on an unknown one: the enums are for what we
speak, the `*_name` functions for whatever we meet. This module knows no layout and no rule.
"""

from enum import IntEnum
from typing import NamedTuple


class Afi(IntEnum):
    IPV4 = 1
    IPV6 = 2


class Safi(IntEnum):
    UNICAST = 1
    FLOWSPEC = 133
    FLOWSPEC_VPN = 134


class Family(NamedTuple):
    """An address family as BGP names it. Plain integers: a peer may name any pair of numbers."""

    afi: int
    safi: int

    def __str__(self) -> str:
        return _FAMILY_NAMES.get(self) or f"afi-{self.afi}-safi-{self.safi}"


IPV4_UNICAST = Family(Afi.IPV4, Safi.UNICAST)
IPV6_UNICAST = Family(Afi.IPV6, Safi.UNICAST)
IPV4_FLOWSPEC = Family(Afi.IPV4, Safi.FLOWSPEC)
IPV6_FLOWSPEC = Family(Afi.IPV6, Safi.FLOWSPEC)
IPV4_FLOWSPEC_VPN = Family(Afi.IPV4, Safi.FLOWSPEC_VPN)
IPV6_FLOWSPEC_VPN = Family(Afi.IPV6, Safi.FLOWSPEC_VPN)

_FAMILY_NAMES = {
    IPV4_UNICAST: "ipv4-unicast",
    IPV6_UNICAST: "ipv6-unicast",
    IPV4_FLOWSPEC: "ipv4-flowspec",
    IPV6_FLOWSPEC: "ipv6-flowspec",
    IPV4_FLOWSPEC_VPN: "ipv4-flowspec-vpn",
    IPV6_FLOWSPEC_VPN: "ipv6-flowspec-vpn",
}
FAMILY_BY_NAME = {name: family for family, name in _FAMILY_NAMES.items()}


class MessageType(IntEnum):
    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


class RefreshSubtype(IntEnum):
    """RFC 7313 3.2; the octet was reserved before."""

    REQUEST = 0
    BEGIN = 1
    END = 2


class CapabilityCode(IntEnum):
    MULTIPROTOCOL = 1
    ROUTE_REFRESH = 2
    EXTENDED_NEXT_HOP = 5
    EXTENDED_MESSAGE = 6
    ROLE = 9
    GRACEFUL_RESTART = 64
    FOUR_OCTET_AS = 65
    ADD_PATH = 69
    ENHANCED_ROUTE_REFRESH = 70
    LONG_LIVED_GRACEFUL_RESTART = 71
    FQDN = 73
    SOFTWARE_VERSION = 75
    CISCO_ROUTE_REFRESH = 128


class RoleCode(IntEnum):
    """RFC 9234 4.1."""

    PROVIDER = 0
    ROUTE_SERVER = 1
    ROUTE_SERVER_CLIENT = 2
    CUSTOMER = 3
    PEER = 4


class AttributeCode(IntEnum):
    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    IPV6_EXTENDED_COMMUNITIES = 25
    LARGE_COMMUNITIES = 32
    ONLY_TO_CUSTOMER = 35


class AttributeFlag:
    """The high nibble of the flags octet (RFC 4271 4.3); the low nibble is ignored on receipt."""

    OPTIONAL = 0x80
    TRANSITIVE = 0x40
    PARTIAL = 0x20
    EXTENDED_LENGTH = 0x10


class OriginCode(IntEnum):
    IGP = 0
    EGP = 1
    INCOMPLETE = 2


class SegmentType(IntEnum):
    AS_SET = 1
    AS_SEQUENCE = 2
    AS_CONFED_SEQUENCE = 3
    AS_CONFED_SET = 4


class ErrorCode(IntEnum):
    """First octet of a NOTIFICATION."""

    MESSAGE_HEADER = 1
    OPEN_MESSAGE = 2
    UPDATE_MESSAGE = 3
    HOLD_TIMER_EXPIRED = 4
    FINITE_STATE_MACHINE = 5
    CEASE = 6
    ROUTE_REFRESH_MESSAGE = 7
    SEND_HOLD_TIMER_EXPIRED = 8


class HeaderSubcode(IntEnum):
    CONNECTION_NOT_SYNCHRONIZED = 1
    BAD_MESSAGE_LENGTH = 2
    BAD_MESSAGE_TYPE = 3


class OpenSubcode(IntEnum):
    UNSPECIFIC = 0
    UNSUPPORTED_VERSION_NUMBER = 1
    BAD_PEER_AS = 2
    BAD_BGP_IDENTIFIER = 3
    UNSUPPORTED_OPTIONAL_PARAMETER = 4
    UNACCEPTABLE_HOLD_TIME = 6
    UNSUPPORTED_CAPABILITY = 7
    ROLE_MISMATCH = 11


class UpdateSubcode(IntEnum):
    MALFORMED_ATTRIBUTE_LIST = 1
    UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 2
    MISSING_WELL_KNOWN_ATTRIBUTE = 3
    ATTRIBUTE_FLAGS_ERROR = 4
    ATTRIBUTE_LENGTH_ERROR = 5
    INVALID_ORIGIN_ATTRIBUTE = 6
    INVALID_NEXT_HOP_ATTRIBUTE = 8
    OPTIONAL_ATTRIBUTE_ERROR = 9
    INVALID_NETWORK_FIELD = 10
    MALFORMED_AS_PATH = 11


class FsmSubcode(IntEnum):
    """RFC 6608."""

    UNSPECIFIED = 0
    UNEXPECTED_IN_OPEN_SENT = 1
    UNEXPECTED_IN_OPEN_CONFIRM = 2
    UNEXPECTED_IN_ESTABLISHED = 3


class CeaseSubcode(IntEnum):
    """RFC 4486, RFC 8538, RFC 9384."""

    MAXIMUM_NUMBER_OF_PREFIXES_REACHED = 1
    ADMINISTRATIVE_SHUTDOWN = 2
    PEER_DE_CONFIGURED = 3
    ADMINISTRATIVE_RESET = 4
    CONNECTION_REJECTED = 5
    OTHER_CONFIGURATION_CHANGE = 6
    CONNECTION_COLLISION_RESOLUTION = 7
    OUT_OF_RESOURCES = 8
    HARD_RESET = 9
    BFD_DOWN = 10


class RefreshErrorSubcode(IntEnum):
    """RFC 7313 5."""

    INVALID_MESSAGE_LENGTH = 1


_SUBCODES: dict[int, type[IntEnum]] = {
    ErrorCode.MESSAGE_HEADER: HeaderSubcode,
    ErrorCode.OPEN_MESSAGE: OpenSubcode,
    ErrorCode.UPDATE_MESSAGE: UpdateSubcode,
    ErrorCode.FINITE_STATE_MACHINE: FsmSubcode,
    ErrorCode.CEASE: CeaseSubcode,
    ErrorCode.ROUTE_REFRESH_MESSAGE: RefreshErrorSubcode,
}

AS_TRANS = 23456
"""Stands in a 2-octet AS field for an AS number that needs four (RFC 6793)."""


def _words(member: IntEnum) -> str:
    return member.name.replace("_", " ").lower()


def _name(kind: type[IntEnum], number: int) -> str:
    for member in kind:
        if member == number:
            return _words(member)
    return f"unknown {number}"


def message_name(number: int) -> str:
    return _name(MessageType, number)


def capability_name(number: int) -> str:
    return _name(CapabilityCode, number)


def attribute_name(number: int) -> str:
    """The registry's spelling, `MP_REACH_NLRI`; `attribute 23` for one we do not read."""
    for member in AttributeCode:
        if member == number:
            return member.name
    return f"attribute {number}"


def error_code_name(code: int) -> str:
    return _name(ErrorCode, code)


def error_name(code: int, subcode: int) -> str:
    """`cease/administrative shutdown`; never fails, whatever the peer sent."""
    name = error_code_name(code)
    subcodes = _SUBCODES.get(code)
    if subcodes is None:
        return name if subcode == 0 else f"{name}/subcode {subcode}"
    return f"{name}/{_name(subcodes, subcode)}"
