"""A signal comes in: is it news, which group does it join, what follows, what is stored.

The verb here runs in the victim's queue and writes nothing itself; everything it notes (the signal
with its fate, the group, a mitigation, the explanation, the audit) becomes one unit. So a signal is
stored together with what was decided about it: a crash before the commit leaves nothing and the
sender, who got no answer, tries again; a crash after it leaves everything.

A signal that has to wait too long for its turn is stored first, as `queued`, and answered so; its
verb then finds the row and finishes it. The same happens after a restart.
"""

from dataclasses import dataclass
from typing import assert_never

from msgspec.structs import replace

from prefixd.correlation.clear import note_clear
from prefixd.correlation.corroborator import waiting_for
from prefixd.correlation.episode import EpisodeStep, Repeat, step_episode
from prefixd.correlation.gate import Admitted, SetAside, admit
from prefixd.correlation.window import Where, join, open_group, place
from prefixd.decision.decide import decide
from prefixd.decision.decision import Trigger, TriggerKind
from prefixd.domain.actor import Actor
from prefixd.domain.group import EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import GroupId, SignalId
from prefixd.domain.inventory import Owner
from prefixd.domain.news import GroupClosed, SignalReceived
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Signal, SignalKind
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.apply_decision import Fate, apply_decision
from prefixd.engine.episodes import Known, body_hash, episode_of, refreshed
from prefixd.engine.facts import gather
from prefixd.engine.turn import Turn


@dataclass(slots=True)
class Arrival:
    """One signal on its way through: who brought it, and its row if it was stored as `queued`."""

    signal: Signal
    actor: Actor
    signal_id: SignalId
    body_hash: str
    stored: SignalRecord | None = None

    def __call__(self, turn: Turn) -> IngestAnswer:
        return take(turn, self)


def arrival(signal: Signal, actor: Actor, signal_id: str) -> Arrival:
    return Arrival(signal, actor, SignalId(signal_id), body_hash(signal))


def take(turn: Turn, arrived: Arrival) -> IngestAnswer:
    signal = arrived.signal
    admission = admit(signal, turn.snapshot.rules.correlation)
    if isinstance(admission, Problem):
        return refused(arrived, admission)
    known = turn.episode((signal.source, signal.external_id))
    stored = arrived.stored
    if stored is not None and stored.signal_id == arrived.signal_id and is_firing(signal):
        known = Known(episode_of(stored, EvidenceState.FIRING), stored)
        step = EpisodeStep(Repeat.RERUN, known.episode)
    else:
        step = step_episode(
            None if known is None else known.episode,
            signal,
            arrived.body_hash,
            turn.snapshot.rules.correlation,
            mitigation_live=_is_live(turn, known),
        )
    match step.repeat:
        case Repeat.RETRY:
            assert known is not None
            return _known_answer(known, Outcome(known.episode.outcome or Outcome.QUEUED))
        case Repeat.DUPLICATE:
            assert known is not None
            return _known_answer(known, Outcome.DUPLICATE)
        case Repeat.CLEAR | Repeat.NO_EFFECT:
            return _clear(turn, arrived, known, step)
        case Repeat.NEW | Repeat.REFRESH | Repeat.RERUN:
            return _fire(turn, arrived, known, step, admission)
        case _:
            assert_never(step.repeat)


def refused(arrived: Arrival, problem: Problem) -> IngestAnswer:
    """Nothing is stored: the sender has to change something first."""
    return IngestAnswer(
        signal_id=arrived.signal_id,
        external_id=arrived.signal.external_id,
        outcome=Outcome.ERROR,
        reason=str(problem),
        codes=(problem.code,),
    )


# firing


def _fire(
    turn: Turn,
    arrived: Arrival,
    known: Known | None,
    step: EpisodeStep,
    admission: Admitted | SetAside,
) -> IngestAnswer:
    held = _held_record(arrived, known, step)
    if isinstance(admission, SetAside):
        reason = f"the signal is {admission.reason}: stored and shown, never acted on"
        fate = Fate(Outcome.IGNORED, reason, (admission.reason.value,))
        return _finish(turn, arrived, step, held, fate)
    signal_id = arrived.signal_id if held is None else held.signal_id
    owner = turn.snapshot.rules.inventory.find(arrived.signal.victim)
    before, group = _join(
        turn, arrived.signal, signal_id, step.episode.number, admission.role, _where(owner)
    )
    if group is None:
        fate = Fate(
            Outcome.IGNORED, "a corroborating source alone opens no group", ("corroborating",)
        )
        return _finish(turn, arrived, step, held, fate)
    fate = act(turn, before, group, arrived.actor, TriggerKind.SIGNAL, signal_id)
    if step.repeat is Repeat.REFRESH and fate.outcome is Outcome.EXTENDED:
        fate = replace(fate, outcome=Outcome.REFRESHED)
    return _finish(turn, arrived, step, held, fate)


