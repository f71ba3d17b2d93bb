"""What a peer receives of a route, or which step stopped it and why.

Reasons are a closed set of words: they label counters, appear in the API and are what `explain`
answers with. The detail is for people.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Step(StrEnum):
    """In the order in which they are asked."""

    FAMILY = "family"
    SCOPE = "scope"
    EXPORT = "export"
    SAFETY = "safety"
    PROFILE = "profile"
    QUARANTINE = "quarantine"
    BUDGET = "budget"


class Reason(StrEnum):
    FAMILY = "family"
    SCOPE = "scope"
    NO_EXPORT_POLICY = "no_export_policy"
    ACTION_NOT_ALLOWED = "action_not_allowed"
    OWNER_NOT_ALLOWED = "owner_not_allowed"
    DESTINATION_NOT_ALLOWED = "destination_not_allowed"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    PREFIX_LENGTH = "prefix_length"
    SAFETY = "safety"
    ABILITY = "ability"
    RATE_TOO_LOW = "rate_too_low"
    COMPONENT = "component"
    DESTINATION_REQUIRED = "destination_required"
    IPV6_OFFSET = "ipv6_offset"
    BITS = "bits"
    ITEMS = "items"
    NLRI_LENGTH = "nlri_length"
    PARTS = "parts"
    NEVER_MATCHES = "never_matches"
    RATE_WOULD_MULTIPLY = "rate_would_multiply"
    QUARANTINED = "quarantined"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Export:
    """Announced as it is."""


@dataclass(frozen=True, slots=True)
class Split:
    """Announced as several rules that together match the same packets."""

    parts: tuple[bytes, ...]
    """Their NLRI."""


@dataclass(frozen=True, slots=True)
class Withheld:
    step: Step
    reason: Reason
    detail: str


Verdict: TypeAlias = Export | Split | Withheld
EXPORT: Final = Export()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an explanation."""

    step: Step
    passed: bool
    detail: str
