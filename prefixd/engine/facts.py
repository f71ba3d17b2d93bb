"""The facts a decision may need, gathered from the live state in one step.

What cannot be known is None, and the guardrails refuse on None: that is their rule, not ours.
"""

from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.record import QuotaLimits
from prefixd.engine.turn import Turn
from prefixd.guardrails.facts import Facts

_NONE: frozenset[MitigationId] = frozenset()


def gather(
    turn: Turn,
    customer_id: str | None,
    group_id: GroupId | None = None,
    *,
    approved: bool = False,
) -> Facts:
    mitigations = turn.live_mitigations()
    return Facts(
        mitigations=mitigations,
        safelist=turn.snapshot.safelist,
        counts=turn.live.quotas.counts(customer_id, turn.now_us),
        withdrawals=() if turn.victim is None else turn.live.withdrawals_of(turn.victim),
        shared=_needed_elsewhere(turn, group_id) if mitigations else _NONE,
        approved=approved,
    )


def _needed_elsewhere(turn: Turn, group_id: GroupId | None) -> frozenset[MitigationId]:
    """Mitigations which another live group of the victim was the reason for, too."""
    return frozenset(
        mitigation_id
        for group in turn.live_groups()
        if group.group_id != group_id
        for mitigation_id in group.mitigation_ids
    )


def quota_limits(turn: Turn, customer_id: str | None) -> QuotaLimits:
    """What the store holds a new row against, for the case that another POP was quicker."""
    rules = turn.snapshot.rules
    limits = rules.limits
    customer = None if customer_id is None else rules.inventory.customer(customer_id)
    own = None if customer is None else customer.max_active
    return QuotaLimits(
        customer=limits.max_active_per_customer if own is None else own,
        pop=limits.max_active_per_pop,
        everywhere=limits.max_active_global,
    )