def _held_record(arrived: Arrival, known: Known | None, step: EpisodeStep) -> SignalRecord | None:
    """The row this report goes on with; None when it gets one of its own."""
    if step.repeat is Repeat.REFRESH and known is not None:
        return refreshed(known.record, arrived.signal, step.episode)
    if step.repeat is Repeat.RERUN and known is not None:
        return known.record
    return None


def _where(owner: Owner | None) -> Where:
    if owner is None:
        return Where()
    return Where(
        customer_id=owner.customer.customer_id,
        service_id=None if owner.service is None else owner.service.service_id,
        interface=None if owner.asset is None else owner.asset.interface,
    )


def _join(
    turn: Turn,
    signal: Signal,
    signal_id: SignalId,
    episode: int,
    role: EvidenceRole,
    where: Where,
) -> tuple[Group | None, Group | None]:
    """The group as it was (None for a new one) and as it is with this signal in it (None when
    there is none to join and this source may not open one)."""
    settings = turn.snapshot.rules.correlation
    groups = turn.live_groups()
    found = place(signal, groups, settings, turn.now_us)
    if found.over:
        for over in found.over:
            close_group(turn, over)
        groups = turn.live_groups()
    before = found.group
    if before is not None:
        group = join(
            before,
            signal,
            signal_id,
            where=where,
            settings=settings,
            role=role,
            episode=episode,
        )
        return before, group
    if role is not EvidenceRole.PRIMARY:
        return None, None
    group_id = GroupId(turn.new_id())
    opened = open_group(
        signal,
        signal_id,
        group_id=group_id,
        pop=turn.snapshot.pop,
        where=where,
        settings=settings,
        episode=episode,
        incident_id=turn.live.incidents.of_new_group(
            group_id,
            where.customer_id,
            signal.received_at_us,
            groups,
            settings.incident_join_s,
        ),
    )
    kept = turn.live.corroborations
    if kept:
        waiting = [(item.signal_id, item.corroboration) for item in kept.values()]
        opened = waiting_for(opened, waiting, settings, turn.now_us)
    return None, opened


def close_group(turn: Turn, closed: Group) -> None:
    turn.save_group(closed)
    turn.look_at(closed.group_id, None)
    assert closed.close_reason is not None
    turn.news.append(GroupClosed(at_us=turn.now_us, group=closed, reason=closed.close_reason))


def act(
    turn: Turn,
    before: Group | None,
    group: Group,
    actor: Actor,
    trigger: TriggerKind,
    signal_id: SignalId | None = None,
    *,
    approved: bool = False,
) -> Fate:
    """Decide about a group and apply it: the one path of signals, corroborators and timers."""
    decision = decide(
        group,
        gather(turn, group.customer_id, group.group_id, approved=approved),
        turn.snapshot.rules,
        turn.now_us,
        Trigger(trigger, signal_id),
    )
    return apply_decision(turn, decision, before, actor)


# clearing


def _clear(turn: Turn, arrived: Arrival, known: Known | None, step: EpisodeStep) -> IngestAnswer:
    signal = arrived.signal
    carried: list[Fate] = []
    for before in turn.live_groups():
        cleared = note_clear(before, signal)
        if cleared is not None:
            carried.append(act(turn, before, cleared, arrived.actor, TriggerKind.SIGNAL))
    if carried:
        fate = _clear_fate(carried)
    else:
        fate = Fate(Outcome.NO_EFFECT, "nothing that fires is named by this all-clear", ())
    same_episode = known is not None and known.episode.number == step.episode.number
    if same_episode and step.repeat is Repeat.NO_EFFECT and not carried:
        # Said before, and stored before: one row is enough for any number of repeats.
        assert known is not None
        return _answer(arrived, known.record.signal_id, step, fate, duplicate=True)
    return _finish(turn, arrived, step, None, fate, firing=known)


def _clear_fate(carried: list[Fate]) -> Fate:
    """What an all-clear did: the fate of the group it changed most."""

    def rank(fate: Fate) -> int:
        assert fate.group is not None
        return {GroupState.CLEARING: 0, GroupState.CLOSED: 1}.get(fate.group.state, 2)

    chosen = min(carried, key=rank)
    group = chosen.group
    assert group is not None
    last = group.mitigation_ids[-1] if group.mitigation_ids else None
    clearing = group.state is GroupState.CLEARING
    outcome = Outcome.CLEARING if clearing else Outcome.CLEARED
    return replace(chosen, outcome=outcome, mitigation_id=last)


