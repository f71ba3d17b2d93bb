"""Manual operations: create, withdraw, extend, acknowledge, approve, dismiss, panic.

Each is a verb in the victim's queue, like everything else, so an operator and a detector that act
at the same moment act one after the other, on what is true by then. Guardrails are the same for
both. The rows they concern are found first, those of other POPs and those that have ended as well.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from prefixd.decision.decision import Create, Refuse, TriggerKind
from prefixd.decision.manual import (
    ManualDecision,
    ManualRequest,
    decide_manual,
    recheck_extension,
)
from prefixd.domain.actor import Actor
from prefixd.domain.group import CloseReason, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import LIVE, IllegalMove, Mitigation, acknowledge
from prefixd.domain.news import MitigationAcknowledged, WithdrawReason
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.engine.answers import (
    Busy,
    CreateAnswer,
    Created,
    ExtendAnswer,
    Extended,
    ItemAnswer,
    NotFound,
    NotLive,
    PreviewAnswer,
    Refused,
    WithdrawAnswer,
    Withdrawn,
)
from prefixd.engine.apply_decision import Cause, apply_plan, withdraw_live
from prefixd.engine.facts import gather
from prefixd.engine.ingest import act, close_group
from prefixd.engine.presence import Presence
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable
from prefixd.guardrails.facts import Refusal

Rows = tuple[Mitigation, ...]


class ManualOperations:
    """What operators may do. Actors arrive authenticated and allowed; attribution is done here."""

    def __init__(self, core: Core, presence: Presence) -> None:
        self._core = core
        self._presence = presence

    async def create(self, request: ManualRequest, actor: Actor) -> CreateAnswer:
        """One row per POP named. The answer is that of our own POP, or of the first named; what
        became of the others stands in its notes."""
        here = self._core.snapshot.pop
        pops = dict.fromkeys(request.pops or (here,))
        unknown = await self._presence.unknown(pops)
        if unknown:
            return Refused(tuple(map(_unknown_pop, unknown)))
        answers = {pop: await self._create_in(pop, request, actor) for pop in pops}
        answer = answers.pop(here if here in answers else next(iter(answers)))
        if isinstance(answer, Created) and answers:
            notes = tuple(_note_about(pop, other) for pop, other in answers.items())
            return Created(answer.mitigation, (*answer.notes, *notes))
        return answer

    async def _create_in(self, pop: str, request: ManualRequest, actor: Actor) -> CreateAnswer:
        core, theirs = self._core, None
        if pop != core.snapshot.pop:
            statuses = frozenset(status.value for status in LIVE)
            wanted = MitigationFilter(victim=request.victim, pop=pop, statuses=statuses)
            page = await core.store.mitigations.page(wanted, PageRequest(limit=PAGE_MAX))
            theirs = tuple(page.items)
        return await core.ask(request.victim, partial(_create, request, actor, pop, theirs))

    async def preview(self, request: ManualRequest, actor: Actor) -> PreviewAnswer:
        """What `create` would answer and what routers would be sent; changes nothing."""
        core = self._core
        refusals = tuple(map(_unknown_pop, await self._presence.unknown(request.pops)))
        decided = _judge(core.begin(request.victim), request, actor, core.snapshot.pop, None)
        if isinstance(decided.plan, Refuse):
            refusals += decided.plan.refusals
        return PreviewAnswer(
            plan="refuse" if refusals else type(decided.plan).__name__.lower(),
            rule=decided.rule,
            ttl_s=decided.ttl_s,
            notes=decided.notes,
            reasons=refusals,
            export=core.announcer.preview(decided.rule),
        )

    async def withdraw(self, mitigation_id: str, reason: str, actor: Actor) -> WithdrawAnswer:
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        return await self._core.ask(
            found.victim, partial(withdraw_one, found, reason, actor, WithdrawReason.OPERATOR)
        )

    async def bulk_withdraw(
        self, mitigation_ids: Sequence[str], reason: str, actor: Actor
    ) -> list[ItemAnswer]:
        answers = await asyncio.gather(
            *(self.withdraw(mitigation_id, reason, actor) for mitigation_id in mitigation_ids),
            return_exceptions=True,
        )
        return _items(mitigation_ids, answers)

    async def extend(self, mitigation_id: str, ttl_s: int, actor: Actor) -> ExtendAnswer:
        """Expires at least `ttl_s` from now, within the limits; the guardrails look again."""
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        return await self._core.ask(found.victim, partial(_extend, found, ttl_s, actor))

    async def acknowledge(self, mitigation_ids: Sequence[str], actor: Actor) -> list[ItemAnswer]:
        answers: list[ItemAnswer] = []
        for mitigation_id in mitigation_ids:
            found = await self._row(mitigation_id)
            if found is None:
                answers.append(ItemAnswer(mitigation_id, "not found"))
            else:
                verb = partial(_acknowledge, found, actor)
                answers.append(await self._core.ask(found.victim, verb))
        return answers

    async def panic(self, reason: str, actor: Actor) -> list[ItemAnswer]:
        """Withdraw every live mitigation of this POP. Detectors may make new ones when the quiet
        period is over; switch to dry-run for longer."""
        core = self._core
        await core.ask(None, partial(_audit_panic, reason, actor), patient=False)
        rows = list(core.live.mitigations.values())
        verbs = [
            core.ask(
                row.victim,
                partial(withdraw_one, row, reason, actor, WithdrawReason.OPERATOR),
                patient=False,
            )
            for row in rows
        ]
        answers = await asyncio.gather(*verbs, return_exceptions=True)
        return _items([row.mitigation_id for row in rows], answers)

    async def approve_group(self, group_id: str, actor: Actor) -> bool:
        """Act on a group that waits for approval; False when it is not live here."""
        group = self._core.live.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, partial(_approve, group.group_id, actor))

    async def dismiss_group(self, group_id: str, reason: str, actor: Actor) -> bool:
        """Close a group without acting; its mitigations, if any, stay until they expire."""
        group = self._core.live.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, partial(_dismiss, group.group_id, reason, actor))

    async def _row(self, mitigation_id: str) -> Mitigation | None:
        live = self._core.live.mitigations.get(MitigationId(mitigation_id))
        return live or await self._core.store.mitigations.get(mitigation_id)


def _unknown_pop(pop: str) -> Refusal:
    text = f"no instance of prefixd serves POP {pop}"
    return Refusal("unknown_pop", text, "an instance within a day", "none")


# the verbs


def _judge(
    turn: Turn, request: ManualRequest, actor: Actor, pop: str, theirs: Rows | None
) -> ManualDecision:
    rules = turn.snapshot.rules
    owner = rules.inventory.find(request.victim)
    facts = gather(turn, None if owner is None else owner.customer.customer_id)
    if theirs is not None:
        # Their quota is counted by the database; the live state of this POP does not contain it.
        counts = structs.replace(facts.counts, pop=len(theirs), fullest_peer=0)
        facts = structs.replace(facts, mitigations=theirs, counts=counts)
    return decide_manual(request, actor.name, facts, replace(rules, pop=pop), turn.now_us)


def _create(
    request: ManualRequest, actor: Actor, pop: str, theirs: Rows | None, turn: Turn
) -> CreateAnswer:
    """For another POP, `theirs` are its live rows of the victim: the row is saved here and
    announced by the instance of that POP."""
    decided = _judge(turn, request, actor, pop, theirs)
    if isinstance(decided.plan, Refuse):
        return Refused(decided.plan.refusals)
    turn.know(theirs or ())
    cause = Cause(actor, f"by hand: {request.reason}", reason=request.reason)
    mitigation = _applied(turn, apply_plan(turn, decided.plan, cause))
    if isinstance(decided.plan, Create):
        return Created(mitigation, decided.notes)
    return Extended(mitigation)


def _applied(turn: Turn, mitigation_id: MitigationId | None) -> Mitigation:
    assert mitigation_id is not None
    found = turn.mitigation(mitigation_id)
    assert found is not None
    return found


def withdraw_one(
    stored: Mitigation, text: str, actor: Actor, reason: WithdrawReason, turn: Turn
) -> WithdrawAnswer:
    """Withdraw a rule. `stored` is its row as it was found, for one that is not live here."""
    known = _live_row(turn, stored)
    if known is None:
        return NotLive(turn.mitigation(stored.mitigation_id) or stored)
    withdrawn = withdraw_live(turn, known.mitigation_id, reason, text, actor)
    assert withdrawn is not None
    return Withdrawn(withdrawn)


def _extend(stored: Mitigation, ttl_s: int, actor: Actor, turn: Turn) -> ExtendAnswer:
    known = _live_row(turn, stored)
    if known is None:
        return NotLive(turn.mitigation(stored.mitigation_id) or stored)
    facts = gather(turn, known.customer_id)
    plan = recheck_extension(known, ttl_s, facts, turn.snapshot.rules, turn.now_us)
    if isinstance(plan, Refuse):
        return Refused(plan.refusals)
    return Extended(_applied(turn, apply_plan(turn, plan, Cause(actor, ""))))


def _live_row(turn: Turn, stored: Mitigation) -> Mitigation | None:
    """The row as it is by now; None when it has ended since it was found."""
    known = turn.mitigation(stored.mitigation_id)
    if known is None and stored.pop != turn.snapshot.pop:
        turn.know((stored,))
        known = stored
    return known if known is not None and known.is_live else None


def _acknowledge(stored: Mitigation, actor: Actor, turn: Turn) -> ItemAnswer:
    known = turn.mitigation(stored.mitigation_id) or stored
    mitigation_id = known.mitigation_id
    moved = acknowledge(known, actor.name, turn.now_us)
    if isinstance(moved, IllegalMove):
        already = known.acknowledged_at_us is not None
        return ItemAnswer(mitigation_id, "already acknowledged" if already else moved.sentence)
    turn.acknowledge_mitigation(moved)
    turn.audit(actor, "acknowledge", "mitigation", mitigation_id)
    turn.news.append(MitigationAcknowledged(at_us=turn.now_us, mitigation=moved, actor=actor))
    return ItemAnswer(mitigation_id)


def _dismiss(group_id: GroupId, reason: str, actor: Actor, turn: Turn) -> bool:
    group = _live_group(turn, group_id)
    if group is None:
        return False
    closed = structs.replace(
        group,
        state=GroupState.CLOSED,
        close_reason=CloseReason.DISMISSED,
        closed_at_us=turn.now_us,
        hold_reason=None,
    )
    close_group(turn, closed)
    turn.audit(actor, "dismiss", "group", group_id, reason=reason)
    return True


def _approve(group_id: GroupId, actor: Actor, turn: Turn) -> bool:
    group = _live_group(turn, group_id)
    if group is None:
        return False
    turn.audit(actor, "approve", "group", group_id)
    act(turn, group, group, actor, TriggerKind.OPERATOR, approved=True)
    return True


def _live_group(turn: Turn, group_id: GroupId) -> Group | None:
    group = turn.group(group_id)
    return group if group is not None and group.is_live else None


def _audit_panic(reason: str, actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "panic", "pop", turn.snapshot.pop, reason=reason)


# the answers


def _items(
    mitigation_ids: Sequence[str], answers: Sequence[WithdrawAnswer | BaseException]
) -> list[ItemAnswer]:
    return [
        ItemAnswer(mitigation_id, _problem(answer))
        for mitigation_id, answer in zip(mitigation_ids, answers, strict=True)
    ]


def _problem(answer: WithdrawAnswer | BaseException) -> str | None:
    match answer:
        case Withdrawn():
            return None
        case NotFound():
            return "not found"
        case NotLive():
            return "not active"
        case Busy() | StoreUnavailable():
            return str(answer)
        case _:
            raise answer


def _note_about(pop: str, answer: CreateAnswer) -> str:
    match answer:
        case Created(mitigation=made):
            return f"{pop}: created {made.mitigation_id}"
        case _:
            return f"{pop}: {type(answer).__name__.lower()}"
