"""What one piece of evidence is worth now, which pieces speak for a source, and the sum of them.

A source that fell silent is stale; a stale or cleared source contributes nothing. A source with
several alerts speaks through its latest one. Sources with one evidence base speak through the
strongest of them. Everything left out keeps a note saying why, for the record.

Three formulas turn several confidences into one. `noisy_or` treats sources as independent
witnesses: each one that fires leaves less room for doubt, so agreement never lowers the result.
`weighted_mean` averages once per source. `weighted_mean_legacy` is the same mean over every alert,
with a missing confidence counted as zero: kept so that the thresholds of earlier installations mean
what they meant, with its known oddities (a chatty source dominates, and decay cancels out for a
single source).
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from prefixd.correlation.settings import CorrelationSettings
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState
from prefixd.domain.signal import Direction, Polarity

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


def standing(evidence: Evidence, settings: CorrelationSettings, now_us: int) -> EvidenceState:
    """How an alert stands now: a firing one that has gone silent is stale."""
    return _standing(evidence, settings.stale_after_s(evidence.source), now_us)


def _standing(evidence: Evidence, limit_s: int, now_us: int) -> EvidenceState:
    if evidence.state is not EvidenceState.FIRING:
        return evidence.state
    if limit_s > 0 and now_us - evidence.last_seen_us > limit_s * SECOND_US:
        return EvidenceState.STALE
    return EvidenceState.FIRING


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


class Weighed(NamedTuple):
    """`refused` says why the evidence takes no part in the sum; empty when it does."""

    evidence: Evidence
    base: str
    state: EvidenceState
    witness: Witness
    age_us: int
    refused: str

    @property
    def takes_part(self) -> bool:
        return self.refused == ""

    @property
    def votes(self) -> bool:
        return self.takes_part and self.evidence.polarity is Polarity.FOR

    @property
    def as_given(self) -> Witness:
        """With a missing confidence as nothing, the way the legacy mean counts it."""
        return Witness(self.evidence.confidence or 0.0, self.witness.weight, self.witness.decay)

    @property
    def strength(self) -> tuple[float, int, str, str]:
        return (self.witness.contribution, *self.recency)

    @property
    def recency(self) -> tuple[int, str, str]:
        evidence = self.evidence
        return (evidence.last_seen_us, evidence.source, evidence.external_id)

    def shown(self, *, counted: bool) -> Input:
        note = self.refused
        if note == "" and not counted:
            note = f"{self.base} is already represented"
        return Input(
            source=self.evidence.source,
            evidence_base=self.base,
            role=self.evidence.role,
            state=self.state,
            polarity=self.evidence.polarity,
            confidence=self.witness.confidence,
            confidence_origin="given" if self.evidence.confidence is not None else "default",
            weight=self.witness.weight,
            decay=self.witness.decay,
            contribution=self.witness.contribution,
            age_s=self.age_us / SECOND_US,
            counted=counted,
            note=note,
        )


def weigh(
    evidence: Evidence, settings: CorrelationSettings, half_life_s: int, now_us: int
) -> Weighed:
    source = settings.source(evidence.source)
    limit_s = settings.episode_idle_s if source.stale_after_s is None else source.stale_after_s
    state = _standing(evidence, limit_s, now_us)
    age_us = max(0, now_us - evidence.last_seen_us)
    given = evidence.confidence
    return Weighed(
        evidence=evidence,
        base=settings.evidence_base(evidence.source),
        state=state,
        witness=Witness(
            confidence=source.default_confidence if given is None else given,
            weight=evidence.weight,
            decay=decay(age_us, half_life_s if source.half_life_s is None else source.half_life_s),
        ),
        age_us=age_us,
        refused=_refusal(evidence, state, allow_against=source.allow_against),
    )


def _refusal(evidence: Evidence, state: EvidenceState, *, allow_against: bool) -> str:
    if state is not EvidenceState.FIRING:
        return state.value
    if evidence.direction is Direction.OUTGOING:
        return "outgoing attack"
    if evidence.polarity is Polarity.AGAINST and not allow_against:
        return "evidence against is not enabled for this source"
    if not evidence.counts:
        return "too unspecific to count"
    return ""


def heard(weighed: Sequence[Weighed]) -> Sequence[Weighed]:
    """Those that enter the sum: one voice per source, one per evidence base."""
    if len(weighed) == 1:
        return weighed if weighed[0].takes_part else ()
    return per_base(per_source(weighed))


def per_source(weighed: Iterable[Weighed]) -> list[Weighed]:
    """The latest firing alert of each source and polarity."""
    latest: dict[tuple[str, Polarity], Weighed] = {}
    for item in weighed:
        key = (item.evidence.source, item.evidence.polarity)
        held = latest.get(key)
        if item.takes_part and (held is None or item.recency > held.recency):
            latest[key] = item
    return list(latest.values())


def per_base(weighed: Iterable[Weighed]) -> list[Weighed]:
    """The strongest source of each evidence base and polarity."""
    best: dict[tuple[str, Polarity], Weighed] = {}
    for item in weighed:
        key = (item.base, item.evidence.polarity)
        held = best.get(key)
        if held is None or item.strength > held.strength:
            best[key] = item
    return list(best.values())
