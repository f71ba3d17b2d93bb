"""A route action as path attributes for one kind of peer; encoded once and remembered.

FlowSpec carries its actions as extended communities and has no next hop; a blackhole route carries
communities and a discard next hop, classic for IPv4 and inside MP_REACH_NLRI for IPv6. iBGP gets an
empty AS_PATH, so that routers validate the rule as our own (RFC 9117), and LOCAL_PREF.
"""

from dataclasses import dataclass

from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions, RouteAction
from prefixd.bgp.wire.as_path import AsPath, as4_path_for, as_sequence
from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.attribute_list import encode_attributes
from prefixd.bgp.wire.community import (
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
    LargeCommunities,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec_action import encode_actions
from prefixd.bgp.wire.iana import IPV4_UNICAST, Family
from prefixd.bgp.wire.prefix import AFI_IPV4
from prefixd.bgp.wire.scalar import LocalPref, MultiExitDisc, NextHop, Origin


@dataclass(frozen=True, slots=True)
class EncodedAttributes:
    octets: bytes
    """Everything but MP_REACH_NLRI."""
    next_hop: bytes
    """For MP_REACH_NLRI; empty where the family has none or the classic attribute carries it."""


class AttributeEncoder:
    """One per update group."""

    __slots__ = ("_context", "_known", "_terms")

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._context = WireContext(
            four_octet_as=terms.four_octet_as,
            families=terms.families,
            external=not terms.internal,
        )
        self._known: dict[tuple[Family, int], tuple[RouteAction, EncodedAttributes]] = {}

    def encode(self, family: Family, action: RouteAction) -> EncodedAttributes:
        # Keyed by identity: actions are interned, and the entry keeps its action alive.
        known = self._known.get((family, id(action)))
        if known is None:
            if len(self._known) > 4096:  # rates that never repeat must not fill the memory
                self._known.clear()
            known = (action, self._encode(family, action))
            self._known[(family, id(action))] = known
        return known[1]

    def _encode(self, family: Family, action: RouteAction) -> EncodedAttributes:
        terms, policy = self._terms, self._terms.policy
        path = AsPath() if terms.internal else as_sequence(terms.local_as)
        attributes: list[Attribute] = [Origin(), path]
        as4_path = as4_path_for(path, self._context)
        if as4_path is not None:
            attributes.append(as4_path)
        if terms.internal:
            attributes.append(LocalPref(100 if policy is None else policy.local_pref))
        if policy is not None and policy.med is not None:
            attributes.append(MultiExitDisc(policy.med))
        communities = list[int]() if policy is None else list(policy.communities)
        large = list[tuple[int, int, int]]() if policy is None else list(policy.large_communities)
        next_hop = b""
        if isinstance(action, FlowSpecActions):
            extended, ipv6 = encode_actions(action.actions)
            if extended:
                attributes.append(ExtendedCommunities(extended))
            if ipv6:
                attributes.append(Ipv6ExtendedCommunities(ipv6))
        else:
            communities += action.communities or terms.rtbh.communities
            large += terms.rtbh.large_communities
            next_hop = self._next_hop(family, action)
            if family == IPV4_UNICAST:
                attributes.append(NextHop(next_hop))
                next_hop = b""
        if communities:
            attributes.append(Communities(tuple(dict.fromkeys(communities))))
        if large:
            attributes.append(LargeCommunities(tuple(dict.fromkeys(large))))
        return EncodedAttributes(encode_attributes(attributes, self._context), next_hop)

    def _next_hop(self, family: Family, action: BlackholeAction) -> bytes:
        rtbh = self._terms.rtbh
        default = rtbh.next_hop_v4 if family.afi == AFI_IPV4 else rtbh.next_hop_v6
        return action.next_hop or default.packed
