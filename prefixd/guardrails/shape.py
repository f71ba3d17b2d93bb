"""Checks of the rule itself: whom it touches, what it matches, how hard and how long it acts.

Each looks at the proposed rule, the facts and the limits, and returns a `Refusal` or None. None of
them counts anything: whether a quota allows one more is asked in `quota_checks`.
"""

from prefixd.domain.mitigation import Origin
from prefixd.domain.prefix import V4
from prefixd.domain.rule import Blackhole, Match, Police, drops_everything, format_rate
from prefixd.guardrails.facts import Facts, Proposal, Refusal, not_allowed, unknown
from prefixd.guardrails.limits import Limits
from prefixd.guardrails.protection import touches


def safelisted(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if facts.safelist is None:
        return unknown("safelist_unknown", "the content of the safelist")
    match = proposal.rule.match
    victim, dst = proposal.victim, match.dst
    for prefix in (victim, None if dst == victim else dst, match.src):
        if prefix is None:
            continue
        entry = facts.safelist.touched_by(prefix, proposal.now_us)
        if entry is not None:
            why = f" ({entry.reason})" if entry.reason else ""
            return Refusal(
                "safelisted",
                f"{prefix.victim_text()} is safelisted by {entry.prefix}{why}",
                str(entry.prefix),
                prefix.victim_text(),
            )
    return None


def protected(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    for flow in limits.protected_flows:
        if touches(proposal.rule.match, flow):
            return Refusal(
                "protected_flow",
                f"the rule would match {flow.name}",
                flow.name,
                "" if proposal.rule.match.dst is None else str(proposal.rule.match.dst),
            )
    return None


def owned(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if (
        proposal.customer_id is not None
        or not limits.require_owned
        or proposal.origin is Origin.MANUAL
    ):
        return None
    return Refusal(
        "not_owned",
        f"{proposal.victim.victim_text()} belongs to no customer in the inventory",
        "inventory",
        proposal.victim.victim_text(),
    )


def has_destination(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    if match.dst is not None or (match.src is not None and limits.allow_src_prefix_match):
        return None
    return Refusal(
        "no_destination", "a rule without a destination would match all traffic", "required", "none"
    )


def source_prefix(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    src = proposal.rule.match.src
    if src is None or limits.allow_src_prefix_match:
        return None
    return not_allowed("src_prefix_not_allowed", "source prefixes", str(src))


def tcp_flags(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    flags = proposal.rule.match.tcp_flags
    if flags is None or limits.allow_tcp_flags_match:
        return None
    return not_allowed("tcp_flags_not_allowed", "TCP flags", f"{flags.value:#04x}")


def fragments(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    wanted = proposal.rule.match.fragments
    if not wanted or limits.allow_fragment_match:
        return None
    return not_allowed("fragment_not_allowed", "fragments", ",".join(wanted))


def packet_lengths(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    lengths = proposal.rule.match.packet_lengths
    if not lengths or limits.allow_packet_length_match:
        return None
    return not_allowed("packet_length_not_allowed", "packet lengths", ",".join(map(str, lengths)))


def ttl_given(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if proposal.ttl_s > 0 or not limits.require_ttl:
        return None
    return Refusal("ttl_required", "a rule needs a TTL", "required", str(proposal.ttl_s))


def ttl_bounds(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    ttl_s, low, high = proposal.ttl_s, limits.min_ttl_s, limits.max_ttl_s
    if low <= ttl_s <= high or (ttl_s <= 0 and limits.require_ttl):
        return None  # without any TTL the check before this one has spoken
    return Refusal(
        "ttl_out_of_bounds",
        f"a TTL of {ttl_s} s is outside {low} to {high} s",
        f"{low}..{high}",
        str(ttl_s),
    )


def lifetime(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    age_s = (proposal.now_us - proposal.created_at_us) // 1_000_000
    if limits.max_lifetime_s == 0 or age_s < limits.max_lifetime_s:
        return None
    return Refusal(
        "max_lifetime",
        f"the mitigation has lived {age_s} s of at most {limits.max_lifetime_s} s",
        str(limits.max_lifetime_s),
        str(age_s),
    )


def prefix_length(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    for prefix in (match.dst, match.src):
        if prefix is None:
            continue
        if prefix.version == V4:
            low, high = limits.dst_prefix_min_length_v4, limits.dst_prefix_max_length_v4
        else:
            low, high = limits.dst_prefix_min_length_v6, limits.dst_prefix_max_length_v6
        if not low <= prefix.length <= high:
            return Refusal(
                "prefix_length",
                f"{prefix}: a /{prefix.length} is outside /{low} to /{high}",
                f"/{low}../{high}",
                f"/{prefix.length}",
            )
    return None


def discard_share(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    """A host is never too much; a network may be, when rules for networks are allowed at all."""
    dst = proposal.rule.match.dst
    if dst is None or dst.is_host or not drops_everything(proposal.rule.action):
        return None
    covered = 1 << (dst.bits - dst.length)
    if covered <= proposal.own_space * limits.max_discard_share:
        return None
    return Refusal(
        "discard_too_wide",
        f"dropping {dst} would cover {covered} addresses, more than"
        f" {limits.max_discard_share:.0%} of the {proposal.own_space} in the inventory",
        f"{limits.max_discard_share:.0%} of {proposal.own_space}",
        str(covered),
    )


def port_count(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    count = max(len(match.dst_ports), len(match.src_ports))
    if count <= limits.max_ports:
        return None
    return Refusal(
        "too_many_ports",
        f"{count} ports and ranges are more than {limits.max_ports}",
        str(limits.max_ports),
        str(count),
    )


def police_rate(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    action = proposal.rule.action
    if not isinstance(action, Police) or action.rate_bps >= limits.min_police_bps:
        return None
    return Refusal(
        "rate_too_low",
        f"police to {format_rate(action.rate_bps)} is a discard in disguise:"
        f" at least {format_rate(limits.min_police_bps)} is needed",
        str(limits.min_police_bps),
        str(action.rate_bps),
    )


def blackhole_host(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    if not isinstance(proposal.rule.action, Blackhole):
        return None
    if match.dst is not None and match.dst.is_host and match == Match(dst=match.dst):
        return None
    return Refusal(
        "blackhole_not_host",
        "a blackhole route is for one host and for all of its traffic",
        "a host",
        "more" if match.dst is None else str(match.dst),
    )
