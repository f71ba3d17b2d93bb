"""What people ask for by hand, put into the line of its victim.

The verbs themselves are in `mitigate.py`. Here the rows they are about are found, those of other
POPs and those that have ended too, and several wishes are asked for one by one.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from prefixd.domain.actor import Actor
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import WithdrawReason
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.engine.answers import (
    Busy,
    CreateAnswer,
    Created,
    ExtendAnswer,
    ItemAnswer,
    ManualRequest,
    NotFound,
    NotLive,
    PreviewAnswer,
    WithdrawAnswer,
    Withdrawn,
)
from prefixd.engine.manual import (
    Acknowledge,
    Approve,
    Dismiss,
    Make,
    Prolong,
    Withdraw,
    judge,
    refused,
    wish_of,
)
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable


class Hands:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def create_mitigation(self, request: ManualRequest, actor: Actor) -> CreateAnswer:
        """One row per POP named. The answer is that of our own POP, or of the first named; what
        became of the others stands in its notes."""
        here = self._core.snapshot.pop
        pops = dict.fromkeys(request.pops or (here,))
        answers = {pop: await self._create_in(pop, request, actor) for pop in pops}
        told = here if here in answers else next(iter(answers))
        answer = answers.pop(told)
        if isinstance(answer, Created) and answers:
            notes = tuple(_note_about(pop, other) for pop, other in answers.items())
            return Created(answer.mitigation, (*answer.notes, *notes))
        return answer

    async def _create_in(self, pop: str, request: ManualRequest, actor: Actor) -> CreateAnswer:
        core = self._core
        theirs: tuple[Mitigation, ...] | None = None
        if pop != core.snapshot.pop:
            wanted = MitigationFilter(
                victim=request.victim, pop=pop, statuses=frozenset({"active", "escalated"})
            )
            page = await core.store.mitigations.page(wanted, PageRequest(limit=PAGE_MAX))
            theirs = page.items
        make = Make(wish_of(request, actor.name), actor, pop, theirs)
        return await core.ask(request.victim, make)

    def preview(self, request: ManualRequest, actor: Actor) -> PreviewAnswer:
        """What `create_mitigation` would answer and what peers would be told; changes nothing."""
        core = self._core
        decided = judge(core.begin(request.victim), wish_of(request, actor.name))
        reasons = refused(getattr(decided.plan, "refusals", ()))
        return PreviewAnswer(
            plan=type(decided.plan).__name__.lower(),
            rule=decided.rule,
            ttl_s=decided.ttl_s,
            notes=decided.notes,
            reasons=reasons.reasons,
            export=core.announcer.preview(decided.rule),
        )

    async def withdraw(self, mitigation_id: str, reason: str, actor: Actor) -> WithdrawAnswer:
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        verb = Withdraw(found.mitigation_id, reason, actor, WithdrawReason.OPERATOR, found)
        return await self._core.ask(found.victim, verb)

    async def bulk_withdraw(
        self, mitigation_ids: Sequence[str], reason: str, actor: Actor
    ) -> list[ItemAnswer]:
        answers = await asyncio.gather(
            *(self.withdraw(mitigation_id, reason, actor) for mitigation_id in mitigation_ids),
            return_exceptions=True,
        )
        return [
            ItemAnswer(mitigation_id, _problem(answer))
            for mitigation_id, answer in zip(mitigation_ids, answers, strict=True)
        ]

    async def extend(self, mitigation_id: str, ttl_s: int, actor: Actor) -> ExtendAnswer:
        """Lives at least `ttl_s` from now, within the limits; guardrails look again."""
        found = await self._row(mitigation_id)
        if found is None:
            return NotFound(mitigation_id)
        verb = Prolong(found.mitigation_id, ttl_s, actor, found)
        return await self._core.ask(found.victim, verb)

    async def acknowledge(self, mitigation_ids: Sequence[str], actor: Actor) -> list[ItemAnswer]:
        answers: list[ItemAnswer] = []
        for mitigation_id in mitigation_ids:
            found = await self._row(mitigation_id)
            if found is None:
                answers.append(ItemAnswer(mitigation_id, "not found"))
                continue
            verb = Acknowledge(found.mitigation_id, actor, found)
            answers.append(await self._core.ask(found.victim, verb))
        return answers

    async def panic(self, reason: str, actor: Actor) -> list[ItemAnswer]:
        """Withdraw every live mitigation of this POP. Detectors may make new ones when the quiet
        period is over; switch to dry-run for longer."""
        core = self._core
        await core.ask(None, partial(_audit_panic, reason, actor), patient=False)
        rows = list(core.picture.mitigations.values())
        verbs = [
            core.ask(row.victim, Withdraw(row.mitigation_id, reason, actor), patient=False)
            for row in rows
        ]
        answers = await asyncio.gather(*verbs, return_exceptions=True)
        return [
            ItemAnswer(row.mitigation_id, _problem(answer))
            for row, answer in zip(rows, answers, strict=True)
        ]

    async def _row(self, mitigation_id: str) -> Mitigation | None:
        live = self._core.picture.mitigations.get(MitigationId(mitigation_id))
        return live or await self._core.store.mitigations.get(mitigation_id)

    async def approve_group(self, group_id: str, actor: Actor) -> bool:
        """Act on a group that waits for approval; False when it is not live here."""
        group = self._core.picture.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, Approve(group.group_id, actor))

    async def dismiss_group(self, group_id: str, reason: str, actor: Actor) -> bool:
        group = self._core.picture.groups.get(GroupId(group_id))
        if group is None:
            return False
        return await self._core.ask(group.victim, Dismiss(group.group_id, reason, actor))


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


def _audit_panic(reason: str, actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "panic", "pop", turn.snapshot.pop, reason=reason)
