"""What the number in a named field says to a person: `14` under "attribute type" is MP_REACH_NLRI.

A table from the field names the decoders use to a few words. A name that is not in it shows its
number, or its octets when it is not one; nothing here can fail on a strange value. Below it,
FlowSpec actions as a few words, such as `limit 1000000 bit/s`; one direction only.
"""

from collections.abc import Callable, Mapping
from typing import Final, assert_never

from prefixd.bgp.wire.community import format_administrator, format_community, format_extended
from prefixd.bgp.wire.flowspec_action import (
    Accept,
    Action,
    Discard,
    InterfaceSet,
    MarkDscp,
    PacketRateLimit,
    RateLimit,
    RedirectToAddress,
    RedirectToNextHop,
    RedirectToVrf,
    RedirectToVrfIpv6,
    TrafficAction,
    decode_actions,
)
from prefixd.bgp.wire.iana import (
    Afi,
    AttributeFlag,
    OriginCode,
    RefreshSubtype,
    RoleCode,
    Safi,
    SegmentType,
    attribute_name,
    capability_name,
    error_code_name,
    message_name,
)
from prefixd.bgp.wire.notification import printable
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, format_address
from prefixd.dissect.trace import Field

_FLAG_NAMES: Final = (
    (AttributeFlag.OPTIONAL, "optional"),
    (AttributeFlag.TRANSITIVE, "transitive"),
    (AttributeFlag.PARTIAL, "partial"),
    (AttributeFlag.EXTENDED_LENGTH, "extended length"),
)


def _named(
    kind: type[Afi | Safi | OriginCode | RefreshSubtype | RoleCode | SegmentType],
) -> "_Words":
    names = {int(member): member.name.replace("_", " ").lower() for member in kind}
    return lambda field: names.get(field.number, "unknown")


def _attribute_flags(field: Field) -> str:
    return ", ".join(name for bit, name in _FLAG_NAMES if field.number & bit) or "well-known, local"


def format_next_hop(octets: bytes) -> str:
    """One or two addresses; octets of another length stay hexadecimal."""
    size = len(octets)
    if size == 4:
        return format_address(AFI_IPV4, octets)
    if size and size % 16 == 0:
        halves = (octets[at : at + 16] for at in range(0, size, 16))
        return ", ".join(format_address(AFI_IPV6, half) for half in halves)
    return octets.hex() or "none"


def _address(field: Field) -> str:
    return format_next_hop(field.octets)


def _identifier(field: Field) -> str:
    return format_address(AFI_IPV4, field.octets)


def _extended_community(field: Field) -> str:
    octets = field.octets
    decoded = decode_actions((octets,)) if len(octets) == 8 else decode_actions((), (octets,))
    if decoded.faults:
        return decoded.faults[0].detail
    actions = [each for each in decoded.actions if not isinstance(each, Accept)]
    return format_action(actions[0]) if actions else format_extended(octets)


def _restart(field: Field) -> str:
    head = field.number
    bits = [name for bit, name in ((0x8000, "restarting"), (0x4000, "notification")) if head & bit]
    return ", ".join([*bits, f"{head & 0xFFF} s"])


def _family_flags(field: Field) -> str:
    return "forwarding preserved" if field.number & 0x80 else ""


def _text(field: Field) -> str:
    return f'"{printable(field.octets)}"'


def _plain(field: Field) -> str:
    return str(field.number) if len(field.octets) <= 4 else ""


def _nothing(_: Field) -> str:
    return ""


_Words = Callable[[Field], str]

_MEANINGS: Final[Mapping[str, _Words]] = {
    "AFI": _named(Afi),
    "BGP identifier": _identifier,
    "IPv6 extended community": _extended_community,
    "SAFI": _named(Safi),
    "aggregator address": _address,
    "attribute flags": _attribute_flags,
    "attribute type": lambda field: attribute_name(field.number),
    "attribute value": _nothing,
    "capability code": lambda field: capability_name(field.number),
    "capability value": _nothing,
    "cluster": _identifier,
    "community": lambda field: format_community(field.number),
    "data": _nothing,
    "domain name": _text,
    "error code": lambda field: error_code_name(field.number),
    "extended community": _extended_community,
    "family flags": _family_flags,
    "hold time": lambda field: f"{field.number} s",
    "host name": _text,
    "marker": _nothing,
    "next hop": _address,
    "not read": _nothing,
    "next hop AFI": _named(Afi),
    "origin": _named(OriginCode),
    "originator": _identifier,
    "prefix": _nothing,
    "restart flags and time": _restart,
    "role": _named(RoleCode),
    "segment type": _named(SegmentType),
    "send/receive": lambda field: {1: "receive", 2: "send", 3: "both"}.get(field.number, "unknown"),
    "stale time": lambda field: f"{field.number} s",
    "subtype": _named(RefreshSubtype),
    "type": lambda field: message_name(field.number),
    "version": _plain,
    "version text": _text,
}


def meaning(field: Field) -> str:
    return _MEANINGS.get(field.name, _plain)(field)


def format_action(action: Action) -> str:
    match action:
        case Accept():
            return "accept"
        case Discard():
            return "discard"
        case RateLimit(rate_bps=rate_bps):
            return f"limit {_digits(rate_bps)} bit/s"
        case PacketRateLimit(rate_pps=rate_pps):
            return f"limit {_digits(rate_pps)} packets/s"
        case TrafficAction(sample=sample, continue_matching=continue_matching):
            words = ("sample" if sample else "", "continue matching" if continue_matching else "")
            return ", ".join(filter(None, words)) or "no sample, stop matching"
        case RedirectToVrf(form=form, target=target):
            return f"redirect to {format_administrator(form, target)}"
        case RedirectToVrfIpv6(address=address, value=value):
            return f"redirect to {format_address(AFI_IPV6, address)}:{value}"
        case RedirectToAddress(address=address, copy=copy):
            afi = AFI_IPV4 if len(address) == 4 else AFI_IPV6
            return f"{_verb(copy=copy)} to {format_address(afi, address)}"
        case RedirectToNextHop(copy=copy):
            return f"{_verb(copy=copy)} to the next hop"
        case MarkDscp(dscp=dscp):
            return f"mark DSCP {dscp}"
        case InterfaceSet():
            return _format_interface_set(action)
        case _:
            assert_never(action)


def _digits(rate: float) -> str:
    """All digits: an exponent is where people lose a zero."""
    return f"{rate:.0f}" if rate >= 1 else f"{rate:g}"


def _verb(*, copy: bool) -> str:
    return "copy" if copy else "redirect"


def _format_interface_set(action: InterfaceSet) -> str:
    directions = ("in" if action.inbound else "", "out" if action.outbound else "")
    words = " and ".join(filter(None, directions)) or "neither direction"
    scope = "" if action.transitive else ", not transitive"
    return f"only interface group {action.group} of AS {action.asn}, {words}{scope}"
