"""Do the sources agree: the answer, with everything that led to it.

An `Assessment` is written into the decision record as it stands and is never recomputed, so it
carries the rule it was judged by and where each part of that rule came from. Numbers are full
float64; `shown` rounds for people and records.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from prefixd.correlation.settings import Combine
from prefixd.correlation.weigh import Input, Weighed
from prefixd.domain.agreement import Bypass
from prefixd.domain.group import Evidence

SHOWN_PLACES: Final = 4


class Origin(StrEnum):
    """Whose setting decided a value of the rule."""

    PLAYBOOK = "playbook"
    CUSTOMER = "customer"
    GLOBAL = "global"


class Rule(Struct, frozen=True, kw_only=True):
    """The rule in force for one group. `origins` names the level each value came from."""

    combine: Combine
    min_sources: int
    min_primary_sources: int
    confidence_threshold: float
    half_life_s: int
    bypass: tuple[Bypass, ...] = ()
    origins: tuple[tuple[str, Origin], ...] = ()


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


class Assessment(Struct, frozen=True, kw_only=True):
    """`agrees` is how things stand now; `met` is sticky and may rest on an earlier moment.

    `representative` is the evidence to act for: primary, firing, fresh, the highest contribution,
    the newest of equals. None means that no evidence may be acted for, whatever `met` says.
    """

    met: bool
    agrees: bool
    sources: int
    primary_sources: int
    confidence: float
    rule: Rule
    weighed: tuple[Weighed, ...]  # all evidence, in the group's order
    chosen: tuple[Weighed, ...]  # those that entered the sum
    missing: tuple[Missing, ...]
    bypass: str = ""
    forced: bool = False
    representative: Evidence | None = None

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What each source brought, for people and records; made only on request."""
        counted = {id(one) for one in self.chosen}
        return tuple(item.shown(counted=id(item) in counted) for item in self.weighed)


def shown(value: float) -> float:
    return round(value, SHOWN_PLACES)
