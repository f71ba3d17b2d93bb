"""Several confidences become one: the formulas, nothing else.

`noisy_or` treats sources as independent witnesses: each one that fires leaves less room for doubt,
so agreement never lowers the result. `weighted_mean` averages once per source.
The third, `weighted_mean_legacy`, is the same mean over every alert instead of every source, with a
missing confidence counted as nothing: kept so that the thresholds of earlier installations mean
what they meant, with its known oddities (a chatty source dominates, decay cancels out for a lone
one).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000
TOLERANCE: Final = 1e-9
"""0.7 must meet 0.7, whatever the last bit of the sum says."""


class Witness(NamedTuple):
    """How sure, how much believed, how fresh. A tuple: made by the thousand every second."""

    confidence: float
    weight: float
    decay: float = 1.0

    @property
    def contribution(self) -> float:
        return self.confidence * self.weight * self.decay


def decay(age_us: int, half_life_s: int) -> float:
    """1 when fresh or when decay is off, 0.5 after each half-life. The future counts as now."""
    if half_life_s <= 0:
        return 1.0
    age_s = max(0, age_us) / SECOND_US
    return float(0.5 ** (age_s / half_life_s))


def noisy_or(witnesses: Iterable[Witness]) -> float:
    doubt = 1.0
    for witness in witnesses:
        doubt *= 1.0 - witness.confidence * min(witness.weight, 1.0) * witness.decay
    return 1.0 - doubt


def weighted_mean(witnesses: Iterable[Witness]) -> float:
    total = 0.0
    weights = 0.0
    for witness in witnesses:
        weight = witness.weight * witness.decay
        total += witness.confidence * weight
        weights += weight
    return total / weights if weights > 0 else 0.0


def dampened(confidence: float, against: Iterable[Witness]) -> float:
    """Evidence against: each witness takes its share away from what is left."""
    for witness in against:
        confidence *= 1.0 - witness.confidence * min(witness.weight, 1.0) * witness.decay
    return confidence


def reaches(value: float, threshold: float) -> bool:
    return value + TOLERANCE >= threshold
