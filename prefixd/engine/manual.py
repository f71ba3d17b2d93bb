"""What people do by hand: create, withdraw, extend, acknowledge, dismiss.

Each is a verb in the victim's line, like everything else, so a hand and a detector that act at the
same moment act one after the other, on what is true by then. Guardrails are the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prefixd.decision.decision import Create, Extend, Refuse, Revise, TriggerKind
from prefixd.decision.manual import ManualDecision, Wish, decide_manual, recheck_extension
from prefixd.domain.actor import Actor
from prefixd.domain.group import CloseReason, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.inventory import Owner
from prefixd.domain.mitigation import (
    IllegalMove,
    Mitigation,
    acknowledge,
    extend,
    open_active,
    revise,
)
from prefixd.domain.news import (
    MitigationAcknowledged,
    MitigationActivated,
    MitigationExtended,
    MitigationRevised,
    WithdrawReason,
)
from prefixd.domain.rule import Match, format_action, format_match
from prefixd.engine.answers import (
    CreateAnswer,
    Created,
    ExtendAnswer,
    Extended,
    ItemAnswer,
    ManualRequest,
    NotFound,
    NotLive,
    Refusal,
    Refused,
    WithdrawAnswer,
    Withdrawn,
)
from prefixd.engine.apply_decision import audit_mitigation, legal, withdraw_live
from prefixd.engine.facts import gather, quota_limits
from prefixd.engine.ingest import act, close_group
from prefixd.engine.turn import Turn
from prefixd.guardrails import facts as refusal
from prefixd.guardrails.facts import Facts


def wish_of(request: ManualRequest, by: str) -> Wish:
    return Wish(
        match=Match(dst=request.victim, protocol=request.protocol, dst_ports=request.dst_ports),
        action=request.action,
        ttl_s=request.ttl_s,
        reason=request.reason,
        by=by,
        victim=request.victim,
        pinned=request.pinned,
    )


def refused(refusals: Sequence[refusal.Refusal]) -> Refused:
    return Refused(
        tuple(
            Refusal(code=found.code, text=found.sentence, limit=found.limit, value=found.value)
            for found in refusals
        )
    )


def judge(turn: Turn, wish: Wish, facts: Facts | None = None) -> ManualDecision:
    """What would come of it; changes nothing."""
    owner = _owner(turn, wish)
    return decide_manual(
        wish,
        facts or gather(turn, None if owner is None else owner.customer.customer_id),
        turn.snapshot.rules,
        turn.now_us,
    )


def _owner(turn: Turn, wish: Wish) -> Owner | None:
    return None if wish.victim is None else turn.snapshot.rules.inventory.find(wish.victim)


@dataclass(frozen=True, slots=True)
class Make:
    """Create by hand. For another POP, `theirs` are its live rows of the victim: the row is saved
    here and put on the wire by the instance that speaks for the POP."""

    wish: Wish
    actor: Actor
    pop: str
    theirs: tuple[Mitigation, ...] | None = None

    def __call__(self, turn: Turn) -> CreateAnswer:
        snapshot = turn.snapshot
        owner = _owner(turn, self.wish)
        facts = gather(turn, None if owner is None else owner.customer.customer_id)
        if self.theirs is not None:
            # Their quota is counted by the database; ours says nothing about it.
            here = replace(facts.counts, pop=len(self.theirs), fullest_peer=0)
            facts = replace(facts, mitigations=self.theirs, counts=here)
        rules = replace(snapshot.rules, pop=self.pop)
        decided = decide_manual(self.wish, facts, rules, turn.now_us)
        match decided.plan:
            case Refuse(refusals=refusals):
                return refused(refusals)
            case Create(draft=draft):
                mitigation = open_active(
                    draft,
                    MitigationId(turn.new_id()),
                    SignalId(turn.new_id()),
                    turn.now_us,
                )
                customer = None if owner is None else owner.customer
                turn.open_mitigation(mitigation, quota_limits(turn, customer))
                audit_mitigation(turn, self.actor, "create", mitigation, reason=self.wish.reason)
                turn.news.append(
                    MitigationActivated(
                        at_us=turn.now_us,
                        mitigation=mitigation,
                        actor=self.actor,
                        text=f"by hand: {self.wish.reason}",
                    )
                )
                return Created(mitigation, decided.notes)
            case Extend() | Revise():
                return self._on_top(turn, decided.plan)

    def _on_top(self, turn: Turn, plan: Extend | Revise) -> Extended:
        old = self._held(turn, plan.mitigation_id)
        if isinstance(plan, Extend):
            return Extended(extend_by_hand(turn, old, plan.expires_at_us, self.actor))
        new = legal(revise(old, plan.rule, plan.expires_at_us, turn.now_us))
        turn.move_mitigation(new)
        was = f"{format_match(old.rule.match)}, {format_action(old.rule.action)}"
        audit_mitigation(turn, self.actor, "revise", new, was=was, reason=self.wish.reason)
        turn.news.append(
            MitigationRevised(
                at_us=turn.now_us,
                mitigation=new,
                actor=self.actor,
                old_rule=old.rule,
                text=f"by hand: {self.wish.reason}",
            )
        )
        return Extended(new)

    def _held(self, turn: Turn, mitigation_id: MitigationId) -> Mitigation:
        if self.theirs is not None:
            return next(row for row in self.theirs if row.mitigation_id == mitigation_id)
        found = turn.mitigation(mitigation_id)
        assert found is not None
        return found


def extend_by_hand(turn: Turn, old: Mitigation, expires_at_us: int, actor: Actor) -> Mitigation:
    new = legal(extend(old, expires_at_us, turn.now_us))
    turn.move_mitigation(new)
    audit_mitigation(turn, actor, "extend", new, expires_at_us=new.expires_at_us)
    turn.news.append(
        MitigationExtended(
            at_us=turn.now_us, mitigation=new, actor=actor, old_expires_at_us=old.expires_at_us
        )
    )
    return new


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a rule back. `stored` is the row as the store has it, for one that is not live here."""

    mitigation_id: MitigationId
    reason: str
    actor: Actor
    cause: WithdrawReason = WithdrawReason.OPERATOR
    stored: Mitigation | None = None

    def __call__(self, turn: Turn) -> WithdrawAnswer:
        known = turn.mitigation(self.mitigation_id) or self.stored
        if known is None:
            return NotFound(self.mitigation_id)
        if not known.is_live:
            return NotLive(known)
        if known.pop != turn.snapshot.pop:
            turn.mitigations.setdefault(self.mitigation_id, known)
        withdrawn = withdraw_live(turn, self.mitigation_id, self.cause, self.reason, self.actor)
        assert withdrawn is not None
        return Withdrawn(withdrawn)


