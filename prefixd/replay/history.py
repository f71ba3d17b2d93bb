"""What happened to each attack of a replay, and how two replays of the same events differ.

Attacks are matched by victim, kind and turn: the second UDP flood on an address in one run is
compared with the second one in the other. An attack that is answered in both but at another moment,
or with another rule, says so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    at_us: int
    what: str
    rule: str


@dataclass(frozen=True, slots=True)
class Attack:
    """One group: where it was, when it began, and every change of what was done about it."""

    victim: str
    kind: str
    began_us: int
    steps: tuple[Step, ...] = ()
    met: bool = False
    confidence: float = 0.0
    next_look_us: int | None = None

    def then(self, step: Step) -> "Attack":
        return replace(self, steps=(*self.steps, step))

    @property
    def first_answer(self) -> Step | None:
        return next((step for step in self.steps if step.what == "mitigated"), None)

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(step.rule for step in self.steps if step.what not in ("expired", "cleared"))


class Change(StrEnum):
    SAME = "same"
    EARLIER = "earlier"
    LATER = "later"
    NEWLY_MITIGATED = "newly_mitigated"
    NO_LONGER_MITIGATED = "no_longer_mitigated"
    OTHER_RULE = "other_rule"
    OTHER_COURSE = "other_course"


@dataclass(frozen=True, slots=True)
class Difference:
    victim: str
    kind: str
    change: Change
    detail: str


def differences(before: Iterable[Attack], after: Iterable[Attack]) -> list[Difference]:
    """Everything but what stayed the same, by victim and kind."""
    left, right = _by_turn(before), _by_turn(after)
    found: list[Difference] = []
    for key in sorted(left.keys() | right.keys()):
        change, detail = _change(left.get(key), right.get(key))
        if change is not Change.SAME:
            found.append(Difference(key[0], key[1], change, detail))
    return found


def _by_turn(attacks: Iterable[Attack]) -> Mapping[tuple[str, str, int], Attack]:
    turns: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int], Attack] = {}
    for attack in attacks:
        key = (attack.victim, attack.kind)
        found[(*key, turns[key])] = attack
        turns[key] += 1
    return found


def _change(before: Attack | None, after: Attack | None) -> tuple[Change, str]:
    old = None if before is None else before.first_answer
    new = None if after is None else after.first_answer
    if old is None and new is None:
        return Change.SAME, ""
    if old is None:
        assert new is not None
        return Change.NEWLY_MITIGATED, new.rule
    if new is None:
        return Change.NO_LONGER_MITIGATED, old.rule
    assert before is not None
    assert after is not None
    seconds = (new.at_us - old.at_us) / SECOND_US
    if before.rules != after.rules:
        moved = f" ({seconds:+g} s)" if seconds else ""
        return Change.OTHER_RULE, f"{_path(before)} became {_path(after)}{moved}"
    if seconds:
        return (Change.LATER if seconds > 0 else Change.EARLIER), f"{seconds:+g} s"
    if before.steps != after.steps:
        return Change.OTHER_COURSE, f"{_course(before)} became {_course(after)}"
    return Change.SAME, ""


def _path(attack: Attack) -> str:
    return " then ".join(f"[{rule}]" for rule in dict.fromkeys(attack.rules))


def _course(attack: Attack) -> str:
    began_us = attack.began_us
    return ", ".join(
        f"{step.what} at {(step.at_us - began_us) / SECOND_US:g} s" for step in attack.steps
    )
