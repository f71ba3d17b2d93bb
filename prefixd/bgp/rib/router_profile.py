"""What each kind of router can take: data, so that no vendor's name appears in code.

Figures are conservative; hardware differs by line card, and an operator overrides budgets and
pacing per neighbor. Where a figure was measured against a real daemon, its version stands beside
it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from prefixd.bgp.rib.route_action import Ability
from prefixd.bgp.wire.flowspec import MAX_BODY
from prefixd.bgp.wire.flowspec_match import (
    DONT_FRAGMENT,
    FIRST_FRAGMENT,
    IS_FRAGMENT,
    LAST_FRAGMENT,
    Kind,
)


class OffsetForm(StrEnum):
    """How an IPv6 prefix with an offset is written. Only RFC 8956 has a decoder here."""

    OFF = "off"
    RFC8956 = "rfc8956"


_V4: Final = frozenset(kind for kind in Kind if kind is not Kind.FLOW_LABEL)
_V6: Final = frozenset(Kind)
_ALL_FRAGMENTS: Final = DONT_FRAGMENT | IS_FRAGMENT | FIRST_FRAGMENT | LAST_FRAGMENT
_ONE_OCTET_LENGTH: Final = 239
_CLASSIC_FLAGS: Final = 0x3F

_EVERYTHING: Final = frozenset(Ability)
_TYPICAL: Final = frozenset(
    {
        Ability.DISCARD,
        Ability.RATE_BYTES,
        Ability.REDIRECT_VRF,
        Ability.REDIRECT_IP,
        Ability.BLACKHOLE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    name: str
    components_v4: frozenset[Kind] = _V4
    components_v6: frozenset[Kind] = _V6
    max_body: int = _ONE_OCTET_LENGTH
    """Octets of one rule; several daemons misread the two-octet length."""
    max_items: int = 64
    """Operators in one component."""
    max_ranges: int = 64
    tcp_flags: int = 0xFF
    fragments_v4: int = _ALL_FRAGMENTS
    fragments_v6: int = _ALL_FRAGMENTS & ~DONT_FRAGMENT
    ipv6_offset: OffsetForm = OffsetForm.OFF
    abilities: frozenset[Ability] = _TYPICAL
    min_rate_bps: int = 0
    needs_destination: bool = True
    """A rule without destination can never be validated (RFC 8955 6)."""
    port_with_dport: bool = True
    """Whether "either port" may stand beside a destination or source port."""
    max_parts: int = 16
    budget_v4: int | None = None
    budget_v6: int | None = None
    budget_total: int | None = None
    rules_per_second: int = 500
    fence: bool | None = None
    """Answers ROUTE-REFRESH with BoRR for FlowSpec; None: find out."""
    keeps_rules: bool | None = None
    """Keeps FlowSpec rules through a graceful restart; None: not known."""
    expands_ranges: bool = False
    """A port range costs several table entries."""


GENERIC: Final = Profile(name="generic", budget_total=1000, abilities=_TYPICAL | {Ability.MARK})

_LAB: Final = Profile(
    name="lab",
    max_body=MAX_BODY,
    max_items=512,
    max_ranges=512,
    tcp_flags=0xFFF,
    ipv6_offset=OffsetForm.RFC8956,
    abilities=_EVERYTHING,
    needs_destination=False,
    rules_per_second=0,
)

PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        GENERIC,
        Profile(
            name="junos",
            max_items=10,
            max_ranges=5,
            abilities=_TYPICAL | {Ability.MARK, Ability.SAMPLE},
            components_v6=_V6 - {Kind.FLOW_LABEL},
            min_rate_bps=8000,
            port_with_dport=False,
            budget_total=1000,
            rules_per_second=200,
        ),
        Profile(
            name="eos",
            max_items=8,
            max_ranges=4,
            components_v6=_V6 - {Kind.FLOW_LABEL},
            budget_total=500,
            rules_per_second=100,
            expands_ranges=True,
        ),
        Profile(
            name="iosxr",
            max_items=5,
            max_ranges=5,
            fragments_v4=IS_FRAGMENT,
            components_v6=_V6 - {Kind.FRAGMENT, Kind.FLOW_LABEL, Kind.PACKET_LENGTH},
            abilities=_TYPICAL | {Ability.MARK},
            budget_total=1000,
            rules_per_second=100,
        ),
        Profile(
            name="sros",
            max_items=5,
            max_ranges=5,
            tcp_flags=_CLASSIC_FLAGS,
            fragments_v4=IS_FRAGMENT,
            fragments_v6=IS_FRAGMENT,
            budget_total=512,
            rules_per_second=100,
        ),
        Profile(  # 8.4.4: a sixth operator is answered with NOTIFICATION 3/9
            name="frr",
            max_items=5,
            max_ranges=2,
            abilities=_TYPICAL | {Ability.MARK},
            budget_total=200,
            needs_destination=False,
            fence=False,
            keeps_rules=False,
        ),
        replace(_LAB, name="bird", fence=True, keeps_rules=True),  # 2.0.12
        replace(  # 3.10.0 loses rules of 240 octets and more
            _LAB,
            name="gobgp",
            max_body=_ONE_OCTET_LENGTH,
            ipv6_offset=OffsetForm.OFF,
            fence=False,
        ),
        replace(_LAB, name="exabgp", ipv6_offset=OffsetForm.OFF, fence=False),
    )
}
