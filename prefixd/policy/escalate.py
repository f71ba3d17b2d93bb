"""Which step of a playbook is due.

The first step is taken at once. Each later one needs persistence (the age of the mitigation),
confidence, and an attack that is still being reported: a source fires, and has reported again since
the step in force was taken. One report followed by silence is enough for a first answer, and not
for a harder one. A step that does not name its own minimum takes the general one. One step at a
time, so that the record shows each with its reason.

What a customer's profile changes is here too, because it changes steps and nothing else:

    strict    later steps are never taken, and nothing drops traffic on one source's word
    normal    the playbook as written
    relaxed   with confidence 0.9 or more the playbook's first dropping step is taken at once
"""

from enum import StrEnum

from msgspec import Struct

from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.rule import Police, drops_everything
from prefixd.policy.playbook import Escalation, Playbook, PolicySettings, Step

SOURCES_TO_DROP_WHEN_STRICT = 2


class Standing(Struct, frozen=True, kw_only=True):
    """How strong the case is at this moment."""

    confidence: float
    sources: int
    firing: bool  # a source still reports it


class Taken(Struct, frozen=True, kw_only=True):
    """The live mitigation a later step would change."""

    step: int
    age_s: int
    remaining_s: int
    reported_again: bool  # since its step was taken


class Block(StrEnum):
    """Why a later step is not taken."""

    NO_LATER_STEP = "no_later_step"
    DISABLED = "escalation_disabled"
    STRICT = "strict_profile"
    NOT_REPORTED = "not_reported"
    PERSISTENCE = "persistence"
    CONFIDENCE = "confidence"
    LASTS_TOO_LONG = "remaining_ttl"
    NOT_REPEATED = "not_reported_again"


class Blocked(Struct, frozen=True):
    """`in_s` says when persistence alone will do; None when time does not help."""

    why: Block
    in_s: int | None = None


def first_step(playbook: Playbook, profile: PolicyProfile, standing: Standing, limit: float) -> int:
    """Where a new mitigation begins; `limit` is the confidence a relaxed customer needs."""
    if profile is PolicyProfile.RELAXED and standing.confidence + 1e-9 >= limit:
        for index, step in enumerate(playbook.steps):
            if drops_everything(step.action):
                return index
    return 0


def next_step(
    playbook: Playbook,
    taken: Taken,
    profile: PolicyProfile,
    standing: Standing,
    escalation: Escalation,
) -> int | Blocked:
    """The index of the step that is due now, or what stands in its way."""
    index = taken.step + 1
    if index >= len(playbook.steps):
        return Blocked(Block.NO_LATER_STEP)
    if not escalation.enabled:
        return Blocked(Block.DISABLED)
    if profile is PolicyProfile.STRICT:
        return Blocked(Block.STRICT)
    if not standing.firing:
        return Blocked(Block.NOT_REPORTED)
    step = playbook.steps[index]
    persistence_s, confidence = requirements(step, escalation)
    if standing.confidence + 1e-9 < confidence:
        return Blocked(Block.CONFIDENCE)
    if taken.remaining_s > escalation.max_escalated_duration_s:
        return Blocked(
            Block.LASTS_TOO_LONG, taken.remaining_s - escalation.max_escalated_duration_s
        )
    if taken.age_s < persistence_s:
        return Blocked(Block.PERSISTENCE, persistence_s - taken.age_s)
    if not taken.reported_again:
        return Blocked(Block.NOT_REPEATED)
    return index


def requirements(step: Step, escalation: Escalation) -> tuple[int, float]:
    """Persistence in seconds and confidence this step needs, its own or the general ones."""
    own_age, own_confidence = step.require_persistence_s, step.require_confidence
    return (
        escalation.min_persistence_s if own_age is None else own_age,
        escalation.min_confidence if own_confidence is None else own_confidence,
    )


def may_drop(profile: PolicyProfile, standing: Standing) -> bool:
    return profile is not PolicyProfile.STRICT or standing.sources >= SOURCES_TO_DROP_WHEN_STRICT


def softer_step(playbook: Playbook, step: int) -> int | None:
    """The police step to fall back to when dropping is not allowed: the nearest before `step`,
    else the last of the playbook."""
    police = [
        index
        for index, candidate in enumerate(playbook.steps)
        if isinstance(candidate.action, Police)
    ]
    before = [index for index in police if index < step]
    return before[-1] if before else police[-1] if police else None


def ttl_s(step: Step, settings: PolicySettings, index: int) -> int:
    """How long a step holds; a later step never longer than escalation allows."""
    chosen = step.ttl_s or settings.default_ttl_s
    return min(chosen, settings.escalation.max_escalated_duration_s) if index else chosen
