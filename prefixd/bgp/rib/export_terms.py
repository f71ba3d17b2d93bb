"""Everything that decides what a peer receives, as one comparable value.

Peers with equal terms get the same octets, so equal terms *are* the update group: no separate list
of "things that must match" can be forgotten when a new knob is added here. Terms are complete only
when a session is up, because families, AS width and message size are negotiated.
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import GENERIC, Profile
from prefixd.bgp.rib.safety import NO_SAFETY_NET, SafetyNet
from prefixd.bgp.wire.community import BLACKHOLE, NO_EXPORT
from prefixd.bgp.wire.context import STANDARD_MESSAGE_LENGTH
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.prefix import Prefix

DISCARD_V4: Final = IPv4Address("192.0.2.1")
DISCARD_V6: Final = IPv6Address("100::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPolicy:
    """What may be announced to a peer at all. Empty sets restrict nothing."""

    destinations: tuple[Prefix, ...] = ()
    """The destination of a rule must be inside one of these."""
    sources: tuple[Prefix, ...] = ()
    min_length_v4: int = 0
    max_length_v4: int = 32
    min_length_v6: int = 0
    max_length_v6: int = 128
    actions: frozenset[str] = frozenset()
    """Kinds of action allowed, by their domain word; empty: all the profile can do."""
    owners: frozenset[str] = frozenset()
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    local_pref: int = 100
    med: int | None = None

    @property
    def restricts_prefixes(self) -> bool:
        limits = (self.min_length_v4, self.max_length_v4, self.min_length_v6, self.max_length_v6)
        return bool(self.destinations or self.sources) or limits != (0, 32, 0, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtbhTerms:
    """Remote-triggered blackholing (RFC 5635, RFC 7999)."""

    next_hop_v4: IPv4Address = DISCARD_V4
    next_hop_v6: IPv6Address = DISCARD_V6
    communities: tuple[int, ...] = (BLACKHOLE, NO_EXPORT)
    large_communities: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Most rules a peer may hold, by family and together; None: the number of its profile."""

    rules_v4: int | None = None
    rules_v6: int | None = None
    rules_total: int | None = None
    reserved_for_manual: float = 0.1


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
