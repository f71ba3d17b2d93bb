"""Apply a decision: the plan becomes rows, audit and news of the turn.

The decision says what; here ids are made, legal moves are made, and what happened gets its row in
the audit. The same code serves signals, late corroborators, timers, reloads and manual requests. An
illegal move at this point means that the plan was made for another state than the one at hand,
which cannot be within one turn: it is our mistake and rises.
"""

from msgspec import Struct
from msgspec.structs import replace

from prefixd.decision.decision import (
    Clear,
    Create,
    Decision,
    Escalate,
    Extend,
    Plan,
    Revise,
    TriggerKind,
)
from prefixd.decision.explain import record_text, sentence
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.group import Group, GroupState
from prefixd.domain.ids import DecisionId, MitigationId, SignalId
from prefixd.domain.mitigation import (
    IllegalMove,
    Mitigation,
    escalate,
    extend,
    open_mitigation,
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
from prefixd.domain.rule import Rule, format_action, format_match
from prefixd.engine.facts import quota_limits
from prefixd.engine.turn import Turn

SOONEST_LOOK_US = 1_000_000


class Fate(Struct, frozen=True):
    """What became of a report: of a signal, or of a look at a group."""

    outcome: Outcome
    reason: str
    codes: tuple[str, ...]
    group: Group | None = None
    mitigation_id: MitigationId | None = None


class Cause(Struct, frozen=True):
    """Who brought a plan about and for what. Without a group it is a manual request."""

    actor: Actor
    text: str
    group: Group | None = None
    event_id: SignalId | None = None
    reason: str | None = None
    """An operator's own words, for the audit."""


def apply_decision(turn: Turn, decision: Decision, before: Group | None, actor: Actor) -> Fate:
    """`before` is the group as it was saved, None for a new one."""
    text = sentence(decision)
    for shadow in decision.shadowed:
        withdraw_live(turn, shadow.mitigation_id, WithdrawReason.SHADOWED, shadow.sentence, SYSTEM)
    event_id = decision.trigger.signal_id
    if event_id is None and isinstance(decision.plan, Create):
        event_id = _representative(decision)
    cause = Cause(actor, text, decision.group, event_id)
    mitigation_id = apply_plan(turn, decision.plan, cause)
    group = _group_after(decision, mitigation_id)
    turn.save_group(group)
    turn.look_at(group.group_id, _next_look(turn, decision, group))
    _note_group_news(turn, before, group, decision, text, actor)
    if _is_worth_keeping(decision, before, group):
        turn.decisions.append(_record(turn, decision, group, mitigation_id, text))
    return Fate(decision.outcome, text, decision.codes, group, mitigation_id)


def apply_plan(turn: Turn, plan: Plan, cause: Cause) -> MitigationId | None:
    """The row that the plan made or changed; None when it touches none."""
    match plan:
        case Create():
            return _create(turn, plan, cause)
        case Extend():
            return _extend(turn, plan, cause)
        case Escalate():
            return _escalate(turn, plan, cause)
        case Revise():
            return _revise(turn, plan, cause)
        case Clear(mitigation_ids=mitigation_ids):
            for mitigation_id in mitigation_ids:
                reason = WithdrawReason.DETECTOR_CLEAR
                withdraw_live(turn, mitigation_id, reason, cause.text, SYSTEM)
            return mitigation_ids[0] if mitigation_ids else None
        case _:
            return None


def withdraw_live(
    turn: Turn, mitigation_id: MitigationId, reason: WithdrawReason, text: str, actor: Actor
) -> Mitigation | None:
    """Withdraw it if it is live; None when it has ended already."""
    old = turn.mitigation(mitigation_id)
    if old is None or not old.is_live:
        return None
    new = _legal(withdraw(old, text, actor.name, turn.now_us))
    turn.move_mitigation(new)
    audit_mitigation(turn, actor, "withdraw", new, cause=reason.value, reason=text)
    turn.news.append(
        MitigationWithdrawn(
            at_us=turn.now_us, mitigation=new, actor=actor, reason=reason, text=text
        )
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
        rule=_rule_text(mitigation.rule),
        dry_run=mitigation.dry_run or None,
        group_id=mitigation.group_id,
        **values,
    )


# the plans


def _create(turn: Turn, plan: Create, cause: Cause) -> MitigationId:
    draft, actor = plan.draft, cause.actor
    mitigation = open_mitigation(
        draft,
        MitigationId(turn.new_id()),
        cause.event_id or SignalId(turn.new_id()),
        turn.now_us,
        None if cause.group is None else cause.group.group_id,
    )
    turn.open_mitigation(mitigation, quota_limits(turn, draft.customer_id))
    audit_mitigation(turn, actor, "create", mitigation, reason=cause.reason)
    turn.news.append(
        MitigationActivated(at_us=turn.now_us, mitigation=mitigation, actor=actor, text=cause.text)
    )
    return mitigation.mitigation_id


def _extend(turn: Turn, plan: Extend, cause: Cause) -> MitigationId:
    """A report that adds no time leaves the row alone; an operator's extension is always noted."""
    old, group = _live(turn, plan.mitigation_id), cause.group
    if group is not None and plan.expires_at_us <= old.expires_at_us:
        return old.mitigation_id
    new = _legal(
        extend(
            old,
            plan.expires_at_us,
            turn.now_us,
            event_id=cause.event_id,
            vector=None if group is None else group.vector,
            sources=() if group is None else _firing_sources(group),
        )
    )
    turn.move_mitigation(new)
    if group is None:
        audit_mitigation(turn, cause.actor, "extend", new, expires_at_us=new.expires_at_us)
    turn.news.append(
        MitigationExtended(
            at_us=turn.now_us,
            mitigation=new,
            actor=cause.actor,
            old_expires_at_us=old.expires_at_us,
        )
    )
    return old.mitigation_id


def _escalate(turn: Turn, plan: Escalate, cause: Cause) -> MitigationId:
    old = _live(turn, plan.mitigation_id)
    new = _legal(escalate(old, plan.rule, plan.step, plan.expires_at_us, turn.now_us))
    turn.move_mitigation(new)
    audit_mitigation(turn, cause.actor, "escalate", new, was=format_action(old.rule.action))
    turn.news.append(
        MitigationEscalated(
            at_us=turn.now_us, mitigation=new, actor=cause.actor, old_rule=old.rule, text=cause.text
        )
    )
    return old.mitigation_id


def _revise(turn: Turn, plan: Revise, cause: Cause) -> MitigationId:
    old = _live(turn, plan.mitigation_id)
    new = _legal(
        revise(
            old,
            plan.rule,
            plan.expires_at_us,
            turn.now_us,
            event_id=cause.event_id,
            vector=None if cause.group is None else cause.group.vector,
        )
    )
    turn.move_mitigation(new)
    was = _rule_text(old.rule)
    audit_mitigation(turn, cause.actor, "revise", new, was=was, reason=cause.reason)
    turn.news.append(
        MitigationRevised(
            at_us=turn.now_us, mitigation=new, actor=cause.actor, old_rule=old.rule, text=cause.text
        )
    )
    return old.mitigation_id


def _legal(moved: Mitigation | IllegalMove) -> Mitigation:
    assert isinstance(moved, Mitigation), moved.sentence
    return moved


def _live(turn: Turn, mitigation_id: MitigationId) -> Mitigation:
    found = turn.mitigation(mitigation_id)
    assert found is not None, f"planned for {mitigation_id}, which is not here"
    return found


def _representative(decision: Decision) -> SignalId:
    assert decision.assessment is not None
    chosen = decision.assessment.representative
    assert chosen is not None
    return chosen.signal_id


def _firing_sources(group: Group) -> tuple[str, ...]:
    return tuple(sorted({item.source for item in group.evidence if item.state == "firing"}))


def _rule_text(rule: Rule) -> str:
    return f"{format_match(rule.match)}, {format_action(rule.action)}"


# the group


def _group_after(decision: Decision, mitigation_id: MitigationId | None) -> Group:
    group = decision.group
    if mitigation_id is None or isinstance(decision.plan, Clear):
        return group
    if mitigation_id in group.mitigation_ids:
        return group
    return replace(
        group,
        mitigation_ids=(*group.mitigation_ids, mitigation_id),
        trigger_signal_id=group.trigger_signal_id or decision.trigger.signal_id,
    )


def _next_look(turn: Turn, decision: Decision, group: Group) -> int | None:
    """Never now: an answer that only time can change is not asked for again at once. What was
    refused because a quota is full is asked again after a while; nothing reports a free place."""
    look_us = decision.next_look_us
    if group.state is GroupState.HELD:
        retry_us = turn.now_us + round(turn.snapshot.settings.held_retry_s * 1_000_000)
        look_us = retry_us if look_us is None else min(look_us, retry_us)
    return None if look_us is None else max(look_us, turn.now_us + SOONEST_LOOK_US)


def _note_group_news(
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
    """A repeat that only keeps a rule alive has its event row; everything else is explained."""
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


def _record(
    turn: Turn,
    decision: Decision,
    group: Group,
    mitigation_id: MitigationId | None,
    text: str,
) -> DecisionRecord:
    return DecisionRecord(
        decision_id=DecisionId(turn.new_id()),
        at_us=decision.at_us,
        pop=decision.pop,
        trigger=decision.trigger.kind.value,
        outcome=decision.outcome.value,
        text=text,
        body=record_text(decision, mitigation_id, text),
        group_id=group.group_id,
        signal_id=decision.trigger.signal_id,
        mitigation_id=mitigation_id,
        config_version=decision.config_version,
        playbook=group.playbook,
    )
