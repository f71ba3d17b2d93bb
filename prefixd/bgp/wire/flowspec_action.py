"""What a router does with matching traffic: actions and their communities (RFC 8955 7, RFC 8956 5).

    0x8006  rate in bytes/s        0x8008 0x8108 0x8208  redirect to a route target
    0x800c  rate in packets/s      0x010c  redirect to an IPv4 address   (attribute 16)
    0x8007  sample, continue       0x000c  redirect to an IPv6 address   (attribute 25)
    0x8009  set DSCP               0x000d  redirect to an IPv6 route target (attribute 25)
    0x0800  redirect to next hop   0x0702 0x4702  interface set

Rates are bits per second on this side and IEEE-754 *bytes* per second on the other; the conversion
happens here and nowhere else. The wire has 24 bits of mantissa, so `as_sent` says what the router
will really receive. Everything a router might take to its hardware and regret (NaN, infinity, a
negative rate) is refused when encoding and reported when decoding.

A rule without any action means "let it pass". That is never an accident on the way out: an empty
action list does not encode; `Accept` does.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias, assert_never

from prefixd.bgp.wire.community import TRANSITIVE_AS2, TRANSITIVE_AS4, TRANSITIVE_IPV4, code_of
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.iana import AttributeCode

_RATE: Final = Struct("!BBHf")
_LARGEST_FLOAT32: Final = 3.4028234663852886e38
_BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Accept:
    """Let matching traffic pass: on the wire, no action community at all."""


@dataclass(frozen=True, slots=True)
class Discard:
    asn: int = 0
    """Informational: who asks. Our AS number where two octets hold it."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    rate_bps: float
    asn: int = 0


@dataclass(frozen=True, slots=True)
class PacketRateLimit:
    rate_pps: float
    """0 discards."""
    asn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficAction:
    sample: bool = False
    continue_matching: bool = False
    """Go on with later rules. The RFC's bit is called "terminal" and means this when set."""


@dataclass(frozen=True, slots=True)
class RedirectToVrf:
    """To the routing table that imports this route target; `target` is its six octets."""

    form: int
    """0 AS of two octets, 1 IPv4 address, 2 AS of four octets (RFC 8955 7.4)."""
    target: bytes


@dataclass(frozen=True, slots=True)
class RedirectToVrfIpv6:
    """To the routing table that imports an IPv6-address-specific route target (RFC 8956 5.1)."""

    address: bytes
    value: int


@dataclass(frozen=True, slots=True)
class RedirectToAddress:
    """Towards an address of 4 or 16 octets (draft-ietf-idr-flowspec-redirect-ip)."""

    address: bytes
    copy: bool = False
    """Send a copy there and let the original pass."""


@dataclass(frozen=True, slots=True)
class RedirectToNextHop:
    """The older form: towards the next hop of the route (draft-simpson-idr-flowspec-redirect)."""

    copy: bool = False


@dataclass(frozen=True, slots=True)
class MarkDscp:
    dscp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSet:
    """Only on interfaces of this group (draft-ietf-idr-flowspec-interfaceset)."""

    asn: int
    group: int
    inbound: bool
    outbound: bool
    transitive: bool = True


Action: TypeAlias = (
    Accept
    | Discard
    | RateLimit
    | PacketRateLimit
    | TrafficAction
    | RedirectToVrf
    | RedirectToVrfIpv6
    | RedirectToAddress
    | RedirectToNextHop
    | MarkDscp
    | InterfaceSet
)


def as_sent(rate_bps: float) -> float:
    """The rate a router will read: rounded to what the wire can carry."""
    return _float32(rate_bps / _BITS) * _BITS


def route_target(text: str) -> RedirectToVrf:
    """`65001:100`, `192.0.2.1:100` or `70000:100`."""
    left, colon, right = text.rpartition(":")
    if not colon or not right.isascii() or not right.isdigit():
        raise ValueError(f"{text!r} is not a route target")
    value = int(right)
    octets = left.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in octets):
        raise ValueError(f"{text!r} is not a route target")
    if len(octets) == 4 and all(int(part) <= 0xFF for part in octets) and value <= 0xFFFF:
        target = bytes(int(part) for part in octets) + value.to_bytes(2, "big")
        return RedirectToVrf(TRANSITIVE_IPV4, target)
    asn = int(left) if len(octets) == 1 else -1
    if 0 <= asn <= 0xFFFF and value <= 0xFFFFFFFF:
        return RedirectToVrf(TRANSITIVE_AS2, asn.to_bytes(2, "big") + value.to_bytes(4, "big"))
    if 0xFFFF < asn <= 0xFFFFFFFF and value <= 0xFFFF:
        return RedirectToVrf(TRANSITIVE_AS4, asn.to_bytes(4, "big") + value.to_bytes(2, "big"))
    raise ValueError(f"{text!r} is not a route target")


