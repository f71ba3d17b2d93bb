"""What the guardrails are asked, and what their answer means for the group.

A new rule, a change and an extension are three proposals over one set of checks.
"""

from collections.abc import Iterable

from prefixd.decision.inputs import Rules
from prefixd.domain.group import HoldReason
from prefixd.domain.inventory import Owner
from prefixd.domain.mitigation import Mitigation, Origin
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Rule
from prefixd.domain.vector import Vector
from prefixd.guardrails.facts import Facts, Proposal, Purpose, Refusal
from prefixd.guardrails.limits import Limits

SECOND_US = 1_000_000


def creation_of(
    rules: Rules,
    owner: Owner | None,
    rule: Rule,
    victim: Prefix,
    vector: Vector,
    ttl_s: int,
    now_us: int,
    origin: Origin = Origin.DETECTOR,
) -> Proposal:
    return Proposal(
        purpose=Purpose.CREATE,
        rule=rule,
        victim=victim,
        vector=vector,
        customer_id=None if owner is None else owner.customer.customer_id,
        ttl_s=ttl_s,
        now_us=now_us,
        created_at_us=now_us,
        origin=origin,
        customer_max_active=None if owner is None else owner.customer.max_active,
        own_space=_own_space(rules, rule),
    )


def change_of(
    rules: Rules, owner: Owner | None, mitigation: Mitigation, rule: Rule, ttl_s: int, now_us: int
) -> Proposal:
    return Proposal(
        purpose=Purpose.CHANGE,
        rule=rule,
        victim=mitigation.victim,
        vector=mitigation.vector,
        customer_id=mitigation.customer_id,
        ttl_s=ttl_s,
        now_us=now_us,
        created_at_us=mitigation.created_at_us,
        origin=mitigation.origin,
        customer_max_active=None if owner is None else owner.customer.max_active,
        own_space=_own_space(rules, rule),
    )


def extension_of(owner: Owner | None, mitigation: Mitigation, ttl_s: int, now_us: int) -> Proposal:
    return Proposal(
        purpose=Purpose.EXTEND,
        rule=mitigation.rule,
        victim=mitigation.victim,
        vector=mitigation.vector,
        customer_id=mitigation.customer_id,
        ttl_s=ttl_s,
        now_us=now_us,
        created_at_us=mitigation.created_at_us,
        origin=mitigation.origin,
        customer_max_active=None if owner is None else owner.customer.max_active,
    )


def later_expiry(mitigation: Mitigation, ttl_s: int, limits: Limits, now_us: int) -> int:
    """The new end: a TTL from now, within the longest life, never earlier than promised."""
    wanted_us = now_us + ttl_s * SECOND_US
    if limits.max_lifetime_s:
        wanted_us = min(wanted_us, mitigation.created_at_us + limits.max_lifetime_s * SECOND_US)
    return max(mitigation.expires_at_us, wanted_us)


def hold_reason(refusals: Iterable[Refusal]) -> HoldReason:
    """The most telling of several: the safelist is final, a quota passes by itself."""
    codes = [refusal.code for refusal in refusals]
    if any(code.startswith("safelist") for code in codes):
        return HoldReason.SAFELIST
    if codes and all(code.startswith("quota_") for code in codes):
        return HoldReason.QUOTA
    return HoldReason.GUARDRAIL


def quiet_until(
    proposal: Proposal, facts: Facts, limits: Limits, refusals: Iterable[Refusal]
) -> int | None:
    """When a refusal by the quiet period ends; None when time alone will not cure it."""
    if {refusal.code for refusal in refusals} != {"quiet_period"}:
        return None
    ends = [
        withdrawal.at_us + limits.quiet_period_after_withdraw_s * SECOND_US
        for withdrawal in facts.withdrawals or ()
    ]
    later = [end for end in ends if end > proposal.now_us]
    return max(later, default=None)


def _own_space(rules: Rules, rule: Rule) -> int:
    dst = rule.match.dst
    return 0 if dst is None or dst.is_host else rules.inventory.space(dst.version)
