"""Local rules of agreement: a playbook or a customer may require more, or less, than the default.

Only what is set counts; None falls through: playbook, then customer, then global. A bypass names
a trusted source whose report alone is enough above the given values.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    source: str
    min_confidence: float = 0.0
    min_bps: int | None = None
    min_pps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    min_sources: int | None = None
    min_primary_sources: int | None = None
    confidence_threshold: float | None = None
    half_life_s: int | None = None  # 0 switches decay off here
    bypass: tuple[Bypass, ...] = ()
