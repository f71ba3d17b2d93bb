"""Every bound, for files and for wishes alike."""

import math

import pytest

from prefixd.correlation.settings import (
    CorrelationSettings,
    Dimension,
    SourceMode,
    SourceSettings,
)
from prefixd.correlation.validate import agreement_problems, problems
from prefixd.domain.agreement import Agreement, Bypass


def test_the_defaults_are_sound():
    assert problems(CorrelationSettings()) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"window_s": 0}, "window_seconds"),
        ({"min_sources": 0}, "min_sources"),
        ({"min_primary_sources": 0}, "min_primary_sources"),
        ({"confidence_threshold": 1.01}, "confidence_threshold"),
        ({"confidence_threshold": math.nan}, "confidence_threshold"),
        ({"half_life_s": 3001}, "confidence_decay_half_life_seconds"),
        ({"half_life_s": -1}, "confidence_decay_half_life_seconds"),
        ({"max_group_lifetime_s": 299}, "max_group_lifetime_seconds"),
        ({"clear_hold_s": -1}, "clear_hold_seconds"),
        ({"sources": {"a": SourceSettings(weight=math.inf)}}, "sources.a.weight"),
        ({"sources": {"a": SourceSettings(weight=math.nan)}}, "sources.a.weight"),
        ({"sources": {"a": SourceSettings(weight=10.5)}}, "sources.a.weight"),
        ({"sources": {"a": SourceSettings(weight=-0.1)}}, "sources.a.weight"),
        (
            {"sources": {"a": SourceSettings(confidence_mapping={"ban": 2})}},
            "sources.a.confidence_mapping.ban",
        ),
        (
            {"sources": {"a": SourceSettings(mode=SourceMode.CORROBORATING)}},
            "sources.a.match_dimensions",
        ),
        (
            {"sources": {"a": SourceSettings(match_dimensions=(Dimension.POP,))}},
            "sources.a.match_dimensions",
        ),
        ({"source_groups": {"g": ("a",)}}, "source_groups.g"),
        ({"source_groups": {"g": ("a", "b"), "h": ("b", "c")}}, "source_groups.h"),
    ],
)
def test_s03_each_bound_is_named_by_its_key(changes, field):
    assert field in [problem.field for problem in problems(CorrelationSettings(**changes))]


def test_all_problems_come_together():
    bad = CorrelationSettings(window_s=0, min_sources=0, confidence_threshold=-1)
    assert len(problems(bad)) >= 3


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Agreement(confidence_threshold=7), "confidence_threshold"),
        (Agreement(min_sources=0), "min_sources"),
        (Agreement(half_life_s=9999), "confidence_decay_half_life_seconds"),
        (Agreement(bypass=(Bypass(source="a"),)), "bypass[0]"),
        (Agreement(bypass=(Bypass(source="", min_bps=1),)), "bypass[0].source"),
    ],
)
def test_s02_a_playbooks_wishes_pass_the_same_bounds(wish, field):
    assert [problem.field for problem in agreement_problems(wish, 300)] == [field]
