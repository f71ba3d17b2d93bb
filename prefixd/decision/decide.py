"""The one function that answers an attack.

`decide(group, facts, rules, now)` is used by live traffic, timers, previews and replays alike. It
reads no clock, makes no ids and touches nothing: it says what should happen and why. The order is
always the same:

    1  time         did the window pass, did the hold after an all-clear end?
    2  ownership    whose address is it?
    3  playbook     which answer is written for this attack?
    4  agreement    do the sources agree?
    5  what lives   is there a rule already that does this, or more, or less, or a part of it?
    6  guardrails   is the change allowed?

Step 5 comes before the demand for agreement in one respect: a report that a live rule already
covers keeps that rule alive by itself. Agreement was needed to make the rule; asking for it again
with each report would let the rule expire in the middle of the attack.

Time alone may take a later step of a playbook or retry what was held, but never keeps a rule
alive: that takes a report.

Whatever is refused leaves live rules as they are. When something better is refused (a later step,
wider ports), the next best is tried, down to keeping what there is; the record has both.
"""

from msgspec.structs import replace

from prefixd.correlation.clear import advance, due_at
from prefixd.correlation.window import close
from prefixd.decision.change_live import keep
from prefixd.decision.create import create
from prefixd.decision.decision import (
    TIMER,
    Clear,
    Create,
    Decision,
    Hold,
    Nothing,
    Plan,
    Trigger,
    Wait,
)
from prefixd.decision.inputs import Case, Rules, open_case
from prefixd.decision.outcome import Answer, held_back, waiting
from prefixd.decision.overlap import find_held, is_ours_to_change
from prefixd.decision.proposal import SECOND_US
from prefixd.domain.group import CloseReason, Group, GroupState, HoldReason
from prefixd.domain.ids import SignalId
from prefixd.guardrails.facts import Facts, Refusal, unknown
from prefixd.policy.scope import NotWanted, wanted


def decide(
    group: Group, facts: Facts, rules: Rules, now_us: int, trigger: Trigger = TIMER
) -> Decision:
    moved = advance(group, rules.correlation, now_us)
    if not moved.is_live:
        return _plain(_ended(group, moved, facts), moved, facts, rules, now_us, trigger)
    owner = rules.inventory.find(moved.victim)
    if owner is None:
        return _unowned(moved, facts, rules, now_us, trigger)
    case = open_case(moved, owner, facts, rules, now_us, trigger)
    return _decision(case, _answer(case))


def _unowned(group: Group, facts: Facts, rules: Rules, now_us: int, trigger: Trigger) -> Decision:
    """A customer can leave the inventory while a rule stands. The rule stays until its time, no
    report prolongs it, and an all-clear still ends it: so the group goes on until then."""
    sentence = f"{group.victim.victim_text()} belongs to no customer in the inventory"
    plan = Nothing("unowned", sentence)
    standing = [
        mitigation.expires_at_us
        for mitigation in facts.mitigations or ()
        if mitigation.is_live and mitigation.mitigation_id in group.mitigation_ids
    ]
    acted = group.state in {GroupState.MITIGATING, GroupState.CLEARING}
    if acted and (standing or facts.mitigations is None):
        decision = _plain(plan, group, facts, rules, now_us, trigger)
        looks = [look for look in (*standing, decision.next_look_us) if look is not None]
        return replace(decision, next_look_us=min(looks, default=None))
    unowned = replace(group, state=GroupState.UNOWNED)
    return _plain(plan, unowned, facts, rules, now_us, trigger)


def _ended(before: Group, group: Group, facts: Facts) -> Plan:
    """Withdraw what the group made, except what others still need or people hold on to."""
    if not before.is_live:
        return Nothing("closed", "the group was closed before")
    if group.close_reason is not CloseReason.ENDED:
        return Nothing(f"closed_{group.close_reason}", "the window passed without a mitigation")
    known = facts.mitigations or ()
    ids = [
        mitigation.mitigation_id
        for mitigation in known
        if mitigation.is_live
        and is_ours_to_change(mitigation)
        and mitigation.mitigation_id not in facts.shared
        and (
            mitigation.group_id == group.group_id
            or mitigation.mitigation_id in group.mitigation_ids
        )
    ]
    if facts.mitigations is None:
        ids = [each for each in group.mitigation_ids if each not in facts.shared]
    return Clear(tuple(sorted(ids))) if ids else Nothing("ended", "nothing is left to withdraw")


