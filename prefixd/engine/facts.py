"""The facts a decision may need, gathered from the picture in one breath.

What cannot be known is None, and the guardrails refuse on None: that is their rule, not ours.
"""

from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.inventory import Customer
from prefixd.domain.record import QuotaLimits
from prefixd.engine.live_state import MINUTE_US
from prefixd.engine.turn import Turn
from prefixd.guardrails.facts import Counts, Facts


def gather(
    turn: Turn,
    customer_id: str | None,
    group_id: GroupId | None = None,
    *,
    approved: bool = False,
) -> Facts:
    picture = turn.picture
    live = turn.live_mitigations()
    return Facts(
        mitigations=live,
        safelist=turn.snapshot.safelist,
        counts=Counts(
            customer=0 if customer_id is None else picture.live_of_customer(customer_id),
            pop=picture.live_here(),
            everywhere=picture.live_everywhere(),
            new_last_minute=picture.new_since(turn.now_us - MINUTE_US),
            # Every rule of this POP goes to every peer that can carry it.
            fullest_peer=picture.live_here(),
        ),
        withdrawals=() if turn.victim is None else picture.withdrawals_of(turn.victim),
        shared=needed_elsewhere(turn, group_id) if len(live) > 0 else _NONE,
        approved=approved,
    )


_NONE: frozenset[MitigationId] = frozenset()


def needed_elsewhere(turn: Turn, group_id: GroupId | None) -> frozenset[MitigationId]:
    """Mitigations which another live group of the victim was the reason for, too."""
    return frozenset(
        mitigation_id
        for group in turn.live_groups()
        if group.group_id != group_id
        for mitigation_id in group.mitigation_ids
    )


def quota_limits(turn: Turn, customer: Customer | None) -> QuotaLimits:
    """What the store holds a new row against, for the case that another POP was quicker."""
    limits = turn.snapshot.rules.limits
    own = None if customer is None else customer.max_active
    return QuotaLimits(
        customer=limits.max_active_per_customer if own is None else own,
        pop=limits.max_active_per_pop,
        everywhere=limits.max_active_global,
    )
