"""Checks of whether there is room: quotas, the pace of new rules, and the quiet after a withdrawal.

Each compares what was counted with a limit. A number that could not be read is no room.
"""

from prefixd.domain.mitigation import Origin
from prefixd.domain.rule import scope_hash
from prefixd.guardrails.facts import Facts, Proposal, Purpose, Refusal, unknown
from prefixd.guardrails.limits import Limits


def quiet_period(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    """People may change their mind at once; detectors wait until what was withdrawn has settled."""
    if proposal.origin is Origin.MANUAL or limits.quiet_period_after_withdraw_s == 0:
        return None
    if facts.withdrawals is None:
        return unknown("withdrawals_unknown", "what was withdrawn lately")
    for withdrawal in facts.withdrawals:
        same_attack = (withdrawal.victim, withdrawal.vector) == (proposal.victim, proposal.vector)
        if not same_attack and withdrawal.scope_hash != scope_hash(proposal.rule.match):
            continue
        age_s = (proposal.now_us - withdrawal.at_us) // 1_000_000
        if age_s < limits.quiet_period_after_withdraw_s:
            return Refusal(
                "quiet_period",
                f"it was withdrawn {age_s} s ago; new rules for it wait"
                f" {limits.quiet_period_after_withdraw_s} s",
                str(limits.quiet_period_after_withdraw_s),
                str(age_s),
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
        return unknown("quota_unknown", "the number of mitigations made in the last minute")
    if count < limit:
        return None
    return Refusal(
        "quota_new_per_minute",
        f"{count} mitigations were made in the last minute, the limit is {limit}",
        str(limit),
        str(count),
    )


def peer_quota(proposal: Proposal, facts: Facts, limits: Limits) -> Refusal | None:
    count, limit = facts.counts.fullest_peer, limits.max_announcements_per_peer
    if limit is None:
        return None
    if count is None:
        return unknown("quota_unknown", "the number of rules the peers hold")
    if count < limit:
        return None
    return Refusal(
        "quota_peer",
        f"a peer already holds {count} rules, the limit is {limit}",
        str(limit),
        str(count),
    )


def _quota(name: str, count: int | None, limit: int | None, proposal: Proposal) -> Refusal | None:
    if limit is None:
        return None
    if count is None:
        return unknown(
            "quota_unknown", f"the number of live mitigations of {_whose(name, proposal)}"
        )
    # A mitigation that lives already is one of those counted.
    full = count >= limit if proposal.purpose is Purpose.CREATE else count > limit
    if not full:
        return None
    return Refusal(
        f"quota_{name}",
        f"{_whose(name, proposal)} has {count} live mitigations, the limit is {limit}",
        str(limit),
        str(count),
    )


def _whose(name: str, proposal: Proposal) -> str:
    if name == "customer":
        return f"customer {proposal.customer_id}"
    return "this POP" if name == "pop" else "the whole network"
