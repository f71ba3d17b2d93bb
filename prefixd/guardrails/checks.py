"""The guardrails: small questions in a fixed order, each of which can only say no.

A check looks at the proposed rule, the facts and the limits, and returns a `Refusal` or None.
`CHECKS` is the whole truth about which run, in which order and for which purpose; `inspect` runs
all of them, so that an operator sees every reason at once and not one per attempt. Codes are
stable: programs, metrics and the documentation name them.

No check knows how a rule came to be wanted, and none has an override. Doubt refuses: see `facts`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from prefixd.domain.mitigation import Origin
from prefixd.domain.prefix import V4
from prefixd.domain.rule import (
    Blackhole,
    Match,
    Police,
    drops_everything,
    format_rate,
    scope_hash,
)
from prefixd.guardrails.facts import Facts, Proposal, Purpose
from prefixd.guardrails.limits import Limits
from prefixd.guardrails.protection import touches


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against a rule. `limit` and `value` are what was compared, as text."""

    code: str
    limit: str
    value: str
    sentence: str


Check: TypeAlias = Callable[[Proposal, Facts, Limits], Refusal | None]

_ALWAYS: Final = frozenset(Purpose)
_NEW: Final = frozenset({Purpose.CREATE})
_RULE_IS_NEW: Final = frozenset({Purpose.CREATE, Purpose.CHANGE})


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A row of the table: which codes it can answer, when it runs, what it asks."""

    codes: tuple[str, ...]
    purposes: frozenset[Purpose]
    check: Check
    question: str


def safelisted(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if facts.safelist is None:
        return _unknown("safelist_unknown", "the content of the safelist")
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
                str(entry.prefix),
                prefix.victim_text(),
                f"{prefix.victim_text()} is safelisted by {entry.prefix}{why}",
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
        "inventory",
        proposal.victim.victim_text(),
        f"{proposal.victim.victim_text()} belongs to no customer in the inventory",
    )


def has_destination(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    if match.dst is not None or (match.src is not None and limits.allow_src_prefix_match):
        return None
    return Refusal(
        "no_destination", "required", "none", "a rule without a destination would match everybody"
    )


def source_prefix(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    src = proposal.rule.match.src
    if src is None or limits.allow_src_prefix_match:
        return None
    return _not_allowed("src_prefix_not_allowed", "source prefixes", str(src))


def tcp_flags(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    flags = proposal.rule.match.tcp_flags
    if flags is None or limits.allow_tcp_flags_match:
        return None
    return _not_allowed("tcp_flags_not_allowed", "TCP flags", f"{flags.value:#04x}")


def fragments(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    wanted = proposal.rule.match.fragments
    if not wanted or limits.allow_fragment_match:
        return None
    return _not_allowed("fragment_not_allowed", "fragments", ",".join(wanted))


def packet_lengths(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    lengths = proposal.rule.match.packet_lengths
    if not lengths or limits.allow_packet_length_match:
        return None
    return _not_allowed("packet_length_not_allowed", "packet lengths", ",".join(map(str, lengths)))


def ttl_given(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if proposal.ttl_s > 0 or not limits.require_ttl:
        return None
    return Refusal("ttl_required", "required", str(proposal.ttl_s), "a rule needs a TTL")


def ttl_bounds(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    ttl_s, low, high = proposal.ttl_s, limits.min_ttl_s, limits.max_ttl_s
    if low <= ttl_s <= high or (ttl_s <= 0 and limits.require_ttl):
        return None  # without any TTL the check before this one has spoken
    return Refusal(
        "ttl_out_of_bounds",
        f"{low}..{high}",
        str(ttl_s),
        f"a TTL of {ttl_s} s is outside {low} to {high} s",
    )


def lifetime(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    age_s = (proposal.now_us - proposal.created_at_us) // 1_000_000
    if limits.max_lifetime_s == 0 or age_s < limits.max_lifetime_s:
        return None
    return Refusal(
        "max_lifetime",
        str(limits.max_lifetime_s),
        str(age_s),
        f"the mitigation has lived {age_s} s of at most {limits.max_lifetime_s} s",
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
                f"/{low}../{high}",
                f"/{prefix.length}",
                f"{prefix}: a /{prefix.length} is outside /{low} to /{high}",
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
        f"{limits.max_discard_share:.0%} of {proposal.own_space}",
        str(covered),
        f"dropping {dst} would cover {covered} addresses, more than"
        f" {limits.max_discard_share:.0%} of the {proposal.own_space} in the inventory",
    )


def port_count(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    count = max(len(match.dst_ports), len(match.src_ports))
    if count <= limits.max_ports:
        return None
    return Refusal(
        "too_many_ports",
        str(limits.max_ports),
        str(count),
        f"{count} ports and ranges are more than {limits.max_ports}",
    )


def police_rate(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    action = proposal.rule.action
    if not isinstance(action, Police) or action.rate_bps >= limits.min_police_bps:
        return None
    return Refusal(
        "rate_too_low",
        str(limits.min_police_bps),
        str(action.rate_bps),
        f"police to {format_rate(action.rate_bps)} is a discard in disguise:"
        f" at least {format_rate(limits.min_police_bps)} is needed",
    )


def blackhole_host(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    match = proposal.rule.match
    if not isinstance(proposal.rule.action, Blackhole):
        return None
    if match.dst is not None and match.dst.is_host and match == Match(dst=match.dst):
        return None
    return Refusal(
        "blackhole_not_host",
        "a host",
        "more" if match.dst is None else str(match.dst),
        "a blackhole route is for one host and for all of its traffic",
    )


def protected(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    for flow in limits.protected_flows:
        if touches(proposal.rule.match, flow):
            return Refusal(
                "protected_flow",
                flow.name,
                "" if proposal.rule.match.dst is None else str(proposal.rule.match.dst),
                f"the rule would match {flow.name}",
            )
    return None


def quiet_period(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    """People may change their mind at once; detectors wait until what was withdrawn has settled."""
    if proposal.origin is Origin.MANUAL or limits.quiet_period_after_withdraw_s == 0:
        return None
    if facts.withdrawals is None:
        return _unknown("withdrawals_unknown", "what was withdrawn lately")
    for withdrawal in facts.withdrawals:
        same_attack = (withdrawal.victim, withdrawal.vector) == (proposal.victim, proposal.vector)
        if not same_attack and withdrawal.scope_hash != scope_hash(proposal.rule.match):
            continue
        age_s = (proposal.now_us - withdrawal.at_us) // 1_000_000
        if age_s < limits.quiet_period_after_withdraw_s:
            return Refusal(
                "quiet_period",
                str(limits.quiet_period_after_withdraw_s),
                str(age_s),
                f"it was withdrawn {age_s} s ago; new rules for it wait"
                f" {limits.quiet_period_after_withdraw_s} s",
            )
    return None


def customer_quota(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    if proposal.customer_id is None:
        return None
    own = proposal.customer_max_active
    limit = limits.max_active_per_customer if own is None else own
    return _quota("customer", facts.counts.customer, limit, proposal)


def pop_quota(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    return _quota("pop", facts.counts.pop, limits.max_active_per_pop, proposal)


def global_quota(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    return _quota("global", facts.counts.everywhere, limits.max_active_global, proposal)


def creation_rate(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    count, limit = facts.counts.new_last_minute, limits.max_new_per_minute
    if limit is None:
        return None
    if count is None:
        return _unknown("quota_unknown", "the number of mitigations made in the last minute")
    if count < limit:
        return None
    return Refusal(
        "quota_new_per_minute",
        str(limit),
        str(count),
        f"{count} mitigations were made in the last minute, the limit is {limit}",
    )


def peer_quota(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    count, limit = facts.counts.fullest_peer, limits.max_announcements_per_peer
    if limit is None:
        return None
    if count is None:
        return _unknown("quota_unknown", "the number of rules the peers hold")
    if count < limit:
        return None
    return Refusal(
        "quota_peer",
        str(limit),
        str(count),
        f"a peer already holds {count} rules, the limit is {limit}",
    )


CHECKS: Final[tuple[Guardrail, ...]] = (
    Guardrail(
        ("safelisted", "safelist_unknown"),
        _ALWAYS,
        safelisted,
        "Does the rule touch a safelisted prefix?",
    ),
    Guardrail(("protected_flow",), _ALWAYS, protected, "Would it match our own sessions?"),
    Guardrail(("not_owned",), _RULE_IS_NEW, owned, "Is the victim in the inventory?"),
    Guardrail(("no_destination",), _RULE_IS_NEW, has_destination, "Does it name a destination?"),
    Guardrail(("src_prefix_not_allowed",), _RULE_IS_NEW, source_prefix, "May it name a source?"),
    Guardrail(("tcp_flags_not_allowed",), _RULE_IS_NEW, tcp_flags, "May it match TCP flags?"),
    Guardrail(("fragment_not_allowed",), _RULE_IS_NEW, fragments, "May it match fragments?"),
    Guardrail(
        ("packet_length_not_allowed",),
        _RULE_IS_NEW,
        packet_lengths,
        "May it match packet lengths?",
    ),
    Guardrail(("ttl_required",), _ALWAYS, ttl_given, "Is there a TTL?"),
    Guardrail(("ttl_out_of_bounds",), _ALWAYS, ttl_bounds, "Is the TTL within bounds?"),
    Guardrail(("max_lifetime",), _ALWAYS, lifetime, "Has it lived too long already?"),
    Guardrail(
        ("prefix_length",),
        _RULE_IS_NEW,
        prefix_length,
        "Is the prefix neither too wide nor too narrow?",
    ),
    Guardrail(("discard_too_wide",), _RULE_IS_NEW, discard_share, "Does it drop too much of us?"),
    Guardrail(("too_many_ports",), _RULE_IS_NEW, port_count, "Are the ports few enough?"),
    Guardrail(("rate_too_low",), _RULE_IS_NEW, police_rate, "Is the rate a real one?"),
    Guardrail(
        ("blackhole_not_host",), _RULE_IS_NEW, blackhole_host, "Does a blackhole name one host?"
    ),
    Guardrail(
        ("quiet_period", "withdrawals_unknown"), _NEW, quiet_period, "Was it withdrawn just now?"
    ),
    Guardrail(
        ("quota_customer", "quota_unknown"),
        _ALWAYS,
        customer_quota,
        "Is the customer's quota full?",
    ),
    Guardrail(("quota_pop", "quota_unknown"), _ALWAYS, pop_quota, "Is the POP's quota full?"),
    Guardrail(
        ("quota_global", "quota_unknown"), _ALWAYS, global_quota, "Is the global quota full?"
    ),
    Guardrail(
        ("quota_new_per_minute", "quota_unknown"), _NEW, creation_rate, "Were too many made lately?"
    ),
    Guardrail(("quota_peer", "quota_unknown"), _NEW, peer_quota, "Is a peer full?"),
)


_ASKED: Final[Mapping[Purpose, tuple[Check, ...]]] = MappingProxyType(
    {
        purpose: tuple(guardrail.check for guardrail in CHECKS if purpose in guardrail.purposes)
        for purpose in Purpose
    }
)


def inspect(proposal: Proposal, facts: Facts, limits: Limits) -> tuple[Refusal, ...]:
    """Every reason against the proposal, in the order of the table; empty means it may be."""
    refusals: list[Refusal] = []
    for check in _ASKED[proposal.purpose]:
        refusal = check(proposal, facts, limits)
        if refusal is not None:
            refusals.append(refusal)
    return tuple(refusals)


def _quota(name: str, count: int | None, limit: int | None, proposal: Proposal) -> Refusal | None:
    if limit is None:
        return None
    if count is None:
        return _unknown(
            "quota_unknown", f"the number of live mitigations of {_whose(name, proposal)}"
        )
    # A mitigation that lives already is one of those counted.
    full = count >= limit if proposal.purpose is Purpose.CREATE else count > limit
    if not full:
        return None
    return Refusal(
        f"quota_{name}",
        str(limit),
        str(count),
        f"{_whose(name, proposal)} has {count} live mitigations, the limit is {limit}",
    )


def _whose(name: str, proposal: Proposal) -> str:
    if name == "customer":
        return f"customer {proposal.customer_id}"
    return "this POP" if name == "pop" else "the whole network"


def _unknown(code: str, what: str) -> Refusal:
    return Refusal(code, "known", "unknown", f"{what} is not known: in doubt nothing new is made")


def _not_allowed(code: str, what: str, value: str) -> Refusal:
    return Refusal(code, "not allowed", value, f"rules may not match {what} here")
