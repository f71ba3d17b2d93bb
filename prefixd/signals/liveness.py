"""Which sources are expected to report, and which have fallen silent.

No attack and a failed detector look the same from here. So only a source that reports all the time
can be silent: one that sends steadily or shows in some other way that it works, and for which the
settings give a longest silence. Every report counts, not only one that had an effect. Silence
before the start is unknown, so a start begins every wait again.

Times for waiting are monotonic seconds, times for people are civil; both are arguments.
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
    """None: no report since the start."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """It reports again, or is no longer expected to."""

    source: str


class Liveness:
    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}
        self._recovered: list[Recovered] = []

    def __bool__(self) -> bool:
        """Whether any source is expected to report."""
        return bool(self._expected)

    def expect(self, every_s: Mapping[str, float], now: float) -> None:
        """Exactly these; a source that stays keeps its last report."""
        before, self._expected = self._expected, {}
        for name, longest_s in every_s.items():
            known = before.pop(name) if name in before else _Expected(longest_s, now)
            self._expected[name] = known
            known.every_s = longest_s
        self._recovered += [Recovered(name) for name, known in before.items() if known.silent]

    def reported(self, source: str, now: float, at_us: int) -> None:
        """Any report. One of `alertmanager/edge` is one of `alertmanager` too."""
        for name in {source, source.partition("/")[0]}:
            known = self._expected.get(name)
            if known is not None:
                known.waiting_since, known.last_seen_us = now, at_us

    def changes(self, now: float) -> list[Silent | Recovered]:
        """The changes since the last call; each is returned once."""
        found: list[Silent | Recovered] = [*self._recovered]
        self._recovered.clear()
        for name, known in self._expected.items():
            silent = now - known.waiting_since >= known.every_s
            if silent and not known.silent:
                found.append(Silent(name, known.last_seen_us))
            elif known.silent and not silent:
                found.append(Recovered(name))
            known.silent = silent
        return found
