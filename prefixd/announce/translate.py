"""The one place where a rule in an operator's words becomes a route, and back.

A rule has ports, fragments and bits per second; a route has components and communities. Every
translation is exact: what has no exact form is `Untranslatable`, with a reason an operator can act
on, and never something similar. The way back serves rules learned from a neighbor.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, assert_never

from prefixd.bgp.rib.route import Route, host_nlri
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions, RouteAction
from prefixd.bgp.wire import flowspec_action as act
from prefixd.bgp.wire.community import format_administrator
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_match import (
    ALL,
    AND,
    DONT_FRAGMENT,
    FIRST_FRAGMENT,
    IS_FRAGMENT,
    LAST_FRAGMENT,
    MAXIMUM,
    NOT,
    BitmaskMatch,
    Component,
    Item,
    Kind,
    NumericMatch,
    PrefixMatch,
    groups,
    numeric_match,
    numeric_ranges,
    prefix_match,
)
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6
from prefixd.bgp.wire.prefix import Prefix as WirePrefix
from prefixd.domain.prefix import V6, Address, Prefix
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Fragment,
    Intent,
    Mark,
    Match,
    Police,
    PortRange,
    Ports,
    Redirect,
    Rule,
    TcpFlags,
)

_FRAGMENT_BITS: Final = {
    Fragment.DONT_FRAGMENT: DONT_FRAGMENT,
    Fragment.IS_FRAGMENT: IS_FRAGMENT,
    Fragment.FIRST_FRAGMENT: FIRST_FRAGMENT,
    Fragment.LAST_FRAGMENT: LAST_FRAGMENT,
}


@dataclass(frozen=True, slots=True)
class Untranslatable:
    """Why no route expresses a rule exactly."""

    reason: str


def route_of(intent: Intent, local_asn: int) -> Route | Untranslatable:
    """The route that carries out an intent."""
    rule = intent.rule
    try:
        action = _route_action(rule.action, local_asn)
        if isinstance(action, BlackholeAction):
            flow = None
            family, nlri = _blackholed(rule.match)
        else:
            flow = canonical(flow_of(rule.match))
            family, nlri = flow.family, encode_nlri(encode_rule(flow))
    except (WireError, ValueError) as error:
        return Untranslatable(error.detail if isinstance(error, WireError) else str(error))
    return Route(
        route_id=intent.mitigation_id,
        family=family,
        nlri=nlri,
        rule=flow,
        action=action,
        priority=intent.priority,
        owner=intent.owner,
        manual=intent.manual,
        expires_at_us=intent.expires_at_us,
        since_us=_born_us(intent.mitigation_id),
    )


def _born_us(mitigation_id: str) -> int:
    """When the mitigation was created: its identifier says so (UUIDv7, RFC 9562 5.7)."""
    found = _UUID7.match(mitigation_id)
    return 0 if found is None else int(found[1] + found[2], 16) * 1000


_UUID7: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-")


# A match


def flow_of(match: Match) -> FlowSpecRule:
    """ValueError or WireError when FlowSpec cannot express it."""
    afi = AFI_IPV6 if match.version == V6 else AFI_IPV4
    components: list[Component] = []
    if match.dst is not None:
        components.append(prefix_match(Kind.DST_PREFIX, wire_prefix(match.dst)))
    if match.src is not None:
        components.append(prefix_match(Kind.SRC_PREFIX, wire_prefix(match.src)))
        if match.dst is not None and match.dst.version != match.src.version:
            raise ValueError("source and destination are of different IP versions")
    if match.protocol is not None:
        components.append(_numbers(Kind.PROTOCOL, ((match.protocol, match.protocol),)))
    for kind, ranges in ((Kind.DST_PORT, match.dst_ports), (Kind.SRC_PORT, match.src_ports)):
        if ranges:
            components.append(_numbers(kind, ranges))
    if match.tcp_flags is not None:
        components.append(BitmaskMatch(Kind.TCP_FLAGS, _flag_items(match.tcp_flags)))
    if match.packet_lengths:
        components.append(_numbers(Kind.PACKET_LENGTH, match.packet_lengths))
    if match.fragments:
        if afi == AFI_IPV6 and Fragment.DONT_FRAGMENT in match.fragments:
            raise ValueError("IPv6 packets have no don't-fragment bit")
        mask = sum({_FRAGMENT_BITS[each] for each in match.fragments})
        components.append(BitmaskMatch(Kind.FRAGMENT, (Item(0, mask),)))
    if not components:
        raise ValueError("the rule matches everything")
    # In ascending order of kind; `encode_rule` refuses whatever has no encoding.
    return FlowSpecRule(IPV6_FLOWSPEC if afi == AFI_IPV6 else IPV4_FLOWSPEC, tuple(components))


@lru_cache(maxsize=4096)
def _numbers(kind: Kind, ranges: tuple[tuple[int, int], ...]) -> NumericMatch:
    """Attacks name the same few protocols and ports again and again."""
    return numeric_match(kind, ranges)


def _flag_items(flags: TcpFlags) -> tuple[Item, ...]:
    """Bits that must be set, and bits that must be clear."""
    wanted, unwanted = flags.value & flags.mask, flags.mask & ~flags.value
    items: list[Item] = []
    if wanted:
        items.append(Item(ALL, wanted))
    if unwanted:
        items.append(Item(NOT | (AND if items else 0), unwanted))
    if not items:
        raise ValueError("the TCP flags select nothing")
    return tuple(items)


def wire_prefix(prefix: Prefix) -> WirePrefix:
    afi, size = (AFI_IPV6, 16) if prefix.version == V6 else (AFI_IPV4, 4)
    return WirePrefix.of(afi, prefix.length, prefix.value.to_bytes(size, "big"))


def _blackholed(match: Match) -> tuple[Family, bytes]:
    """A blackhole takes everything for the destination; a narrower match would be a lie."""
    if match.dst is None:
        raise ValueError("a blackhole needs a destination")
    family = IPV6_UNICAST if match.dst.version == V6 else IPV4_UNICAST
    return family, host_nlri(wire_prefix(match.dst))


# An action


@lru_cache(maxsize=1024)
def _route_action(action: Action, local_asn: int) -> RouteAction:
    """Playbooks hold few actions: each is translated once."""
    match action:
        case Discard():
            return FlowSpecActions((act.Discard(asn=local_asn),))
        case Police(rate_bps=rate):
            return _checked(act.RateLimit(float(rate), asn=local_asn))
        case Mark(dscp=dscp):
            return _checked(act.MarkDscp(dscp))
        case Redirect(route_target=target, next_hop=None) if target is not None:
            return _checked(act.route_target(target))
        case Redirect(route_target=None, next_hop=hop) if hop is not None:
            return _checked(act.RedirectToAddress(hop.to_bytes()))
        case Redirect():
            raise ValueError("a redirect names either a route target or a next hop")
        case Blackhole(communities=communities, next_hop=hop):
            return BlackholeAction(
                tuple(_community(text) for text in communities),
                b"" if hop is None else hop.to_bytes(),
            )
        case _:
            assert_never(action)


def _checked(action: act.Action) -> FlowSpecActions:
    act.encode_actions([action])  # what has no encoding is refused here, not while sending
    return FlowSpecActions((action,))


def _community(text: str) -> int:
    high, colon, low = text.partition(":")
    if not (colon and high.isascii() and high.isdigit() and low.isascii() and low.isdigit()):
        raise ValueError(f"{text!r} is not a community")
    if int(high) > 0xFFFF or int(low) > 0xFFFF:
        raise ValueError(f"{text!r} is not a community")
    return int(high) << 16 | int(low)


# And back


def rule_of_flow(flow: FlowSpecRule, action: FlowSpecActions) -> Rule | Untranslatable:
    """A rule learned from a neighbor, in an operator's words."""
    try:
        return Rule(match_of(flow), action_of(action))
    except ValueError as error:
        return Untranslatable(str(error))


