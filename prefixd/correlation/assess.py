"""The rule of agreement, applied to one group at one moment.

Agreement is reached when enough sources fire, enough of them are primary, their combined confidence
reaches the threshold, and the newest primary is fresh. One source is one vote, however often it
reports and however many alerts it raises; sources that share an evidence base share a vote. An
operator's forced signal, or a trusted source with an overwhelming volume (`bypass`), is enough
alone. What a playbook asks for goes before what the customer asks for, which goes before the global
rule.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from prefixd.correlation.assessment import Assessment, Missing, Need, Origin, Rule
from prefixd.correlation.settings import Combine, CorrelationSettings
from prefixd.correlation.weigh import (
    Weighed,
    dampened,
    heard,
    noisy_or,
    reaches,
    weigh,
    weighted_mean,
)
from prefixd.domain.agreement import Agreement, Bypass
from prefixd.domain.group import Evidence, EvidenceRole, Group
from prefixd.domain.signal import Polarity

Agreements = Sequence[tuple[Origin, Agreement]]


def rule_for(settings: CorrelationSettings, agreements: Agreements) -> Rule:
    """The rule in force; `agreements` come strongest first."""
    if not settings.enabled:
        return Rule(
            combine=settings.combine,
            min_sources=1,
            min_primary_sources=1,
            confidence_threshold=0.0,
            half_life_s=0,
        )
    rule = Rule(
        combine=settings.combine,
        min_sources=settings.min_sources,
        min_primary_sources=settings.min_primary_sources,
        confidence_threshold=settings.confidence_threshold,
        half_life_s=settings.half_life_s,
    )
    for origin, agreement in reversed(agreements):
        rule = _overridden(rule, origin, agreement)
    return rule


def _overridden(rule: Rule, origin: Origin, agreement: Agreement) -> Rule:
    given = {
        "min_sources": agreement.min_sources,
        "min_primary_sources": agreement.min_primary_sources,
        "confidence_threshold": agreement.confidence_threshold,
        "half_life_s": agreement.half_life_s,
    }
    origins = dict(rule.origins) | {
        name: origin for name, value in given.items() if value is not None
    }

    def chosen(value: int | None, held: int) -> int:
        return held if value is None else value

    threshold = agreement.confidence_threshold
    return Rule(
        combine=rule.combine,
        min_sources=chosen(agreement.min_sources, rule.min_sources),
        min_primary_sources=chosen(agreement.min_primary_sources, rule.min_primary_sources),
        confidence_threshold=rule.confidence_threshold if threshold is None else threshold,
        half_life_s=chosen(agreement.half_life_s, rule.half_life_s),
        bypass=(*agreement.bypass, *rule.bypass),
        origins=tuple(sorted(origins.items())),
    )


def assess(
    group: Group, settings: CorrelationSettings, agreements: Agreements, now_us: int
) -> Assessment:
    rule = rule_for(settings, agreements)
    weighed = [weigh(item, settings, rule.half_life_s, now_us) for item in group.evidence]
    chosen = heard(weighed)

    voters = [item for item in weighed if item.votes]
    primaries = [item for item in voters if item.evidence.role is EvidenceRole.PRIMARY]
    sources = len({item.base for item in voters})
    primary_sources = len({item.base for item in primaries})
    confidence = _combined(weighed, chosen, rule)

    missing = _missing(sources, primary_sources, confidence, rule)
    if not primaries and any(item.evidence.role is EvidenceRole.PRIMARY for item in weighed):
        missing = (*missing, Missing(Need.FRESH_PRIMARY, 0, 1))
    forced = any(item.evidence.forced for item in primaries)
    bypass = "" if forced else _bypass(primaries, rule.bypass)
    agrees = not missing or forced or bypass != ""
    return Assessment(
        met=group.met or agrees,
        agrees=agrees,
        sources=sources,
        primary_sources=primary_sources,
        confidence=confidence,
        rule=rule,
        weighed=tuple(weighed),
        chosen=tuple(chosen),
        missing=() if agrees else missing,
        bypass=bypass,
        forced=forced,
        representative=_representative(primaries),
    )


def _combined(weighed: Sequence[Weighed], chosen: Sequence[Weighed], rule: Rule) -> float:
    supporting = [item.witness for item in chosen if item.evidence.polarity is Polarity.FOR]
    match rule.combine:
        case Combine.NOISY_OR:
            combined = noisy_or(supporting)
        case Combine.WEIGHTED_MEAN:
            combined = weighted_mean(supporting)
        case Combine.WEIGHTED_MEAN_LEGACY:
            combined = weighted_mean(item.as_given for item in weighed if item.takes_part)
        case _:
            assert_never(rule.combine)
    against = [item.witness for item in chosen if item.evidence.polarity is Polarity.AGAINST]
    return dampened(combined, against)


def _missing(
    sources: int, primary_sources: int, confidence: float, rule: Rule
) -> tuple[Missing, ...]:
    missing: list[Missing] = []
    if sources < rule.min_sources:
        missing.append(Missing(Need.SOURCE, sources, rule.min_sources))
    if primary_sources < rule.min_primary_sources:
        missing.append(Missing(Need.PRIMARY_SOURCE, primary_sources, rule.min_primary_sources))
    if not reaches(confidence, rule.confidence_threshold):
        missing.append(Missing(Need.CONFIDENCE, confidence, rule.confidence_threshold))
    return tuple(missing)


def _bypass(primaries: Iterable[Weighed], bypasses: Iterable[Bypass]) -> str:
    """The name of the source that may act alone, or nothing."""
    held = list(primaries)
    for bypass in bypasses:
        for item in held:
            evidence = item.evidence
            if (
                evidence.source == bypass.source
                and reaches(item.witness.confidence, bypass.min_confidence)
                and (bypass.min_bps is None or (evidence.bps or 0) >= bypass.min_bps)
                and (bypass.min_pps is None or (evidence.pps or 0) >= bypass.min_pps)
            ):
                return evidence.source
    return ""


def _representative(primaries: Sequence[Weighed]) -> Evidence | None:
    if not primaries:
        return None
    return max(primaries, key=lambda item: (item.evidence.forced, *item.strength)).evidence
