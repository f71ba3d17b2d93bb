"""Every number a guardrail compares with, its default and its unit.

A limit of None is off; a quota of 0 allows nothing. Files are read and checked elsewhere; what is
checked here, in `problems`, is whether the limits contradict each other.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.rule import ANY_PORT, MIN_POLICE_BPS, Ports
from prefixd.setting import As, Default, Doc, In, Many, Named, Seconds, Share, Whole

MAX_TTL_S: Final = 86_400


LengthV4 = Annotated[int, Whole(0, 32)]
LengthV6 = Annotated[int, Whole(0, 128)]
Ttl = Annotated[int, Whole(1, MAX_TTL_S)]
Quota = Annotated[int | None, As("quota"), In("quotas")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedFlow:
    """Traffic that no rule may touch.

    A routing session, BFD, management, our own DNS or NTP. None and an empty tuple of ports mean
    "any".
    """

    name: Annotated[str, Doc("What a refusal says to people.")]
    dst: Annotated[Prefix | None, Doc("Destination."), Default("any")] = None
    src: Annotated[Prefix | None, Doc("Source."), Default("any")] = None
    protocol: Annotated[int | None, Whole(0, 255), Doc("IP protocol."), Default("any")] = None
    dst_ports: Annotated[Ports, Doc("Destination ports."), Default("any")] = ANY_PORT
    src_ports: Annotated[Ports, Doc("Source ports."), Default("any")] = ANY_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hard limits; a rule that breaks one is refused."""

    require_ttl: Annotated[bool, Doc("Refuse rules without a time to live."), In("guardrails")] = (
        True
    )
    min_ttl_s: Annotated[Ttl, Doc("Shortest time to live."), In("guardrails"), In("timers")] = 30
    max_ttl_s: Annotated[Ttl, Doc("Longest time to live."), In("guardrails"), In("timers")] = 1800
    dst_prefix_min_length_v4: Annotated[
        LengthV4,
        Named("dst_prefix_minlen"),
        Doc("Shortest IPv4 destination."),
        In("guardrails"),
    ] = 32
    dst_prefix_max_length_v4: Annotated[
        LengthV4, Named("dst_prefix_maxlen"), Doc("Longest IPv4 destination."), In("guardrails")
    ] = 32
    dst_prefix_min_length_v6: Annotated[
        LengthV6,
        Named("dst_prefix_minlen_v6"),
        Doc("Shortest IPv6 destination."),
        In("guardrails"),
    ] = 128
    dst_prefix_max_length_v6: Annotated[
        LengthV6,
        Named("dst_prefix_maxlen_v6"),
        Doc("Longest IPv6 destination."),
        In("guardrails"),
    ] = 128
    max_ports: Annotated[
        int, Whole(1, 1024), Doc("Most ports or port ranges in a rule."), In("guardrails")
    ] = 8
    min_police_bps: Annotated[
        int, Whole(MIN_POLICE_BPS), Doc("Lowest rate of a policer."), In("guardrails")
    ] = MIN_POLICE_BPS
    require_owned: Annotated[
        bool, Doc("Detectors may only report addresses of the inventory."), In("guardrails")
    ] = True
    """Operators may overrule it."""
    max_discard_share: Annotated[
        Share,
        Doc("Share of our own addresses that one dropping rule may cover."),
        In("guardrails"),
    ] = 0.1
    allow_src_prefix_match: Annotated[
        bool, Doc("Allow rules that name a source prefix."), In("guardrails")
    ] = False
    allow_tcp_flags_match: Annotated[
        bool, Doc("Allow rules that name TCP flags."), In("guardrails")
    ] = False
    allow_fragment_match: Annotated[
        bool, Doc("Allow rules that name fragments."), In("guardrails")
    ] = False
    allow_packet_length_match: Annotated[
        bool, Doc("Allow rules that name packet lengths."), In("guardrails")
    ] = False

    max_active_per_customer: Annotated[Quota, Doc("Live mitigations of one customer.")] = 5
    max_active_per_pop: Annotated[Quota, Doc("Live mitigations of this site.")] = 200
    max_active_global: Annotated[Quota, Doc("Live mitigations of all sites.")] = 500
    max_new_per_minute: Annotated[Quota, Doc("New mitigations a minute.")] = 30
    max_announcements_per_peer: Annotated[Quota, Doc("Rules announced to one peer.")] = 100

    quiet_period_after_withdraw_s: Annotated[
        Seconds,
        Doc("After a withdrawal by hand the same rule is not made again for this long."),
        In("timers"),
    ] = 120
    max_lifetime_s: Annotated[
        Seconds,
        Doc("Longest life of a mitigation, extensions included; 0: no bound."),
        In("timers"),
    ] = 86_400

    protected_flows: Annotated[
        tuple[ProtectedFlow, ...],
        Many(unique=False),
        Doc("Traffic that no rule may touch; our own BGP sessions always are."),
        In("guardrails"),
    ] = ()