def match_of(flow: FlowSpecRule) -> Match:
    """ValueError when an operator's rule has no word for something in it."""
    dst: Prefix | None = None
    src: Prefix | None = None
    protocol: int | None = None
    ports: dict[Kind, Ports] = {}
    flags: TcpFlags | None = None
    fragments: tuple[Fragment, ...] = ()
    for component in flow.components:
        match component:
            case PrefixMatch(kind=Kind.DST_PREFIX):
                dst = _domain_prefix(component, flow.family.afi)
            case PrefixMatch():
                src = _domain_prefix(component, flow.family.afi)
            case NumericMatch(kind=Kind.PROTOCOL):
                protocol = _single(component)
            case NumericMatch(kind=Kind.DST_PORT | Kind.SRC_PORT | Kind.PACKET_LENGTH as kind):
                ports[kind] = tuple(PortRange(*each) for each in _ranges(component))
            case BitmaskMatch(kind=Kind.TCP_FLAGS):
                flags = _flags(component)
            case BitmaskMatch():
                fragments = _fragments(component)
            case NumericMatch(kind=kind):
                raise ValueError(f"{kind.name.lower()} cannot be shown as a rule of ours")
    return Match(
        dst=dst,
        src=src,
        protocol=protocol,
        dst_ports=ports.get(Kind.DST_PORT, ()),
        src_ports=ports.get(Kind.SRC_PORT, ()),
        tcp_flags=flags,
        fragments=fragments,
        packet_lengths=ports.get(Kind.PACKET_LENGTH, ()),
    )


