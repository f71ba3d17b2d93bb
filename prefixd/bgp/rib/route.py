"""One desired route, and the key under which BGP knows it.

The key is the family and the NLRI octets, length included, exactly as they travel. They are table
key, withdrawal and wire form at once, so nothing is ever re-encoded and no two identities can
drift apart. A FlowSpec route carries its rule beside the octets, so that export policy never has to
decode them. BGP has room for one route per key; the Loc-RIB keeps the others that want it.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from prefixd.bgp.rib.route_action import RouteAction, strictness
from prefixd.bgp.wire.flowspec import FlowSpecRule, decode_rule, encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_text import format_rule
from prefixd.bgp.wire.iana import Family, Safi
from prefixd.bgp.wire.prefix import Prefix, encode_prefix


class Key(NamedTuple):
    family: Family
    nlri: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    route_id: str
    """Whose it is: the mitigation's id."""
    family: Family
    nlri: bytes
    action: RouteAction
    priority: int = 0
    owner: str = ""
    manual: bool = False
    """Asked for by a person; may use the reserve of a peer's budget."""
    expires_at_us: int = 0
    """0: never by itself."""
    since_us: int = 0
    """When it was first wanted; older ones keep their place when a budget is short."""
    peers: frozenset[str] | None = None
    """Names or tags of the only peers that shall have it; None: all."""
    rule: FlowSpecRule | None = field(default=None, repr=False, compare=False)
    """The meaning of a FlowSpec NLRI; decoded once, here, when the maker has only the octets. None
    for unicast routes. It follows from the key, so it does not take part in comparisons."""

    def __post_init__(self) -> None:
        if self.rule is None and is_flowspec(self.family):
            object.__setattr__(self, "rule", rule_of(self.family, self.nlri))

    @property
    def key(self) -> Key:
        return Key(self.family, self.nlri)


def nlri_of(rule: FlowSpecRule) -> bytes:
    """The canonical NLRI of a rule; WireError when it has none or no packet could match."""
    return encode_nlri(encode_rule(canonical(rule)))


def is_flowspec(family: Family) -> bool:
    return family.safi == Safi.FLOWSPEC


def rule_of(family: Family, nlri: bytes) -> FlowSpecRule:
    """The rule behind the octets of a FlowSpec NLRI that we encoded ourselves."""
    return decode_rule(nlri[2:] if nlri[0] >= 0xF0 else nlri[1:], family)


def octets_of_body(nlri: bytes) -> int:
    """How long a FlowSpec rule is without its length octets."""
    return len(nlri) - (2 if nlri[0] >= 0xF0 else 1)


def prefix_of(family: Family, nlri: bytes) -> Prefix:
    return Prefix(family.afi, nlri[0], nlri[1:])


def host_nlri(prefix: Prefix) -> bytes:
    return encode_prefix(prefix)


def describe(family: Family, nlri: bytes) -> str:
    """For people: the rule's text, or the prefix."""
    if is_flowspec(family):
        return format_rule(rule_of(family, nlri))
    return str(prefix_of(family, nlri))


def precedence(route: Route) -> tuple[int, int, float, int, str]:
    """Smallest wins a key that several want: priority, then strictness, then the newest."""
    rank, rate = strictness(route.action)
    return (-route.priority, rank, rate, -route.since_us, route.route_id)
