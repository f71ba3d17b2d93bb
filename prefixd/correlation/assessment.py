"""Do the sources agree: the answer, with everything that led to it.

An `Assessment` is written into the decision record as it stands and is never recomputed, so it
carries the rule it was judged by and where each part of that rule came from. Numbers are full
float64; `shown` rounds for people and records.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from prefixd.correlation.settings import Combine
from prefixd.domain.agreement import Bypass
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState
from prefixd.domain.signal import Polarity

SHOWN_PLACES: Final = 4


class Origin(StrEnum):
    """Whose wish decided a value of the rule."""

    PLAYBOOK = "playbook"
    CUSTOMER = "customer"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule in force for one group. `origins` names the level each value came from."""

    combine: Combine
    min_sources: int
    min_primary_sources: int
    confidence_threshold: float
    half_life_s: int
    bypass: tuple[Bypass, ...] = ()
    origins: tuple[tuple[str, Origin], ...] = ()


class Input(NamedTuple):
    """What one source brought, and how much of it counted.

    `contribution` is confidence x weight x decay. `counted` is False for what was seen but given no
    part in the sum; `note` then says why.
    """

    source: str
    evidence_base: str
    role: EvidenceRole
    state: EvidenceState
    polarity: Polarity
    confidence: float
    confidence_origin: str
    weight: float
    decay: float
    contribution: float
    age_s: float
    counted: bool
    note: str = ""


class Need(StrEnum):
    SOURCE = "source"
    PRIMARY_SOURCE = "primary_source"
    CONFIDENCE = "confidence"
    FRESH_PRIMARY = "fresh_primary"


@dataclass(frozen=True, slots=True)
class Missing:
    """One concrete thing that agreement still wants."""

    need: Need
    have: float
    want: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """`agrees` is how things stand now; `met` is sticky and may rest on an earlier moment.

    `representative` is the evidence to act for: primary, firing, fresh, the highest contribution,
    the newest of equals. None means nobody may be acted for, whatever `met` says.
    """

    met: bool
    agrees: bool
    sources: int
    primary_sources: int
    confidence: float
    rule: Rule
    inputs: tuple[Input, ...]
    missing: tuple[Missing, ...]
    bypass: str = ""
    forced: bool = False
    representative: Evidence | None = None


def shown(value: float) -> float:
    return round(value, SHOWN_PLACES)