def problems(limits: Limits) -> tuple[Problem, ...]:
    """Contradictions: bounds the wrong way round, quotas that can never allow anything."""
    found: list[Problem] = []

    def ordered(low_name: str, low: int, high_name: str, high: int) -> None:
        if low > high:
            found.append(Problem(low_name, f"{low} is greater than {high_name} ({high})"))

    ordered("guardrails.min_ttl_seconds", limits.min_ttl_s, "max_ttl_seconds", limits.max_ttl_s)
    ordered(
        "guardrails.dst_prefix_minlen",
        limits.dst_prefix_min_length_v4,
        "dst_prefix_maxlen",
        limits.dst_prefix_max_length_v4,
    )
    ordered(
        "guardrails.dst_prefix_minlen_v6",
        limits.dst_prefix_min_length_v6,
        "dst_prefix_maxlen_v6",
        limits.dst_prefix_max_length_v6,
    )
    for name, value, low, high in (
        ("guardrails.min_ttl_seconds", limits.min_ttl_s, 1, 86400),
        ("guardrails.dst_prefix_minlen", limits.dst_prefix_min_length_v4, 0, 32),
        ("guardrails.dst_prefix_maxlen", limits.dst_prefix_max_length_v4, 0, 32),
        ("guardrails.dst_prefix_minlen_v6", limits.dst_prefix_min_length_v6, 0, 128),
        ("guardrails.dst_prefix_maxlen_v6", limits.dst_prefix_max_length_v6, 0, 128),
        ("guardrails.max_ports", limits.max_ports, 1, 1024),
        (
            "timers.quiet_period_after_withdraw_seconds",
            limits.quiet_period_after_withdraw_s,
            0,
            None,
        ),
        ("timers.max_lifetime_seconds", limits.max_lifetime_s, 0, None),
    ):
        if value < low or (high is not None and value > high):
            bounds = f"{low}..{high}" if high is not None else f"at least {low}"
            found.append(Problem(name, f"{value} is outside {bounds}"))
    if not 0 < limits.max_discard_share <= 1:
        found.append(
            Problem("guardrails.max_discard_share", f"{limits.max_discard_share} is outside 0..1")
        )
    for name, quota in (
        ("quotas.max_active_per_customer", limits.max_active_per_customer),
        ("quotas.max_active_per_pop", limits.max_active_per_pop),
        ("quotas.max_active_global", limits.max_active_global),
        ("quotas.max_new_per_minute", limits.max_new_per_minute),
        ("quotas.max_announcements_per_peer", limits.max_announcements_per_peer),
    ):
        if quota is not None and quota < 1:
            found.append(Problem(name, f"{quota} would refuse every mitigation"))
    if limits.max_lifetime_s and limits.max_lifetime_s < limits.min_ttl_s:
        found.append(
            Problem(
                "timers.max_lifetime_seconds",
                f"{limits.max_lifetime_s} is shorter than the shortest TTL ({limits.min_ttl_s})",
            )
        )
    return tuple(found)
