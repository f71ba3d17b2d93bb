"""Every number a guardrail compares with, its default and its unit.

A limit of None is off; a quota of 0 allows nothing. Files are read and checked elsewhere; what is
checked here, in `problems`, is whether the limits contradict each other.
"""

from dataclasses import dataclass

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.rule import ANY_PORT, MIN_POLICE_BPS, Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedFlow:
    """Traffic no rule may touch: a routing session, BFD, management, our own DNS or NTP.

    None and an empty tuple of ports mean "any". `name` is what a refusal says to people.
    """

    name: str
    dst: Prefix | None = None
    src: Prefix | None = None
    protocol: int | None = None
    dst_ports: Ports = ANY_PORT
    src_ports: Ports = ANY_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    # guardrails
    require_ttl: bool = True
    min_ttl_s: int = 30
    max_ttl_s: int = 1800
    dst_prefix_min_length_v4: int = 32
    dst_prefix_max_length_v4: int = 32
    dst_prefix_min_length_v6: int = 128
    dst_prefix_max_length_v6: int = 128
    max_ports: int = 8  # ranges, one each
    min_police_bps: int = MIN_POLICE_BPS
    max_discard_share: float = 0.1  # of our own addresses that one dropping rule may cover
    require_owned: bool = True  # detectors act on inventory addresses only; people may overrule
    allow_src_prefix_match: bool = False
    allow_tcp_flags_match: bool = False
    allow_fragment_match: bool = False
    allow_packet_length_match: bool = False
    # quotas
    max_active_per_customer: int | None = 5
    max_active_per_pop: int | None = 200
    max_active_global: int | None = 500
    max_new_per_minute: int | None = 30
    max_announcements_per_peer: int | None = 100
    # timers
    quiet_period_after_withdraw_s: int = 120  # 0: off
    max_lifetime_s: int = 86400  # 0: off
    # the safety net
    protected_flows: tuple[ProtectedFlow, ...] = ()


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
