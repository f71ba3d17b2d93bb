"""One replay from the first event to the last timer: the engine's own verbs, without the engine.

A daemon puts each verb (take a signal, join a corroborator, expire, look at a group) into a turn,
saves the turn, and lets it enter the live state. Here the same verbs run in the same turns on a
live state of their own; nothing is saved and nothing is announced. The clock is the event's own
time and ids are counted, so two runs over the same events with the same configuration are the same,
byte for byte, and the same as a live run that is given these ids.

What falls due between two events happens between them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Final, TypeVar

from prefixd.clock import from_us
from prefixd.domain.actor import Actor, ActorKind, Permission
from prefixd.domain.ids import GroupId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import (
    MitigationActivated,
    MitigationEscalated,
    MitigationExpired,
    MitigationRevised,
    MitigationWithdrawn,
    News,
    WithdrawReason,
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.record import DecisionRecord, Outcome
from prefixd.domain.rule import format_action, format_match
from prefixd.domain.signal import Corroboration, Signal
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.corroborate import answer, fitting, join, keep, record_of
from prefixd.engine.due_heap import DueHeap, Key, SteadyTime
from prefixd.engine.ingest import arrival
from prefixd.engine.live_state import LiveState
from prefixd.engine.settings import Snapshot, with_safelist
from prefixd.engine.timers import verb_of
from prefixd.engine.turn import Turn
from prefixd.replay.events import Adapters, Read, RecordedEvent
from prefixd.replay.history import Attack, Step
from prefixd.signals.reading import Heartbeat
from prefixd.signals.settings import SignalSettings

T = TypeVar("T")

AFTERWARDS_US: Final = 86_400 * 1_000_000
"""How long timers run on after the last event, so that what was begun is seen to end."""
DETECTOR: Final = Actor(
    kind=ActorKind.DETECTOR, name="replay", permissions=frozenset({Permission.INGEST})
)
EPISODES_MAX: Final = 10_000_000
"""A daemon that forgot an episode reads it from its store; a replay has to remember."""


@dataclass(frozen=True, slots=True)
class EventFate:
    line: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    fates: tuple[EventFate, ...]
    attacks: tuple[Attack, ...]
    peak_live: int
    decisions: tuple[DecisionRecord, ...] = field(default=(), repr=False)

    @property
    def outcomes(self) -> dict[str, int]:
        return dict(sorted(Counter(fate.outcome for fate in self.fates).items()))

    @property
    def steps(self) -> dict[str, int]:
        counted = Counter(step.what for attack in self.attacks for step in attack.steps)
        return dict(sorted(counted.items()))

    @property
    def mitigated(self) -> int:
        return sum(1 for attack in self.attacks if attack.first_answer is not None)


def replay_events(
    events: Iterable[RecordedEvent], snapshot: Snapshot, signals: SignalSettings
) -> Replayed:
    replay = Replay(snapshot)
    adapters = Adapters(signals, snapshot.rules.correlation)
    fates: list[EventFate] = []
    last_us = 0
    for event in events:
        last_us = event.received_at_us
        replay.pass_time(last_us)
        fates += [replay.take(event.line, read) for read in adapters.read(event)]
    replay.pass_time(last_us + AFTERWARDS_US)
    return Replayed(
        fates=tuple(fates),
        attacks=tuple(replay.attacks.values()),
        peak_live=replay.peak_live,
        decisions=tuple(replay.decisions),
    )


def counted_ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{next(numbers):08}"


class EventClock:
    """The time of the event, or of the timer, that is replayed now."""

    def __init__(self) -> None:
        self.at_us = 0

    def now(self) -> datetime:
        return from_us(self.at_us)

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1_000_000


class Replay:
    def __init__(self, snapshot: Snapshot, new_id: Callable[[], str] | None = None) -> None:
        if snapshot.safelist is None:
            snapshot = with_safelist(snapshot, ())
        self._snapshot = snapshot
        self._clock = EventClock()
        self._live = LiveState(EPISODES_MAX)
        self._due = DueHeap(SteadyTime(self._clock))
        self._new_id = new_id or counted_ids()
        self.attacks: dict[GroupId, Attack] = {}
        self.decisions: list[DecisionRecord] = []
        self.peak_live = 0

    def pass_time(self, until_us: int) -> None:
        """Everything that falls due until then, in order."""
        while (at_us := self._due.next_moment_us()) is not None and at_us <= until_us:
            self._clock.at_us = max(at_us, self._clock.at_us)
            self._fire_due()
        self._clock.at_us = until_us

    def take(self, line: int, read: Read) -> EventFate:
        match read:
            case Signal():
                arrived = arrival(read, DETECTOR, self._new_id())
                return _fate(line, self._turns([(read.victim, arrived)])[0])
            case Corroboration():
                return _fate(line, self._corroborate(read))
            case Problem():
                return EventFate(line, Outcome.ERROR.value, str(read))
            case Heartbeat():
                return EventFate(line, Outcome.IGNORED.value, "a heartbeat")
            case _:
                return EventFate(line, Outcome.IGNORED.value, read.reason)

    def _corroborate(self, given: Corroboration) -> IngestAnswer:
        live, snapshot, now_us = self._live, self._snapshot, self._clock.at_us
        live.forget_corroborations_before(now_us)
        record = record_of(live, snapshot, given, self._new_id)
        if isinstance(record, IngestAnswer):
            return record
        self._turns([(None, partial(keep, record))])
        fates = self._turns(
            (group.victim, partial(join, record, group.group_id, DETECTOR))
            for group in fitting(live, snapshot, record, now_us)
        )
        return answer(record, [fate for fate in fates if fate is not None])

    def _fire_due(self) -> None:
        due: list[Key] = []
        now_us = self._clock.at_us
        while (key := self._due.pop_due(now_us)) is not None:
            moment_us = self._live.next_moment_us(key)
            if moment_us is None:
                continue
            if moment_us > now_us:
                self._due.schedule(key, moment_us)
            else:
                due.append(key)
        self._turns([verb_of(self._live, key) for key in due])

    def _turns(self, asked: Iterable[tuple[Prefix | None, Callable[[Turn], T]]]) -> list[T]:
        """The answers in the order asked. Verbs of one victim share a turn, and turns that begin
        together are decided before the first of them is saved, as in a daemon."""
        waiting: dict[Prefix | None, list[tuple[int, Callable[[Turn], T]]]] = {}
        for index, (victim, verb) in enumerate(asked):
            waiting.setdefault(victim, []).append((index, verb))
        answers: dict[int, T] = {}
        turns: list[Turn] = []
        for victim, verbs in waiting.items():
            turn = Turn(
                snapshot=self._snapshot,
                live=self._live,
                victim=victim,
                now_us=self._clock.at_us,
                new_id=self._new_id,
            )
            answers.update((index, verb(turn)) for index, verb in verbs)
            turns.append(turn)
        for turn in turns:
            turn.release()
            turn.enter(self._due)
            self._remember(turn)
        return [answers[index] for index in range(len(answers))]

    def _remember(self, turn: Turn) -> None:
        self.decisions += turn.decisions
        self.peak_live = max(self.peak_live, len(self._live.mitigations))
        for group in turn.groups.values():
            attack = self.attacks.get(group.group_id) or Attack(
                str(group.victim), group.key, group.created_at_us
            )
            self.attacks[group.group_id] = replace(
                attack,
                met=group.met,
                confidence=group.confidence,
                next_look_us=turn.looks.get(group.group_id, attack.next_look_us),
            )
        for item in turn.news:
            for group_id, step in _steps(item):
                self.attacks[group_id] = self.attacks[group_id].then(step)


def _fate(line: int, answered: IngestAnswer) -> EventFate:
    return EventFate(line, answered.outcome.value, answered.reason)


def _steps(item: News) -> Iterator[tuple[GroupId, Step]]:
    match item:
        case MitigationActivated(mitigation=row):
            what = "mitigated"
        case MitigationEscalated(mitigation=row):
            what = "escalated"
        case MitigationRevised(mitigation=row):
            what = "revised"
        case MitigationExpired(mitigation=row):
            what = "expired"
        case MitigationWithdrawn(mitigation=row, reason=WithdrawReason.SHADOWED):
            what = "shadowed"
        case MitigationWithdrawn(mitigation=row):
            what = "cleared"
        case _:
            return
    if row.group_id is not None:
        yield row.group_id, Step(item.at_us, what, _rule_text(row))


def _rule_text(mitigation: Mitigation) -> str:
    return f"{format_match(mitigation.rule.match)}, {format_action(mitigation.rule.action)}"
