"""Local wishes about agreement: a playbook or a customer may ask for more, or less, than the rest.

Only what is set counts; whatever is None falls through: playbook, then customer, then global. A
bypass names a trusted source whose overwhelming report is enough by itself.
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
