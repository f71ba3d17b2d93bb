"""One replay from the first event to the last timer, and the sums people want of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prefixd.decision.inputs import Rules
from prefixd.domain.ids import SignalId
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.domain.safelist import Safelist
from prefixd.domain.signal import Corroboration, Signal
from prefixd.replay.events import RecordedEvent
from prefixd.replay.history import Attack
from prefixd.replay.memory import Memory
from prefixd.replay.reading import Door, Read
from prefixd.replay.world import Fate, World
from prefixd.signals.reading import Heartbeat
from prefixd.signals.settings import SignalSettings

AFTERWARDS_US: Final = 86_400 * 1_000_000
"""How long timers run on after the last event, so that what was begun is seen to end."""


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
    events: Iterable[RecordedEvent],
    *,
    rules: Rules,
    signals: SignalSettings,
    safelist: Safelist,
) -> Replayed:
    memory = Memory(safelist=safelist)
    world = World(rules=rules, memory=memory)
    door = Door(signals, rules.correlation)
    fates: list[EventFate] = []
    last_us = 0
    for event in events:
        world.pass_time(event.received_at_us)
        last_us = event.received_at_us
        for index, read in enumerate(door.read(event)):
            fate = _take(world, read, SignalId(f"signal-{event.line:06}-{index:03}"))
            fates.append(EventFate(event.line, fate.outcome.value, fate.reason))
    world.pass_time(last_us + AFTERWARDS_US)
    return Replayed(
        fates=tuple(fates), attacks=tuple(memory.attacks.values()), peak_live=memory.peak_live
    )


def _take(world: World, read: Read, signal_id: SignalId) -> Fate:
    match read:
        case Signal():
            return world.take(read, signal_id)
        case Corroboration():
            return world.corroborate(read, signal_id)
        case Problem():
            return Fate(Outcome.ERROR, str(read))
        case Heartbeat():
            return Fate(Outcome.IGNORED, "a sign of life")
        case _:
            return Fate(Outcome.IGNORED, read.reason)
