"""What shall happen to matching traffic, as the RIB keeps it: a value shared by many routes.

Typical installations have fewer than fifty actions for thousands of rules, so the Loc-RIB
interns them: equal actions are the same object, tables store a reference, and "is it different"
is a comparison of identities. Which octets express it depends on the peer: see `attributes`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

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
)


@dataclass(frozen=True, slots=True)
class FlowSpecActions:
    """FlowSpec actions that travel as extended communities."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class BlackholeAction:
    """A host route towards a discard next hop (RFC 5635, RFC 7999)."""

    communities: tuple[int, ...] = ()
    """Empty: those configured for the peer."""
    next_hop: bytes = b""
    """Empty: the discard next hop configured for the peer."""


RouteAction: TypeAlias = FlowSpecActions | BlackholeAction


class Ability(StrEnum):
    """What a router must be able to do to carry out an action."""

    ACCEPT = "accept"
    DISCARD = "discard"
    RATE_BYTES = "rate_bytes"
    RATE_PACKETS = "rate_packets"
    MARK = "mark"
    REDIRECT_VRF = "redirect_vrf"
    REDIRECT_IP = "redirect_ip"
    REDIRECT_NEXT_HOP = "redirect_next_hop"
    COPY = "copy"
    SAMPLE = "sample"
    CONTINUE = "continue"
    INTERFACE_SET = "interface_set"
    BLACKHOLE = "blackhole"


KIND_OF_ABILITY: Final = {
    Ability.DISCARD: "discard",
    Ability.RATE_BYTES: "police",
    Ability.RATE_PACKETS: "police",
    Ability.MARK: "mark",
    Ability.REDIRECT_VRF: "redirect",
    Ability.REDIRECT_IP: "redirect",
    Ability.REDIRECT_NEXT_HOP: "redirect",
    Ability.BLACKHOLE: "blackhole",
}
"""The word an operator uses for it in an export policy; the rest has no word of its own."""


def abilities_of(route_action: RouteAction) -> frozenset[Ability]:
    if isinstance(route_action, BlackholeAction):
        return frozenset({Ability.BLACKHOLE})
    needed: set[Ability] = set()
    for action in route_action.actions:
        needed |= _needs(action)
    return frozenset(needed)


def _needs(action: Action) -> set[Ability]:
    match action:
        case Accept():
            return {Ability.ACCEPT}
        case Discard():
            return {Ability.DISCARD}
        case RateLimit():
            return {Ability.RATE_BYTES}
        case PacketRateLimit():
            return {Ability.RATE_PACKETS}
        case MarkDscp():
            return {Ability.MARK}
        case RedirectToVrf() | RedirectToVrfIpv6():
            return {Ability.REDIRECT_VRF}
        case RedirectToAddress(copy=copy):
            return {Ability.REDIRECT_IP, *_copying(copy=copy)}
        case RedirectToNextHop(copy=copy):
            return {Ability.REDIRECT_NEXT_HOP, *_copying(copy=copy)}
        case TrafficAction(sample=sample, continue_matching=further):
            wanted = {Ability.SAMPLE: sample, Ability.CONTINUE: further}
            return {ability for ability, asked in wanted.items() if asked}
        case InterfaceSet():
            return {Ability.INTERFACE_SET}
        case _:
            assert_never(action)


def _copying(*, copy: bool) -> tuple[Ability, ...]:
    return (Ability.COPY,) if copy else ()


def strictness(route_action: RouteAction) -> tuple[int, float]:
    """Smaller stops more traffic: discard, lower rate, higher rate, redirect, mark, accept."""
    if isinstance(route_action, BlackholeAction):
        return (0, 0.0)
    ranks: list[tuple[int, float]] = []
    for action in route_action.actions:
        match action:
            case Discard():
                ranks.append((0, 0.0))
            case RateLimit(rate_bps=rate):
                ranks.append((1, rate))
            case PacketRateLimit(rate_pps=rate):
                ranks.append((1, rate) if rate else (0, 0.0))
            case RedirectToVrf() | RedirectToVrfIpv6() | RedirectToAddress() | RedirectToNextHop():
                ranks.append((2, 0.0))
            case MarkDscp():
                ranks.append((3, 0.0))
            case Accept() | TrafficAction() | InterfaceSet():
                ranks.append((4, 0.0))
            case _:
                assert_never(action)
    return min(ranks, default=(4, 0.0))


def police_rates(route_action: RouteAction) -> tuple[float, ...]:
    """Rates in bits per second that several copies of the rule would multiply."""
    if isinstance(route_action, BlackholeAction):
        return ()
    return tuple(a.rate_bps for a in route_action.actions if isinstance(a, RateLimit))


def multiplies_when_split(route_action: RouteAction) -> bool:
    """Each part of a split rule gets a policer of its own, so a limit would grow with the parts."""
    return isinstance(route_action, FlowSpecActions) and any(
        isinstance(a, RateLimit) or (isinstance(a, PacketRateLimit) and a.rate_pps > 0)
        for a in route_action.actions
    )
