"""Carry out a decision: the plan becomes rows, audit and news of the turn.

The decision says what; here ids are made, legal moves are made, and what happened gets its row in
the audit. The same code serves signals, late corroborators, timers and reloads. An illegal move at
this point means that the plan was made for another state than the one at hand, which cannot be
within one turn: it is our mistake and rises.
"""

from dataclasses import dataclass

from prefixd.decision.decision import (
    Clear,
    Create,
    Decision,
    Escalate,
    Extend,
    Hold,
    Nothing,
    Refuse,
    Revise,
    TriggerKind,
    Wait,
)
from prefixd.decision.explain import record_text, sentence
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.derive import changed, quick
from prefixd.domain.group import Group, GroupState
from prefixd.domain.ids import DecisionId, MitigationId, SignalId
from prefixd.domain.mitigation import (
    IllegalMove,
    Mitigation,
    escalate,
    extend,
    open_active,
    revise,
    withdraw,
)
from prefixd.domain.news import (
    AgreementReached,
    GroupClosed,
    GroupHeld,
    GroupOpened,
    GuardrailRefused,
    MitigationActivated,
    MitigationEscalated,
    MitigationExtended,
    MitigationRevised,
    MitigationWithdrawn,
    WithdrawReason,
)
from prefixd.domain.record import DecisionRecord, Outcome
from prefixd.domain.rule import format_action, format_match
from prefixd.engine.facts import quota_limits
from prefixd.engine.turn import Turn

SOONEST_LOOK_US = 1_000_000


@quick
@dataclass(frozen=True, slots=True)
class Carried:
    outcome: Outcome
    reason: str
    codes: tuple[str, ...]
    group: Group
    mitigation_id: MitigationId | None


def legal(moved: Mitigation | IllegalMove) -> Mitigation:
    assert isinstance(moved, Mitigation), moved.sentence
    return moved


def carry_out(
    turn: Turn,
    decision: Decision,
    before: Group | None,
    actor: Actor,
    signal_id: SignalId | None,
) -> Carried:
    """`before` is the group as it was saved, None for a new one."""
    text = sentence(decision)
    for shadow in decision.shadowed:
        withdraw_live(turn, shadow.mitigation_id, WithdrawReason.SHADOWED, shadow.sentence, SYSTEM)
    mitigation_id = _carry_plan(turn, decision, actor, signal_id, text)
    group = _group_after(decision, mitigation_id, signal_id)
    turn.save_group(group)
    turn.look_at(group.group_id, _next_look(turn, decision, group))
    _tell_group(turn, before, group, decision, text, actor)
    if _is_worth_keeping(decision, before, group):
        turn.decisions.append(_kept(turn, decision, group, signal_id, mitigation_id, text))
    return Carried(decision.outcome, text, decision.codes, group, mitigation_id)


def _next_look(turn: Turn, decision: Decision, group: Group) -> int | None:
    """Never now: an answer that only time can change is not asked for again in the same breath.
    What was refused for want of room is asked again after a while, room tells nobody."""
    look_us = decision.next_look_us
    if group.state is GroupState.HELD:
        retry_us = turn.now_us + round(turn.snapshot.settings.held_retry_s * 1_000_000)
        look_us = retry_us if look_us is None else min(look_us, retry_us)
    return None if look_us is None else max(look_us, turn.now_us + SOONEST_LOOK_US)


def _carry_plan(
    turn: Turn, decision: Decision, actor: Actor, signal_id: SignalId | None, text: str
) -> MitigationId | None:
    match decision.plan:
        case Create():
            return _create(turn, decision, decision.plan, actor, signal_id, text)
        case Extend():
            return _extend(turn, decision, decision.plan, actor, signal_id)
        case Escalate():
            return _escalate(turn, decision.plan, actor, text)
        case Revise():
            return _revise(turn, decision, decision.plan, actor, signal_id, text)
        case Clear(mitigation_ids=mitigation_ids):
            for mitigation_id in mitigation_ids:
                withdraw_live(turn, mitigation_id, WithdrawReason.DETECTOR_CLEAR, text, SYSTEM)
            return mitigation_ids[0] if mitigation_ids else None
        case Wait() | Hold() | Refuse() | Nothing():
            return None