# what is stored and answered


def _finish(
    turn: Turn,
    arrived: Arrival,
    step: EpisodeStep,
    held: SignalRecord | None,
    fate: Fate,
    firing: Known | None = None,
) -> IngestAnswer:
    """`held` is the row that this report goes on with, None when it gets one of its own."""
    finished = _own_record(turn, arrived, step, fate) if held is None else _with_fate(held, fate)
    signal_id = finished.signal_id
    is_new = signal_id == arrived.signal_id and arrived.stored is None
    turn.save_signal(finished, new=is_new or turn.is_new_signal(signal_id))
    stands = finished if firing is None else firing.record
    episode = replace(
        step.episode,
        group_id=finished.group_id,
        mitigation_id=finished.mitigation_id,
        outcome=finished.outcome.value,
    )
    known = Known(episode, stands)
    turn.episodes[known.key] = known
    turn.news.append(
        SignalReceived(
            at_us=turn.now_us,
            signal=arrived.signal,
            outcome=finished.outcome.value,
            mitigation_id=finished.mitigation_id,
        )
    )
    return _answer(arrived, finished.signal_id, step, fate, duplicate=step.repeat is Repeat.REFRESH)


def _own_record(turn: Turn, arrived: Arrival, step: EpisodeStep, fate: Fate) -> SignalRecord:
    signal, group = arrived.signal, fate.group
    cleared = signal.kind is SignalKind.CLEARED
    return SignalRecord(
        signal_id=arrived.signal_id,
        signal=signal,
        episode=step.episode.number,
        pop=turn.snapshot.pop,
        outcome=fate.outcome,
        last_seen_us=signal.received_at_us if cleared else step.episode.last_seen_us,
        reason=fate.reason,
        codes=fate.codes,
        group_id=None if group is None else group.group_id,
        mitigation_id=fate.mitigation_id,
        customer_id=None if group is None else group.customer_id,
        last_hash=arrived.body_hash,
    )


def _with_fate(record: SignalRecord, fate: Fate) -> SignalRecord:
    group = fate.group
    return replace(
        record,
        outcome=fate.outcome,
        reason=fate.reason,
        codes=fate.codes,
        group_id=record.group_id if group is None else group.group_id,
        mitigation_id=fate.mitigation_id or record.mitigation_id,
        customer_id=record.customer_id if group is None else group.customer_id,
    )


def _answer(
    arrived: Arrival, signal_id: str, step: EpisodeStep, fate: Fate, *, duplicate: bool
) -> IngestAnswer:
    return IngestAnswer(
        signal_id=signal_id,
        external_id=arrived.signal.external_id,
        outcome=fate.outcome,
        reason=fate.reason,
        codes=fate.codes,
        group_id=None if fate.group is None else fate.group.group_id,
        mitigation_id=fate.mitigation_id,
        episode=step.episode.number,
        duplicate=duplicate,
    )


def _known_answer(known: Known, outcome: Outcome) -> IngestAnswer:
    """What was answered before, once more."""
    record, episode = known.record, known.episode
    return IngestAnswer(
        signal_id=record.signal_id,
        external_id=record.signal.external_id,
        outcome=outcome,
        reason=record.reason,
        codes=record.codes,
        group_id=episode.group_id,
        mitigation_id=episode.mitigation_id,
        episode=episode.number,
        duplicate=True,
    )


def _is_live(turn: Turn, known: Known | None) -> bool:
    if known is None or known.episode.mitigation_id is None:
        return False
    mitigation = turn.mitigation(known.episode.mitigation_id)
    return mitigation is not None and mitigation.is_live


def queued_record(arrived: Arrival, pop: str, known: Known | None) -> tuple[SignalRecord, bool]:
    """The row that keeps a waiting signal, and whether it is a new one. A repeat of a known episode
    marks the row of that episode as unfinished, so that a restart takes it up again."""
    if (
        known is not None
        and known.episode.state is EvidenceState.FIRING
        and known.record.pop == pop
    ):
        return replace(known.record, outcome=Outcome.QUEUED), False
    number = 1 if known is None else known.episode.number + 1
    record = SignalRecord(
        signal_id=arrived.signal_id,
        signal=arrived.signal,
        episode=number,
        pop=pop,
        outcome=Outcome.QUEUED,
        last_seen_us=arrived.signal.received_at_us,
        last_hash=arrived.body_hash,
        reason="stored; it is decided when those before it are",
    )
    return record, True


def is_firing(signal: Signal) -> bool:
    return signal.kind is SignalKind.FIRING
