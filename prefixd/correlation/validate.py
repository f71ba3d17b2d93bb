"""Every bound of `correlation:`, for the files and for what playbooks and customers set.

All problems come back together, each with the path a person would look for. Numbers that are not
finite are problems too: a weight of NaN would compare false with everything and silently switch a
source off.
"""

import math
from collections.abc import Iterator, Mapping

from prefixd.correlation.settings import (
    HALF_LIFE_MAX_WINDOWS,
    WEIGHT_MAX,
    CorrelationSettings,
    SourceMode,
    SourceSettings,
)
from prefixd.domain.agreement import Agreement
from prefixd.domain.problem import Problem


def problems(settings: CorrelationSettings) -> tuple[Problem, ...]:
    return tuple(_all(settings))


def agreement_problems(agreement: Agreement, window_s: int) -> tuple[Problem, ...]:
    """What a playbook or a customer sets must be within the same bounds as the global rule."""
    return tuple(_agreement(agreement, window_s))


def _all(settings: CorrelationSettings) -> Iterator[Problem]:
    yield from _above("window_seconds", settings.window_s, 1)
    if settings.max_group_lifetime_s < settings.window_s:
        yield Problem("max_group_lifetime_seconds", "must not be shorter than window_seconds")
    yield from _above("clear_hold_seconds", settings.clear_hold_s, 0)
    yield from _above("episode_idle_seconds", settings.episode_idle_s, 1)
    yield from _above("incident_join_seconds", settings.incident_join_s, 0)
    yield from _above("max_signal_age_seconds", settings.max_signal_age_s, 1)
    yield from _agreement(
        Agreement(
            min_sources=settings.min_sources,
            min_primary_sources=settings.min_primary_sources,
            confidence_threshold=settings.confidence_threshold,
            half_life_s=settings.half_life_s,
        ),
        settings.window_s,
    )
    yield from (
        item.inside("default_source") for item in _source(settings.default_source, settings)
    )
    for name, source in settings.sources.items():
        if not name.strip():
            yield Problem("sources", "a source needs a name")
        yield from (item.inside(f"sources.{name}") for item in _source(source, settings))
    yield from _source_groups(settings.source_groups)


def _agreement(agreement: Agreement, window_s: int) -> Iterator[Problem]:
    if agreement.min_sources is not None:
        yield from _above("min_sources", agreement.min_sources, 1)
    if agreement.min_primary_sources is not None:
        yield from _above("min_primary_sources", agreement.min_primary_sources, 1)
    if agreement.confidence_threshold is not None:
        yield from _within("confidence_threshold", agreement.confidence_threshold, 1.0)
    if agreement.half_life_s is not None:
        yield from _half_life(agreement.half_life_s, window_s)
    for index, bypass in enumerate(agreement.bypass):
        where = f"bypass[{index}]"
        if not bypass.source:
            yield Problem(f"{where}.source", "a bypass names the source it trusts")
        yield from _within(f"{where}.min_confidence", bypass.min_confidence, 1.0)
        if bypass.min_bps is None and bypass.min_pps is None:
            yield Problem(where, "a bypass needs min_bps or min_pps: volume is what makes it safe")


def _source(source: SourceSettings, settings: CorrelationSettings) -> Iterator[Problem]:
    yield from _within("weight", source.weight, WEIGHT_MAX)
    yield from _within("default_confidence", source.default_confidence, 1.0)
    for word, value in source.confidence_mapping.items():
        yield from _within(f"confidence_mapping.{word}", value, 1.0)
    if source.stale_after_s is not None:
        yield from _above("stale_after_seconds", source.stale_after_s, 0)
    if source.half_life_s is not None:
        yield from _half_life(source.half_life_s, settings.window_s)
    yield from _above("max_attach", source.max_attach, 1)
    if source.mode is SourceMode.CORROBORATING and not source.match_dimensions:
        yield Problem("match_dimensions", "a corroborating source must say what it is matched by")
    if source.mode is SourceMode.PRIMARY and source.match_dimensions:
        yield Problem("match_dimensions", "only a corroborating source has match dimensions")


def _source_groups(groups: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, group_members in groups.items():
        if len(group_members) < 2:
            yield Problem(f"source_groups.{name}", "a group of fewer than two sources says nothing")
        for member in group_members:
            other = taken.setdefault(member, name)
            if other != name:
                yield Problem(f"source_groups.{name}", f"{member} is already in {other}")


def _half_life(half_life_s: int, window_s: int) -> Iterator[Problem]:
    if not 0 <= half_life_s <= HALF_LIFE_MAX_WINDOWS * window_s:
        yield Problem(
            "confidence_decay_half_life_seconds",
            f"must be 0 (off) to {HALF_LIFE_MAX_WINDOWS * window_s}, ten windows",
        )


def _above(field: str, value: int, least: int) -> Iterator[Problem]:
    if value < least:
        yield Problem(field, f"must be at least {least}")


def _within(field: str, value: float, most: float) -> Iterator[Problem]:
    if not (math.isfinite(value) and 0 <= value <= most):
        yield Problem(field, f"must be a number from 0 to {most:g}")