def _create(
    turn: Turn,
    decision: Decision,
    plan: Create,
    actor: Actor,
    signal_id: SignalId | None,
    text: str,
) -> MitigationId:
    draft = plan.draft
    event_id = signal_id or decision.trigger.signal_id or _representative(decision)
    mitigation = open_active(
        draft, MitigationId(turn.new_id()), event_id, turn.now_us, decision.group.group_id
    )
    customer = (
        None
        if draft.customer_id is None
        else turn.snapshot.rules.inventory.customer(draft.customer_id)
    )
    turn.open_mitigation(mitigation, quota_limits(turn, customer))
    audit_mitigation(turn, actor, "create", mitigation)
    turn.news.append(
        MitigationActivated(at_us=turn.now_us, mitigation=mitigation, actor=actor, text=text)
    )
    return mitigation.mitigation_id


def _representative(decision: Decision) -> SignalId:
    assessment = decision.assessment
    assert assessment is not None
    assert assessment.representative is not None
    return assessment.representative.signal_id


def _extend(
    turn: Turn, decision: Decision, plan: Extend, actor: Actor, signal_id: SignalId | None
) -> MitigationId:
    old = _live(turn, plan.mitigation_id)
    if plan.expires_at_us > old.expires_at_us:
        new = legal(
            extend(
                old,
                plan.expires_at_us,
                turn.now_us,
                event_id=signal_id,
                vector=decision.group.vector,
                sources=firing_sources(decision.group),
            )
        )
        turn.move_mitigation(new)
        turn.news.append(
            MitigationExtended(
                at_us=turn.now_us,
                mitigation=new,
                actor=actor,
                old_expires_at_us=old.expires_at_us,
            )
        )
    return old.mitigation_id


def _escalate(turn: Turn, plan: Escalate, actor: Actor, text: str) -> MitigationId:
    old = _live(turn, plan.mitigation_id)
    new = legal(escalate(old, plan.rule, plan.step, plan.expires_at_us, turn.now_us))
    turn.move_mitigation(new)
    audit_mitigation(turn, actor, "escalate", new, was=format_action(old.rule.action))
    turn.news.append(
        MitigationEscalated(
            at_us=turn.now_us, mitigation=new, actor=actor, old_rule=old.rule, text=text
        )
    )
    return old.mitigation_id


def _revise(
    turn: Turn,
    decision: Decision,
    plan: Revise,
    actor: Actor,
    signal_id: SignalId | None,
    text: str,
) -> MitigationId:
    old = _live(turn, plan.mitigation_id)
    new = legal(
        revise(
            old,
            plan.rule,
            plan.expires_at_us,
            turn.now_us,
            event_id=signal_id,
            vector=decision.group.vector,
        )
    )
    turn.move_mitigation(new)
    audit_mitigation(
        turn,
        actor,
        "revise",
        new,
        was=f"{format_match(old.rule.match)}, {format_action(old.rule.action)}",
    )
    turn.news.append(
        MitigationRevised(
            at_us=turn.now_us, mitigation=new, actor=actor, old_rule=old.rule, text=text
        )
    )
    return old.mitigation_id


def withdraw_live(
    turn: Turn, mitigation_id: MitigationId, cause: WithdrawReason, text: str, actor: Actor
) -> Mitigation | None:
    """Withdraw it if it is live; None when it has ended already."""
    old = turn.mitigation(mitigation_id)
    if old is None or not old.is_live:
        return None
    new = legal(withdraw(old, text, actor.name, turn.now_us))
    turn.move_mitigation(new)
    audit_mitigation(turn, actor, "withdraw", new, cause=cause.value, reason=text)
    turn.news.append(
        MitigationWithdrawn(at_us=turn.now_us, mitigation=new, actor=actor, reason=cause, text=text)
    )
    return new


