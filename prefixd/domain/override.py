"""Local wishes about agreement: a playbook or a customer may ask for more, or less, than the rest.

Only what is set counts; whatever is None falls through: playbook, then customer, then global.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationOverride:
    min_sources: int | None = None
    min_primary_sources: int | None = None
    confidence_threshold: float | None = None
    half_life_s: int | None = None  # 0 switches decay off here


NO_OVERRIDE = CorrelationOverride()
