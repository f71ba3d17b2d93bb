"""A plan together with what belongs to it, on the way to becoming a decision."""

from msgspec import Struct

from prefixd.decision.decision import Hold, Plan, Shadowed, Wait
from prefixd.decision.inputs import Case
from prefixd.domain.group import GroupState, HoldReason
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.rule import Rule
from prefixd.guardrails.facts import Refusal
from prefixd.policy.escalate import Blocked
from prefixd.policy.scope import Wanted


class Answer(Struct, frozen=True, kw_only=True):
    """`state` is the group's next one; the case supplies the rest of the decision."""

    plan: Plan
    state: GroupState
    mitigation: Mitigation | None = None  # the live one the plan concerns
    wanted: Wanted | None = None
    rule: Rule | None = None  # when it is not the wanted one
    shadowed: tuple[Shadowed, ...] = ()
    escalation: Blocked | None = None
    not_done: tuple[Refusal, ...] = ()
    look_us: int | None = None


def held_back(
    case: Case,
    refusal: Refusal,
    reason: HoldReason = HoldReason.GUARDRAIL,
    asked: Wanted | None = None,
) -> Answer:
    """Held when the sources agree; before that the refusal is not yet anybody's concern."""
    if not case.met:
        return Answer(plan=Wait(case.assessment.missing), state=waiting(case), wanted=asked)
    return Answer(plan=Hold(reason, (refusal,)), state=holding(case), wanted=asked)


def waiting(case: Case) -> GroupState:
    """A group whose victim found an owner at last starts collecting like any other."""
    state = case.group.state
    return state if state in (GroupState.MITIGATING, GroupState.HELD) else GroupState.OPEN


def holding(case: Case) -> GroupState:
    """A group that still keeps a live rule goes on doing so, whatever else it may not do."""
    return GroupState.MITIGATING if case.keeps_something else GroupState.HELD


def scope_taken(blocking: Mitigation) -> Refusal:
    return Refusal(
        "scope_taken",
        f"a mitigation made by {blocking.created_by} holds exactly this match",
        "one rule per match",
        blocking.mitigation_id,
    )