def audit_mitigation(
    turn: Turn, actor: Actor, action: str, mitigation: Mitigation, **values: object
) -> None:
    turn.audit(
        actor,
        action,
        "mitigation",
        mitigation.mitigation_id,
        victim=mitigation.victim.victim_text(),
        rule=f"{format_match(mitigation.rule.match)}, {format_action(mitigation.rule.action)}",
        dry_run=mitigation.dry_run or None,
        group_id=mitigation.group_id,
        **values,
    )


def firing_sources(group: Group) -> tuple[str, ...]:
    return tuple(sorted({item.source for item in group.evidence if item.state == "firing"}))


def _live(turn: Turn, mitigation_id: MitigationId) -> Mitigation:
    found = turn.mitigation(mitigation_id)
    assert found is not None, f"planned for {mitigation_id}, which is not here"
    return found


def _group_after(
    decision: Decision, mitigation_id: MitigationId | None, signal_id: SignalId | None
) -> Group:
    group = decision.group
    if mitigation_id is None or isinstance(decision.plan, Clear):
        return group
    if mitigation_id in group.mitigation_ids:
        return group
    return changed(
        group,
        mitigation_ids=(*group.mitigation_ids, mitigation_id),
        trigger_signal_id=group.trigger_signal_id or signal_id or decision.trigger.signal_id,
    )


def _tell_group(
    turn: Turn, before: Group | None, group: Group, decision: Decision, text: str, actor: Actor
) -> None:
    now_us = turn.now_us
    if before is None:
        turn.news.append(GroupOpened(at_us=now_us, group=group))
    if group.met and (before is None or not before.met):
        turn.news.append(AgreementReached(at_us=now_us, group=group, text=text))
    if group.state is GroupState.HELD and not _held_the_same(before, group):
        assert group.hold_reason is not None
        turn.news.append(GroupHeld(at_us=now_us, group=group, reason=group.hold_reason, text=text))
        turn.news.append(
            GuardrailRefused(
                at_us=now_us,
                victim=group.victim,
                vector=group.vector,
                customer_id=group.customer_id,
                codes=decision.codes,
                text=text,
                actor=actor,
            )
        )
    if group.close_reason is not None:
        turn.news.append(GroupClosed(at_us=now_us, group=group, reason=group.close_reason))


def _held_the_same(before: Group | None, group: Group) -> bool:
    return (
        before is not None
        and before.state is GroupState.HELD
        and before.hold_reason is group.hold_reason
    )


def _is_worth_keeping(decision: Decision, before: Group | None, group: Group) -> bool:
    """A repeat that only keeps a rule alive is told by its event row; all else is explained."""
    if isinstance(decision.plan, Create | Escalate | Revise | Clear):
        return True
    if before is None or decision.shadowed:
        return True
    if (before.state, before.hold_reason, before.met) != (
        group.state,
        group.hold_reason,
        group.met,
    ):
        return True
    if decision.trigger.kind is TriggerKind.TIMER:
        return False
    return len(before.evidence) != len(group.evidence)


def _kept(
    turn: Turn,
    decision: Decision,
    group: Group,
    signal_id: SignalId | None,
    mitigation_id: MitigationId | None,
    text: str,
) -> DecisionRecord:
    from_signal = signal_id or decision.trigger.signal_id
    return DecisionRecord(
        decision_id=DecisionId(turn.new_id()),
        at_us=decision.at_us,
        pop=decision.pop,
        trigger=decision.trigger.kind.value,
        outcome=decision.outcome.value,
        text=text,
        body=record_text(decision, mitigation_id, text),
        group_id=group.group_id,
        signal_id=from_signal,
        mitigation_id=mitigation_id,
        config_version=decision.config_version,
        playbook=group.playbook,
    )