# Actions to communities


def encode_actions(actions: Sequence[Action]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The values of attribute 16 and of attribute 25, in ascending order.

    WireError for what must not be sent: no action at all, the same kind twice (a receiver may
    choose either), both redirects to an address at once, an impossible number.
    """
    if not actions:
        raise _refused("a rule without actions lets traffic pass; use Accept for that")
    communities = [_encode(action) for action in actions if not isinstance(action, Accept)]
    if len(actions) > 1 and len(communities) < len(actions):
        raise _refused("accept excludes every other action")
    effects = [_effect(octets) for octets in communities]
    if len(set(effects)) < len(effects):
        raise _refused("two actions of one kind; a receiver could choose either")
    return (
        tuple(sorted(octets for octets in communities if len(octets) == 8)),
        tuple(sorted(octets for octets in communities if len(octets) == 20)),
    )


def _effect(octets: bytes) -> str:
    """Communities with the same effect compete, whatever their code."""
    code = code_of(octets)
    if len(octets) == 20:
        return "redirect to vrf" if code == 0x000D else "redirect to address"
    return {
        0x8008: "redirect to vrf",
        0x8108: "redirect to vrf",
        0x8208: "redirect to vrf",
        0x010C: "redirect to address",
        0x0800: "redirect to address",
        0x4702: "interface set",
        0x0702: "interface set",
    }.get(code, f"{code:04x}")


def _encode(action: Action) -> bytes:
    match action:
        case Accept():
            return b""
        case Discard():
            return _RATE.pack(0x80, 0x06, _short_as(action.asn), 0.0)
        case RateLimit():
            rate = _float32(action.rate_bps / _BITS)
            if rate == 0:
                raise _refused("a limit of 0 bit/s is a discard; use Discard")
            return _RATE.pack(0x80, 0x06, _short_as(action.asn), rate)
        case PacketRateLimit():
            return _RATE.pack(0x80, 0x0C, _short_as(action.asn), _float32(action.rate_pps))
        case TrafficAction():
            bits = action.sample << 1 | action.continue_matching
            return bytes((0x80, 0x07, 0, 0, 0, 0, 0, bits))
        case MarkDscp():
            return bytes((0x80, 0x09, 0, 0, 0, 0, 0, _bounded(action.dscp, 63, "DSCP")))
        case InterfaceSet():
            directions = action.outbound << 15 | action.inbound << 14
            group = directions | _bounded(action.group, 0x3FFF, "interface group")
            code = 0x0702 if action.transitive else 0x4702
            asn = _bounded(action.asn, 0xFFFFFFFF, "AS number")
            return code.to_bytes(2, "big") + asn.to_bytes(4, "big") + group.to_bytes(2, "big")
        case RedirectToVrf() | RedirectToVrfIpv6() | RedirectToAddress() | RedirectToNextHop():
            return _encode_redirect(action)
        case _:
            assert_never(action)


def _encode_redirect(
    action: RedirectToVrf | RedirectToVrfIpv6 | RedirectToAddress | RedirectToNextHop,
) -> bytes:
    match action:
        case RedirectToVrf(form=form, target=target):
            if form not in (TRANSITIVE_AS2, TRANSITIVE_IPV4, TRANSITIVE_AS4) or len(target) != 6:
                raise _refused("a route target has form 0, 1 or 2 and six octets")
            return bytes((0x80 | form, 0x08)) + target
        case RedirectToVrfIpv6(address=address, value=value):
            if len(address) != 16:
                raise _refused("an IPv6 route target holds an address of 16 octets")
            value = _bounded(value, 0xFFFF, "route target value")
            return b"\x00\x0d" + address + value.to_bytes(2, "big")
        case RedirectToAddress(address=address, copy=copy):
            if len(address) not in (4, 16):
                raise _refused("an address has 4 or 16 octets")
            return (b"\x01\x0c" if len(address) == 4 else b"\x00\x0c") + address + bytes((0, copy))
        case RedirectToNextHop(copy=copy):
            return bytes((0x08, 0, 0, 0, 0, 0, 0, copy))
        case _:
            assert_never(action)


def _float32(rate: float) -> float:
    """The nearest number the wire can carry; refuses what no router should be asked to enforce."""
    if not math.isfinite(rate) or not 0 <= rate <= _LARGEST_FLOAT32:
        raise _refused(f"a rate of {rate} is none")
    rounded: float = _RATE.unpack(_RATE.pack(0, 0, 0, rate))[3]
    return abs(rounded)  # -0.0 would reach the router as 80000000


def _short_as(asn: int) -> int:
    return asn if _bounded(asn, 0xFFFFFFFF, "AS number") <= 0xFFFF else 0


def _bounded(value: int, maximum: int, what: str) -> int:
    if not 0 <= value <= maximum:
        raise _refused(f"{what} {value} is outside 0..{maximum}")
    return value


def _refused(detail: str) -> WireError:
    return WireError(detail, field="flowspec action")


# Communities to actions


@dataclass(frozen=True, slots=True)
class DecodedActions:
    """`actions` as a router should read them; `unknown` verbatim; `faults` to be acted on."""

    actions: tuple[Action, ...]
    unknown: tuple[bytes, ...]
    faults: tuple[Fault, ...]


def decode_actions(
    communities: Iterable[bytes], ipv6_communities: Iterable[bytes] = ()
) -> DecodedActions:
    """Read the actions of a received rule (RFC 8955 7).

    A rate of NaN condemns the route: reading it as "no limit" would be the unsafe guess. A negative
    rate is a discard, an infinite one no limit, and of two rates the lower counts.
    """
    actions: list[Action] = []
    unknown: list[bytes] = []
    faults: list[Fault] = []
    rates: dict[int, tuple[float, int]] = {}
    for octets in communities:
        code = code_of(octets) if len(octets) == 8 else -1
        if code in (0x8006, 0x800C):
            _collect_rate(octets, code, rates, faults)
        elif decoder := _DECODERS.get(code):
            actions.append(decoder(octets))
        else:
            unknown.append(octets)
    for octets in ipv6_communities:
        if len(octets) == 20 and (decoder := _IPV6_DECODERS.get(code_of(octets))):
            actions.append(decoder(octets))
        else:
            unknown.append(octets)
    limits = [_limit(code, rate, asn) for code, (rate, asn) in sorted(rates.items())]
    found = [limit for limit in limits if limit is not None] + actions
    return DecodedActions(tuple(found) or (Accept(),), tuple(unknown), tuple(faults))


def _collect_rate(
    octets: bytes, code: int, rates: dict[int, tuple[float, int]], faults: list[Fault]
) -> None:
    _, _, asn, rate = _RATE.unpack(octets)
    if math.isnan(rate):
        faults.append(_fault(Reaction.WITHDRAW, "the rate is not a number", octets))
        return
    if math.isinf(rate) and rate > 0:
        faults.append(_fault(Reaction.IGNORE, "an infinite rate limits nothing", octets))
    rate = max(rate, 0.0)
    known = rates.get(code)
    if known is not None and known[0] != rate:
        faults.append(_fault(Reaction.IGNORE, "two different rates, the lower counts", octets))
    if known is None or rate < known[0]:
        rates[code] = (rate + 0.0, asn)


def _limit(code: int, rate: float, asn: int) -> Action | None:
    if math.isinf(rate):
        return None
    if code == 0x800C:
        return PacketRateLimit(rate, asn)
    return RateLimit(rate * _BITS, asn) if rate else Discard(asn)


def _fault(reaction: Reaction, detail: str, octets: bytes) -> Fault:
    return Fault(
        reaction=reaction,
        reason=Reason.FLOWSPEC_ACTION,
        detail=detail,
        offset=0,
        field="traffic rate",
        attribute=AttributeCode.EXTENDED_COMMUNITIES,
        data=octets,
    )


def _decode_interface_set(octets: bytes) -> Action:
    group = int.from_bytes(octets[6:8], "big")
    return InterfaceSet(
        asn=int.from_bytes(octets[2:6], "big"),
        group=group & 0x3FFF,
        inbound=bool(group & 0x4000),
        outbound=bool(group & 0x8000),
        transitive=octets[0] == 0x07,
    )


_DECODERS: Final[Mapping[int, Callable[[bytes], Action]]] = {
    0x8007: lambda o: TrafficAction(sample=bool(o[7] & 2), continue_matching=bool(o[7] & 1)),
    0x8008: lambda o: RedirectToVrf(TRANSITIVE_AS2, o[2:]),
    0x8108: lambda o: RedirectToVrf(TRANSITIVE_IPV4, o[2:]),
    0x8208: lambda o: RedirectToVrf(TRANSITIVE_AS4, o[2:]),
    0x8009: lambda o: MarkDscp(o[7] & 63),
    0x010C: lambda o: RedirectToAddress(o[2:6], copy=bool(o[7] & 1)),
    0x0800: lambda o: RedirectToNextHop(copy=bool(o[7] & 1)),
    0x0702: _decode_interface_set,
    0x4702: _decode_interface_set,
}
_IPV6_DECODERS: Final[Mapping[int, Callable[[bytes], Action]]] = {
    0x000C: lambda o: RedirectToAddress(o[2:18], copy=bool(o[19] & 1)),
    0x000D: lambda o: RedirectToVrfIpv6(o[2:18], int.from_bytes(o[18:], "big")),
}
