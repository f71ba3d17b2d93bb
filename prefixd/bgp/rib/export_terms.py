"""Everything that decides what a peer receives, as one comparable value.

Peers with equal terms get the same octets, so equal terms *are* the update group: no separate list
of "things that must match" can be forgotten when a new knob is added here. Terms are complete only
when a session is up, because families, AS width and message size are negotiated.
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Final

from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import GENERIC, Profile
from prefixd.bgp.rib.safety import NO_SAFETY_NET, SafetyNet
from prefixd.bgp.wire.community import BLACKHOLE, NO_EXPORT
from prefixd.bgp.wire.context import STANDARD_MESSAGE_LENGTH
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.prefix import Prefix
from prefixd.setting import As, Default, Doc, Name, Positive, Share, Whole

Communities = tuple[Annotated[int, As("community")], ...]
LargeCommunities = tuple[Annotated[tuple[int, int, int], As("large community")], ...]
FROM_PROFILE: Final = Default("from the profile")

DISCARD_V4: Final = IPv4Address("192.0.2.1")
DISCARD_V6: Final = IPv6Address("100::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPolicy:
    """What is announced to this peer. Without this section nothing is (RFC 8212); `export: {}`
    announces everything that its profile can take.

    Empty sets restrict nothing.
    """

    destinations: Annotated[
        tuple[Prefix, ...],
        Doc("Only rules for destinations inside these prefixes; empty: any."),
    ] = ()
    sources: Annotated[tuple[Prefix, ...], Doc("Only rules whose source lies inside these.")] = ()
    min_length_v4: Annotated[int, Whole(0, 32), Doc("Shortest IPv4 destination allowed.")] = 0
    max_length_v4: Annotated[int, Whole(0, 32), Doc("Longest IPv4 destination allowed.")] = 32
    min_length_v6: Annotated[int, Whole(0, 128), Doc("Shortest IPv6 destination allowed.")] = 0
    max_length_v6: Annotated[int, Whole(0, 128), Doc("Longest IPv6 destination allowed.")] = 128
    actions: Annotated[
        frozenset[Annotated[str, As("action")]],
        Doc("Kinds of action allowed; empty: all the profile can."),
    ] = frozenset()
    owners: Annotated[frozenset[Name], Doc("Only rules of these owners; empty: all.")] = frozenset()
    communities: Annotated[Communities, Doc("Communities added to every rule.")] = ()
    large_communities: Annotated[LargeCommunities, Doc("Large communities added.")] = ()
    local_pref: Annotated[int, Whole(0, (1 << 32) - 1), Doc("LOCAL_PREF towards iBGP peers.")] = 100
    med: Annotated[
        int | None,
        Whole(0, (1 << 32) - 1),
        Doc("MED; a standby instance gives a higher one."),
        Default("none"),
    ] = None

    @property
    def restricts_prefixes(self) -> bool:
        limits = (self.min_length_v4, self.max_length_v4, self.min_length_v6, self.max_length_v6)
        return bool(self.destinations or self.sources) or limits != (0, 32, 0, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtbhTerms:
    """Blackhole routes (RTBH); used when a unicast family is among `afi_safi`.

    RFC 5635 and RFC 7999.
    """

    next_hop_v4: Annotated[
        IPv4Address, Doc("Next hop of IPv4 blackhole routes; must be discarded there.")
    ] = DISCARD_V4
    next_hop_v6: Annotated[IPv6Address, Doc("Next hop of IPv6 blackhole routes.")] = DISCARD_V6
    communities: Annotated[
        Communities, Doc("Communities of blackhole routes."), Default("blackhole, no_export")
    ] = (BLACKHOLE, NO_EXPORT)
    large_communities: Annotated[LargeCommunities, Doc("Large communities of them.")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Never more rules than the router can take; keep it below its maximum-prefix limit.

    By family and together; None: the number of the router's profile.
    """

    rules_v4: Annotated[
        Positive | None, Doc("Most IPv4 rules this router is given."), FROM_PROFILE
    ] = None
    rules_v6: Annotated[Positive | None, Doc("Most IPv6 rules."), FROM_PROFILE] = None
    rules_total: Annotated[Positive | None, Doc("Most rules of all families."), FROM_PROFILE] = None
    reserved_for_manual: Annotated[Share, Doc("Share kept free for rules made by people.")] = 0.1


DEFAULT_RTBH: Final = RtbhTerms()
DEFAULT_BUDGET: Final = Budget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    batch_s: float = 0.02
    batch_keys: int = 200
    quiet_s: float = 0.05
    rules_per_second: int = 0
    """0: unpaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    families: frozenset[Family]
    local_as: int
    internal: bool
    four_octet_as: bool = True
    max_message: int = STANDARD_MESSAGE_LENGTH
    profile: Profile = GENERIC
    policy: ExportPolicy | None = None
    """None: nothing may be announced (RFC 8212)."""
    rtbh: RtbhTerms = DEFAULT_RTBH
    budget: Budget = DEFAULT_BUDGET
    pacing: Pacing = Pacing()
    names: frozenset[str] = frozenset()
    """The peer's tags, and its name where a route or a deviation names it."""
    safety: SafetyNet = NO_SAFETY_NET
    quarantined: frozenset[Key] = frozenset()

    def wire_form(self) -> tuple[object, ...]:
        """What changes the octets of a route that is announced anyway."""
        policy = self.policy
        advertised = (
            ()
            if policy is None
            else (policy.communities, policy.large_communities, policy.local_pref, policy.med)
        )
        return (self.local_as, self.internal, self.four_octet_as, self.rtbh, advertised)

    def without_policy(self) -> "Terms":
        """The terms that withdraw everything from a peer."""
        return replace(self, policy=None, pacing=replace(self.pacing, rules_per_second=0))
