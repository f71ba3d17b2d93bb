"""A live rule has to do with the attack: take its next step, change it, or keep it alive.

Tried in that order; what is refused falls back to the next, and its refusals are kept for the
record.
"""

from prefixd.decision.decision import Escalate, Extend, Nothing, Plan, Refuse, Revise
from prefixd.decision.inputs import Case
from prefixd.decision.outcome import Answer, scope_taken
from prefixd.decision.overlap import Held, in_the_way, is_ours_to_change, shadow
from prefixd.decision.proposal import SECOND_US, change_of, extension_of, later_expiry
from prefixd.domain.group import GroupState
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.rule import Rule
from prefixd.guardrails.checks import inspect
from prefixd.guardrails.facts import Refusal
from prefixd.policy.escalate import Blocked, Taken, next_step
from prefixd.policy.playbook import Playbook
from prefixd.policy.scope import NotWanted, wanted

AGAIN_US = SECOND_US
"""What several detectors say in the same second is one report, not a repetition."""


def keep(case: Case, playbook: Playbook, held: Held) -> Answer:
    """A live rule has to do with it: take its next step, change it, or keep it alive."""
    mitigation = held.mitigation
    not_done: tuple[Refusal, ...] = ()
    blocked: Blocked | None = None
    if case.met and held.same_playbook and is_ours_to_change(mitigation):
        due = next_step(
            playbook,
            _taken(case, mitigation),
            case.owner.customer.profile,
            case.standing,
            case.rules.policy.escalation,
        )
        if isinstance(due, Blocked):
            blocked = due
        else:
            stepped = _escalate(case, playbook, held, due)
            if not isinstance(stepped, tuple):
                return stepped
            not_done = stepped
    if not case.brings_news:
        sentence = "nothing new was reported; what is in force stays until its time"
        return Answer(
            plan=Nothing("unchanged", sentence),
            state=GroupState.MITIGATING,
            mitigation=mitigation,
            wanted=held.wanted,
            escalation=blocked,
            not_done=not_done,
        )
    if case.met and not held.covers:
        revised = _revise(case, held, blocked)
        if not isinstance(revised, tuple):
            return revised
        not_done += revised
    return _extend(case, held, blocked, not_done)


def _escalate(
    case: Case, playbook: Playbook, held: Held, step: int
) -> Answer | tuple[Refusal, ...]:
    """The later step in place, or why not. A step softened back to the one taken is no step."""
    mitigation = held.mitigation
    asked = wanted(case.rules.policy, playbook, case.attack, case.standing, step)
    if isinstance(asked, NotWanted):
        return (Refusal(asked.code, asked.sentence, "", ""),)
    if asked.step <= mitigation.step:
        return ()
    refusals = _change_refusals(case, mitigation, asked.rule, asked.ttl_s)
    if refusals:
        return refusals
    taken = Taken(
        step=asked.step,
        age_s=_age_s(case, mitigation),
        remaining_s=asked.ttl_s,
        reported_again=False,
    )
    return Answer(
        plan=Escalate(
            mitigation.mitigation_id,
            asked.rule,
            asked.step,
            later_expiry(mitigation, asked.ttl_s, case.rules.limits, case.now_us),
        ),
        state=GroupState.MITIGATING,
        mitigation=mitigation,
        wanted=asked,
        shadowed=shadow(asked.rule, case.live, mitigation),
        escalation=blocked_after(case, playbook, taken),
    )


def _revise(case: Case, held: Held, blocked: Blocked | None) -> Answer | tuple[Refusal, ...]:
    mitigation, ttl_s = held.mitigation, held.wanted.ttl_s
    refusals = _change_refusals(case, mitigation, held.target, ttl_s)
    if refusals:
        return refusals
    return Answer(
        plan=Revise(
            mitigation.mitigation_id,
            held.target,
            later_expiry(mitigation, ttl_s, case.rules.limits, case.now_us),
            held.relation,
        ),
        state=GroupState.MITIGATING,
        mitigation=mitigation,
        wanted=held.wanted,
        rule=held.target,
        shadowed=shadow(held.target, case.live, mitigation),
        escalation=blocked,
    )


def _change_refusals(
    case: Case, mitigation: Mitigation, rule: Rule, ttl_s: int
) -> tuple[Refusal, ...]:
    proposal = change_of(case.rules, case.owner, mitigation, rule, ttl_s, case.now_us)
    refusals = inspect(proposal, case.facts, case.rules.limits)
    blocking = in_the_way(rule.match, case.live, mitigation)
    return refusals if blocking is None else (*refusals, scope_taken(blocking))


def _extend(
    case: Case, held: Held, blocked: Blocked | None, not_done: tuple[Refusal, ...]
) -> Answer:
    mitigation, ttl_s = held.mitigation, held.wanted.ttl_s
    proposal = extension_of(case.owner, mitigation, ttl_s, case.now_us)
    refusals = inspect(proposal, case.facts, case.rules.limits)
    plan: Plan
    if refusals:
        plan = Refuse(refusals)
    else:
        expires_at_us = later_expiry(mitigation, ttl_s, case.rules.limits, case.now_us)
        plan = Extend(mitigation.mitigation_id, expires_at_us, held.relation)
    return Answer(
        plan=plan,
        state=GroupState.MITIGATING,
        mitigation=mitigation,
        wanted=held.wanted,
        rule=mitigation.rule,
        escalation=blocked,
        not_done=not_done,
    )


def _age_s(case: Case, mitigation: Mitigation) -> int:
    return max(0, case.now_us - mitigation.created_at_us) // SECOND_US


def _taken(case: Case, mitigation: Mitigation) -> Taken:
    remaining_us = max(0, mitigation.expires_at_us - case.now_us)
    since_us = mitigation.escalated_at_us or mitigation.created_at_us
    return Taken(
        step=mitigation.step,
        age_s=_age_s(case, mitigation),
        remaining_s=remaining_us // SECOND_US,
        reported_again=any(item.last_seen_us >= since_us + AGAIN_US for item in case.firing),
    )


def blocked_after(case: Case, playbook: Playbook, taken: Taken) -> Blocked | None:
    due = next_step(
        playbook,
        taken,
        case.owner.customer.profile,
        case.standing,
        case.rules.policy.escalation,
    )
    # It cannot have been reported again in the moment it is taken: at least a report is missing.
    assert isinstance(due, Blocked)
    return due
