"""Evidence without a victim comes in: kept for groups to come, joined to those that are here.

It is stored before anything is joined, so that a group which opens in between finds it. Each group
is then visited in its victim's queue, where the same decision runs as for a signal: a corroborator
that completes agreement acts at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from prefixd.correlation.corroborator import admit_corroboration, attach
from prefixd.decision.decision import TriggerKind
from prefixd.domain.actor import Actor
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, SignalId
from prefixd.domain.news import CorroboratorReceived
from prefixd.domain.record import CorroborationRecord, Outcome
from prefixd.domain.signal import Corroboration
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.apply_decision import Fate
from prefixd.engine.ingest import act
from prefixd.engine.live_state import LiveState
from prefixd.engine.settings import Snapshot
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core


async def corroborate(core: Core, given: Corroboration, actor: Actor) -> IngestAnswer:
    record = record_of(core.live, core.snapshot, given, core.new_id)
    if isinstance(record, IngestAnswer):
        return record
    await core.ask(None, partial(keep, record))
    now_us = core.time.now_us()
    joined = await asyncio.gather(
        *(
            core.ask(group.victim, partial(join, record, group.group_id, actor))
            for group in fitting(core.live, core.snapshot, record, now_us)
        )
    )
    fates = [fate for fate in joined if fate is not None]
    now_us = core.time.now_us()
    core.effects.publish([CorroboratorReceived(at_us=now_us, signal=given, attached=len(fates))])
    return answer(record, fates)


def record_of(
    live: LiveState, snapshot: Snapshot, given: Corroboration, new_id: Callable[[], str]
) -> CorroborationRecord | IngestAnswer:
    """The row to keep; an answer when it is refused."""
    settings = snapshot.rules.correlation
    problem = admit_corroboration(given, settings)
    signal_id = SignalId(new_id())
    if problem is not None:
        return IngestAnswer(
            signal_id=signal_id,
            external_id=given.external_id,
            outcome=Outcome.ERROR,
            reason=str(problem),
            codes=(problem.code,),
        )
    known = live.corroborations.get((given.source, given.external_id))
    if known is not None and known.corroboration.expires_at_us > given.received_at_us:
        signal_id = known.signal_id
    return CorroborationRecord(
        signal_id=signal_id,
        corroboration=given,
        pop=snapshot.pop,
        weight=settings.source(given.source).weight,
    )


def keep(record: CorroborationRecord, turn: Turn) -> None:
    turn.corroborations.append(record)


def fitting(
    live: LiveState, snapshot: Snapshot, record: CorroborationRecord, now_us: int
) -> Sequence[Group]:
    """The live groups that it strengthens."""
    settings = snapshot.rules.correlation
    given, groups = record.corroboration, live.groups.values()
    return attach(given, record.signal_id, groups, settings, now_us).groups


def join(record: CorroborationRecord, group_id: GroupId, actor: Actor, turn: Turn) -> Fate | None:
    """The verb at one group."""
    before = turn.group(group_id)
    if before is None or not before.is_live:
        return None
    given, signal_id = record.corroboration, record.signal_id
    settings = turn.snapshot.rules.correlation
    joined = attach(given, signal_id, (before,), settings, turn.now_us).groups
    if not joined:
        return None
    return act(turn, before, joined[0], actor, TriggerKind.CORROBORATOR, signal_id)


def answer(record: CorroborationRecord, fates: Sequence[Fate]) -> IngestAnswer:
    external_id = record.corroboration.external_id
    if not fates:
        return IngestAnswer(
            signal_id=record.signal_id,
            external_id=external_id,
            outcome=Outcome.WAITING,
            reason="kept for groups that open before it expires",
        )
    acted = [fate for fate in fates if fate.mitigation_id is not None]
    first = (acted or fates)[0]
    return IngestAnswer(
        signal_id=record.signal_id,
        external_id=external_id,
        outcome=first.outcome,
        reason=first.reason,
        codes=first.codes,
        group_id=None if first.group is None else first.group.group_id,
        mitigation_id=first.mitigation_id,
        attached=tuple(fate.group.group_id for fate in fates if fate.group is not None),
    )