def _domain_prefix(match: PrefixMatch, afi: int) -> Prefix:
    if match.offset:
        raise ValueError("a prefix with an offset cannot be shown as a rule of ours")
    version, size = (6, 16) if afi == AFI_IPV6 else (4, 4)
    return Prefix(version, int.from_bytes(match.pattern.ljust(size, b"\0"), "big"), match.length)


def _ranges(component: NumericMatch) -> tuple[tuple[int, int], ...]:
    ranges = numeric_ranges(component.items, MAXIMUM[component.kind])
    if not ranges:
        raise ValueError(f"no {component.kind.name.lower()} satisfies it")
    return ranges


def _single(component: NumericMatch) -> int:
    ranges = _ranges(component)
    if len(ranges) > 1 or ranges[0][0] != ranges[0][1]:
        raise ValueError("several protocols in one rule cannot be shown as a rule of ours")
    return ranges[0][0]


def _flags(component: BitmaskMatch) -> TcpFlags:
    terms = groups(component.items)
    if len(terms) != 1:
        raise ValueError("alternatives of TCP flags cannot be shown as a rule of ours")
    value = mask = 0
    for op, bits in terms[0]:
        single = bits & (bits - 1) == 0
        if op & NOT and (single or not op & ALL):
            mask |= bits
        elif not op & NOT and (single or op & ALL):
            mask |= bits
            value |= bits
        else:
            raise ValueError("this combination of TCP flags cannot be shown as a rule of ours")
    return TcpFlags(value, mask)


def _fragments(component: BitmaskMatch) -> tuple[Fragment, ...]:
    wanted = 0
    for term in groups(component.items):
        op, bits = term[0]
        single = bits & (bits - 1) == 0
        if len(term) > 1 or op & NOT or (op & ALL and not single):
            raise ValueError("this combination of fragment bits cannot be shown as a rule of ours")
        wanted |= bits
    return tuple(kind for kind, bit in _FRAGMENT_BITS.items() if wanted & bit)


def action_of(action: FlowSpecActions) -> Action:
    """ValueError when an operator has no word for it."""
    if len(action.actions) != 1:
        raise ValueError("several actions in one rule cannot be shown as a rule of ours")
    match action.actions[0]:
        case act.Discard():
            return Discard()
        case act.RateLimit(rate_bps=rate):
            return Police(round(rate))
        case act.MarkDscp(dscp=dscp):
            return Mark(dscp)
        case act.RedirectToVrf(form=form, target=target):
            return Redirect(route_target=format_administrator(form, target))
        case act.RedirectToAddress(address=address, copy=False):
            version = 6 if len(address) == 16 else 4
            return Redirect(next_hop=Address(version, int.from_bytes(address, "big")))
        case other:
            raise ValueError(f"{type(other).__name__} cannot be shown as a rule of ours")
