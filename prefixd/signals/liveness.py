"""Which sources should speak, and which have fallen silent.

No attack and a dead detector look the same from here. So silence is told only of sources that are
known to speak all the time, because they report steadily or show in some other way that they are
alive, and that the settings give a longest silence for. Whatever a source says counts, not only
what led to something. Silence before the start is unknown, so a start begins every wait anew.

Moments for waiting are monotonic seconds, moments for people are civil; both come from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Expected:
    every_s: float
    waiting_since: float
    last_seen_us: int | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    source: str
    last_seen_us: int | None
    """None: not heard since the start."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """It speaks again, or is no longer expected to."""

    source: str


class Liveness:
    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}
        self._untold: list[Recovered] = []

    def __bool__(self) -> bool:
        """Whether any source is expected to speak."""
        return bool(self._expected)

    def expect(self, every_s: Mapping[str, float], now: float) -> None:
        """Exactly these; of those that stay, what is known stays."""
        before, self._expected = self._expected, {}
        for name, longest_s in every_s.items():
            known = before.pop(name) if name in before else _Expected(longest_s, now)
            self._expected[name] = known
            known.every_s = longest_s
        self._untold += [Recovered(name) for name, known in before.items() if known.silent]

    def heard(self, source: str, now: float, at_us: int) -> None:
        """Any sign of life. `alertmanager/edge` is a voice of `alertmanager` too."""
        for name in {source, source.partition("/")[0]}:
            known = self._expected.get(name)
            if known is not None:
                known.waiting_since, known.last_seen_us = now, at_us

    def changes(self, now: float) -> list[Silent | Recovered]:
        """What became so since the last call; told once each."""
        found: list[Silent | Recovered] = [*self._untold]
        self._untold.clear()
        for name, known in self._expected.items():
            silent = now - known.waiting_since >= known.every_s
            if silent and not known.silent:
                found.append(Silent(name, known.last_seen_us))
            elif known.silent and not silent:
                found.append(Recovered(name))
            known.silent = silent
        return found
