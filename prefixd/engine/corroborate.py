"""Evidence without a victim comes in: kept for groups to come, joined to those that are here.

It is stored before anything is joined, so that a group which opens in between finds it. Each group
is then visited in its victim's line, where the same decision runs as for a signal: a corroborator
that completes agreement acts there and then.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from prefixd.correlation.corroborator import admit_corroboration, attach
from prefixd.decision.decision import TriggerKind
from prefixd.domain.actor import Actor
from prefixd.domain.ids import GroupId, SignalId
from prefixd.domain.news import CorroboratorReceived
from prefixd.domain.record import CorroborationRecord, Outcome
from prefixd.domain.signal import Corroboration
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.apply_decision import Fate
from prefixd.engine.ingest import act
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core


@dataclass(frozen=True, slots=True)
class Joining:
    """The verb at one group."""

    given: Corroboration
    signal_id: SignalId
    group_id: GroupId
    actor: Actor

    def __call__(self, turn: Turn) -> Fate | None:
        before = turn.group(self.group_id)
        if before is None or not before.is_live:
            return None
        settings = turn.snapshot.rules.correlation
        joined = attach(self.given, self.signal_id, (before,), settings, turn.now_us).groups
        if not joined:
            return None
        return act(turn, before, joined[0], self.actor, TriggerKind.CORROBORATOR, self.signal_id)


async def corroborate(core: Core, given: Corroboration, actor: Actor) -> IngestAnswer:
    settings = core.snapshot.rules.correlation
    problem = admit_corroboration(given, settings)
    signal_id = SignalId(core.new_id())
    if problem is not None:
        return IngestAnswer(
            signal_id=signal_id,
            external_id=given.external_id,
            outcome=Outcome.ERROR,
            reason=str(problem),
            codes=(problem.code,),
        )
    known = core.live.corroborations.get((given.source, given.external_id))
    if known is not None:
        signal_id = known.signal_id
    record = CorroborationRecord(
        signal_id=signal_id,
        corroboration=given,
        pop=core.snapshot.pop,
        weight=settings.source(given.source).weight,
    )
    await core.ask(None, partial(_keep, record))
    fitting = attach(
        given, signal_id, core.live.groups.values(), settings, core.time.now_us()
    ).groups
    joined = await asyncio.gather(
        *(
            core.ask(group.victim, Joining(given, signal_id, group.group_id, actor))
            for group in fitting
        )
    )
    carried = [one for one in joined if one is not None]
    core.effects.tell(
        [CorroboratorReceived(at_us=core.time.now_us(), signal=given, attached=len(carried))]
    )
    return _answer(signal_id, given, carried)


def _keep(record: CorroborationRecord, turn: Turn) -> None:
    turn.corroborations.append(record)


def _answer(signal_id: SignalId, given: Corroboration, carried: list[Fate]) -> IngestAnswer:
    if not carried:
        return IngestAnswer(
            signal_id=signal_id,
            external_id=given.external_id,
            outcome=Outcome.WAITING,
            reason="kept for groups that open before it expires",
        )
    acted = [one for one in carried if one.mitigation_id is not None]
    telling = (acted or carried)[0]
    return IngestAnswer(
        signal_id=signal_id,
        external_id=given.external_id,
        outcome=telling.outcome,
        reason=telling.reason,
        codes=telling.codes,
        group_id=None if telling.group is None else telling.group.group_id,
        mitigation_id=telling.mitigation_id,
        attached=tuple(one.group.group_id for one in carried if one.group is not None),
    )