@dataclass(frozen=True, slots=True)
class Prolong:
    mitigation_id: MitigationId
    ttl_s: int
    actor: Actor
    stored: Mitigation | None = None

    def __call__(self, turn: Turn) -> ExtendAnswer:
        known = turn.mitigation(self.mitigation_id) or self.stored
        if known is None:
            return NotFound(self.mitigation_id)
        if not known.is_live:
            return NotLive(known)
        facts = gather(turn, known.customer_id)
        plan = recheck_extension(known, self.ttl_s, facts, turn.snapshot.rules, turn.now_us)
        if isinstance(plan, Refuse):
            return refused(plan.refusals)
        return Extended(extend_by_hand(turn, known, plan.expires_at_us, self.actor))


@dataclass(frozen=True, slots=True)
class Acknowledge:
    mitigation_id: MitigationId
    actor: Actor
    stored: Mitigation | None

    def __call__(self, turn: Turn) -> ItemAnswer:
        known = turn.mitigation(self.mitigation_id) or self.stored
        if known is None:
            return ItemAnswer(self.mitigation_id, "not found")
        moved = acknowledge(known, self.actor.name, turn.now_us)
        if isinstance(moved, IllegalMove):
            already = known.acknowledged_at_us is not None
            return ItemAnswer(
                self.mitigation_id, "already acknowledged" if already else moved.sentence
            )
        turn.acknowledge_mitigation(moved)
        turn.audit(self.actor, "acknowledge", "mitigation", self.mitigation_id)
        turn.news.append(
            MitigationAcknowledged(at_us=turn.now_us, mitigation=moved, actor=self.actor)
        )
        return ItemAnswer(self.mitigation_id)


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Close a group nobody wants to act upon; its mitigations, if any, stay until their end."""

    group_id: GroupId
    reason: str
    actor: Actor

    def __call__(self, turn: Turn) -> bool:
        group = turn.group(self.group_id)
        if group is None or not group.is_live:
            return False
        closed = replace(
            group,
            state=GroupState.CLOSED,
            close_reason=CloseReason.DISMISSED,
            closed_at_us=turn.now_us,
            hold_reason=None,
        )
        close_group(turn, closed)
        turn.audit(self.actor, "dismiss", "group", self.group_id, reason=self.reason)
        return True


@dataclass(frozen=True, slots=True)
class Approve:
    """An operator says yes to a group that waits for one."""

    group_id: GroupId
    actor: Actor

    def __call__(self, turn: Turn) -> bool:
        group = turn.group(self.group_id)
        if group is None or not group.is_live:
            return False
        turn.audit(self.actor, "approve", "group", self.group_id)
        act(turn, group, group, self.actor, TriggerKind.OPERATOR, approved=True)
        return True