def _answer(case: Case) -> Answer:
    group = case.group
    if group.state is GroupState.CLEARING:
        sentence = "the attack is reported over; the hold before the withdrawal runs"
        return Answer(plan=Nothing("clearing", sentence), state=group.state)
    if _has_run_out(case):
        return Answer(
            plan=Nothing("ended", "nothing is in force and nothing new was reported"),
            state=GroupState.CLOSED,
        )
    if case.facts.mitigations is None:
        return held_back(case, unknown("mitigations_unknown", "what is live for this victim"))
    if not case.standing.firing:
        return _nobody_reports(case)
    if case.playbook is None:
        refusal = Refusal(
            "no_playbook",
            f"no playbook matches {case.attack.vector} on {case.attack.victim.victim_text()}",
            "one",
            "none",
        )
        return held_back(case, refusal, HoldReason.NO_PLAYBOOK)
    first = wanted(case.rules.policy, case.playbook, case.attack, case.standing)
    if isinstance(first, NotWanted):
        return held_back(case, Refusal(first.code, first.sentence, "", ""))
    held = find_held(case, case.playbook, first)
    if held is not None and (case.met or case.is_ours(held.mitigation) or held.covers):
        return keep(case, case.playbook, held)
    return create(case, case.playbook, first)


def _has_run_out(case: Case) -> bool:
    """Its mitigations have ended by their time or by hand, and its window passed in silence."""
    return (
        case.group.state is GroupState.MITIGATING
        and not case.brings_news
        and case.facts.mitigations is not None
        and not case.keeps_something
        and case.now_us >= case.group.expires_at_us
    )


def _nobody_reports(case: Case) -> Answer:
    if case.group.state is GroupState.MITIGATING:
        sentence = "no source reports it at the moment; what is in force stays until its time"
        return Answer(plan=Nothing("not_reported", sentence), state=case.group.state)
    return Answer(plan=Wait(case.assessment.missing), state=waiting(case))


def _decision(case: Case, answer: Answer) -> Decision:
    group = _next_group(case, answer)
    blocked = answer.escalation
    looks = [
        due_at(group, case.rules.correlation),
        answer.look_us,
        # nothing in force any more: the group ends when its window passes in silence
        None
        if group.state is not GroupState.MITIGATING or case.keeps_something
        else group.expires_at_us,
        None
        if blocked is None or blocked.in_s is None
        else case.now_us + max(1, blocked.in_s) * SECOND_US,
    ]
    rule = answer.rule
    if rule is None and answer.wanted is not None:
        rule = answer.wanted.rule
    return Decision(
        plan=answer.plan,
        group=group,
        at_us=case.now_us,
        trigger=case.trigger,
        pop=case.rules.pop,
        config_version=case.rules.config_version,
        counts=case.facts.counts,
        shadowed=answer.shadowed,
        assessment=case.assessment,
        owner=case.owner,
        playbook=case.playbook,
        wanted=answer.wanted,
        rule=rule,
        escalation=answer.escalation,
        not_done=answer.not_done,
        next_look_us=min([look for look in looks if look is not None], default=None),
    )


def _next_group(case: Case, answer: Answer) -> Group:
    group, ids = case.group, case.group.mitigation_ids
    if answer.mitigation is not None and answer.mitigation.mitigation_id not in ids:
        ids = (*ids, answer.mitigation.mitigation_id)
    hold: HoldReason | None = None
    if answer.state is GroupState.HELD:
        # Held and no longer reported: it stays held for the same reason until its window ends.
        hold = answer.plan.reason if isinstance(answer.plan, Hold) else group.hold_reason
    if answer.state is GroupState.CLOSED:
        return close(group, CloseReason.ENDED, case.now_us)
    owner, assessment = case.owner, case.assessment
    met_at_us = group.met_at_us
    if met_at_us is None and assessment.met:
        met_at_us = case.now_us
    return replace(
        group,
        state=answer.state,
        met_at_us=met_at_us,
        confidence=assessment.confidence,
        source_count=assessment.sources,
        primary_count=assessment.primary_sources,
        playbook=None if case.playbook is None else case.playbook.name,
        customer_id=owner.customer.customer_id,
        service_id=None if owner.service is None else owner.service.service_id,
        config_version=case.rules.config_version,
        hold_reason=hold,
        mitigation_ids=ids,
        trigger_signal_id=group.trigger_signal_id or _trigger_signal(case, answer),
    )


def _trigger_signal(case: Case, answer: Answer) -> SignalId | None:
    """The evidence a new mitigation was made for."""
    representative = case.assessment.representative
    if not isinstance(answer.plan, Create) or representative is None:
        return None
    return representative.signal_id


def _plain(
    plan: Plan, group: Group, facts: Facts, rules: Rules, now_us: int, trigger: Trigger
) -> Decision:
    """A decision that never came to weighing evidence."""
    return Decision(
        plan=plan,
        group=group,
        at_us=now_us,
        trigger=trigger,
        pop=rules.pop,
        config_version=rules.config_version,
        counts=facts.counts,
        next_look_us=due_at(group, rules.correlation) if group.is_live else None,
    )
