"""The rule of agreement: the formulas' tables, the counts, what is missing, who may act alone."""

import pytest

from prefixd.correlation.assess import assess, rule_for
from prefixd.correlation.assessment import Need, Origin
from prefixd.correlation.settings import Combine, Dimension, SourceMode, SourceSettings
from prefixd.domain.agreement import Agreement, Bypass
from prefixd.domain.group import EvidenceRole, EvidenceState
from prefixd.domain.signal import Direction, Polarity
from tests.kit.signals import T0, a_group, an_evidence, at, settings_with

CORROBORATING = SourceSettings(
    mode=SourceMode.CORROBORATING, match_dimensions=(Dimension.CUSTOMER_ID,), allow_against=True
)

# (confidence, weight) per source, or for the third column per alert of source "a"; see the rows.
ROWS = {
    "one strong": ([("a", 0.9, 1.0)], 0, 0.9000, 0.9000),
    "one light": ([("a", 0.9, 0.1)], 0, 0.9000, 0.0900),
    "two medium": ([("a", 0.6, 1.0), ("b", 0.6, 1.0)], 0, 0.6000, 0.8400),
    "strong and weak": ([("a", 0.9, 1.0), ("b", 0.5, 0.5)], 0, 0.7667, 0.9250),
    "one says nothing": ([("a", 0.9, 1.0), ("b", None, 1.0)], 0, 0.4500, 0.9500),
    "chatty": (
        [("a", 0.9, 1.0), ("a", 0.9, 1.0), ("a", 0.9, 1.0), ("b", 0.5, 0.8)], 0, 0.8158, 0.9400,
    ),
}  # fmt: skip


def evidence_of(rows, age=0.0):
    return [
        an_evidence(source, confidence, weight, age=age, external_id=f"{source}-{index}")
        for index, (source, confidence, weight) in enumerate(rows)
    ]


@pytest.mark.parametrize(("rows", "half_life_s", "legacy", "noisy"), ROWS.values(), ids=ROWS)
def test_sig_6_1_the_table_of_both_formulas(rows, half_life_s, legacy, noisy):
    group = a_group(*evidence_of(rows))
    old = settings_with(combine=Combine.WEIGHTED_MEAN_LEGACY, half_life_s=half_life_s)
    new = settings_with(combine=Combine.NOISY_OR, half_life_s=half_life_s)
    assert round(assess(group, old, (), T0).confidence, 4) == legacy
    assert round(assess(group, new, (), T0).confidence, 4) == noisy


def test_sig_6_1_the_row_with_decay():
    group = a_group(an_evidence("a", 0.9, 1.0, age=300), an_evidence("b", 0.3, 1.0))
    old = settings_with(combine=Combine.WEIGHTED_MEAN_LEGACY, half_life_s=300)
    new = settings_with(half_life_s=300)
    assert round(assess(group, old, (), T0).confidence, 4) == 0.5000
    assert round(assess(group, new, (), T0).confidence, 4) == 0.6150


def test_sig_6_2_weighted_mean_counts_each_source_once():
    rows = [("a", 0.9, 1.0), ("a", 0.9, 1.0), ("a", 0.9, 1.0), ("b", 0.5, 0.8)]
    mean = settings_with(combine=Combine.WEIGHTED_MEAN)
    found = assess(a_group(*evidence_of(rows)), mean, (), T0).confidence
    assert found == pytest.approx((0.9 + 0.5 * 0.8) / 1.8)


def test_s16_weight_counts_for_a_lone_source_and_medium_signals_add_up():
    light = assess(a_group(an_evidence("a", 0.9, 0.1)), settings_with(), (), T0).confidence
    two = a_group(an_evidence("a", 0.6), an_evidence("b", 0.6))
    assert round(light, 4) == 0.09
    assert round(assess(two, settings_with(), (), T0).confidence, 4) == 0.84


@pytest.mark.parametrize("combine", [Combine.WEIGHTED_MEAN, Combine.WEIGHTED_MEAN_LEGACY])
def test_a_mean_of_no_weight_is_nothing(combine):
    group = a_group(an_evidence("a", 0.9, 0.0))
    assert assess(group, settings_with(combine=combine), (), T0).confidence == 0.0


def test_w44_s13_s15_agreement_never_lowers_the_result_and_a_chatty_source_is_one_voice():
    alone = a_group(an_evidence("a", 0.9))
    joined = a_group(an_evidence("a", 0.9), an_evidence("b", 0.2, 0.4))
    chatty = a_group(*[an_evidence("a", 0.9, external_id=f"a-{n}") for n in range(9)])
    settings = settings_with()
    one = assess(alone, settings, (), T0).confidence
    assert assess(joined, settings, (), T0).confidence > one
    assert assess(chatty, settings, (), T0).confidence == one
    assert assess(chatty, settings, (), T0).sources == 1


def test_w45_s14_a_missing_confidence_is_the_source_default_not_nothing():
    settings = settings_with({"b": SourceSettings(default_confidence=0.8)})
    group = a_group(an_evidence("a", 0.5), an_evidence("b", None))
    assert assess(group, settings, (), T0).confidence == pytest.approx(1 - 0.5 * 0.2)


def test_w46_decay_lowers_even_a_lone_source():
    group = a_group(an_evidence("a", 0.8, age=300))
    fresh = assess(group, settings_with(), (), T0).confidence
    aged = assess(group, settings_with(half_life_s=300), (), T0).confidence
    assert (fresh, aged) == (pytest.approx(0.8), pytest.approx(0.4))


def test_w52_s26_a_playbook_may_decay_while_the_global_rule_does_not():
    group = a_group(an_evidence("a", 0.8, age=300))
    wish = ((Origin.PLAYBOOK, Agreement(half_life_s=300)),)
    assert assess(group, settings_with(half_life_s=0), wish, T0).confidence == pytest.approx(0.4)


def test_sig_7_2_playbook_before_customer_before_global():
    wishes = (
        (Origin.PLAYBOOK, Agreement(confidence_threshold=0.9)),
        (Origin.CUSTOMER, Agreement(confidence_threshold=0.6, min_sources=2)),
    )
    rule = rule_for(settings_with(min_sources=1, confidence_threshold=0.5), wishes)
    assert (rule.min_sources, rule.confidence_threshold, rule.min_primary_sources) == (2, 0.9, 1)
    assert dict(rule.origins) == {
        "confidence_threshold": Origin.PLAYBOOK,
        "min_sources": Origin.CUSTOMER,
    }


def test_a_half_life_of_zero_in_a_playbook_switches_decay_off():
    wish = ((Origin.PLAYBOOK, Agreement(half_life_s=0)),)
    assert rule_for(settings_with(half_life_s=300), wish).half_life_s == 0


def test_a_threshold_is_met_by_the_very_same_number():
    group = a_group(an_evidence("a", 0.7))
    assert assess(group, settings_with(confidence_threshold=0.7), (), T0).met
    below = a_group(an_evidence("a", 0.699))
    assert not assess(below, settings_with(confidence_threshold=0.7), (), T0).met


def test_sources_of_one_evidence_base_count_once_and_the_strongest_speaks():
    settings = settings_with(source_groups={"flows": ("fastnetmon", "akvorado")}, min_sources=2)
    group = a_group(an_evidence("akvorado", 0.6), an_evidence("fastnetmon", 0.9))
    found = assess(group, settings, (), T0)
    assert (found.sources, found.primary_sources) == (1, 1)
    assert found.confidence == pytest.approx(0.9)
    assert [missing.need for missing in found.missing] == [Need.SOURCE]
    left_out = next(item for item in found.inputs if item.source == "akvorado")
    assert not left_out.counted
    assert "represented" in left_out.note


def test_cleared_and_silent_sources_contribute_nothing():
    settings = settings_with({"b": SourceSettings(stale_after_s=60)})
    group = a_group(
        an_evidence("a", 0.9, state=EvidenceState.CLEARED), an_evidence("b", 0.9, age=61)
    )
    found = assess(group, settings, (), T0)
    assert (found.sources, found.confidence, found.representative) == (0, 0.0, None)
    assert {item.source: item.state for item in found.inputs} == {
        "a": EvidenceState.CLEARED,
        "b": EvidenceState.STALE,
    }
    assert Need.FRESH_PRIMARY in [missing.need for missing in found.missing]


def test_silence_is_measured_to_the_second_and_zero_means_never():
    settings = settings_with({"a": SourceSettings(stale_after_s=60)})
    group = a_group(an_evidence("a", 0.9, age=60))
    assert assess(group, settings, (), T0).met
    assert not assess(group, settings, (), at(1)).met
    patient = settings_with({"a": SourceSettings(stale_after_s=0)})
    assert assess(group, patient, (), at(86_400)).met


def test_corroborators_alone_never_reach_agreement():
    settings = settings_with({"edge": CORROBORATING}, confidence_threshold=0.1)
    group = a_group(an_evidence("edge", 0.9, role=EvidenceRole.CORROBORATING))
    found = assess(group, settings, (), T0)
    assert not found.met
    assert found.representative is None


def test_w47_s12_agreement_once_reached_is_not_taken_back():
    group = a_group(an_evidence("a", 0.9, age=2000), met_at_us=at(-2000))
    found = assess(group, settings_with(), (), T0)
    assert found.met
    assert not found.agrees
    assert found.representative is None


def test_sig_7_3_a_trusted_source_with_overwhelming_volume_acts_alone():
    wish = ((Origin.PLAYBOOK, Agreement(
        min_sources=2,
        bypass=(Bypass(source="fastnetmon", min_confidence=0.95, min_bps=20_000_000_000),),
    )),)  # fmt: skip
    big = a_group(an_evidence("fastnetmon", 0.95, bps=20_000_000_000))
    small = a_group(an_evidence("fastnetmon", 0.95, bps=19_999_999_999))
    other = a_group(an_evidence("akvorado", 0.99, bps=90_000_000_000))
    assert assess(big, settings_with(), wish, T0).bypass == "fastnetmon"
    assert not assess(small, settings_with(), wish, T0).met
    assert not assess(other, settings_with(), wish, T0).met


def test_s17_an_operators_forced_word_is_enough():
    settings = settings_with(min_sources=3, confidence_threshold=0.99)
    quiet = a_group(an_evidence("dashboard", 0.5))
    forced = a_group(an_evidence("dashboard", 0.5, forced=True))
    assert not assess(quiet, settings, (), T0).met
    found = assess(forced, settings, (), T0)
    assert found.met
    assert found.forced
    assert found.representative is not None


def test_correlation_switched_off_lets_one_source_through_but_never_an_outgoing_attack():
    off = settings_with(min_sources=3)
    off = type(off)(enabled=False, min_sources=3)
    assert assess(a_group(an_evidence("a", None)), off, (), T0).met
    outgoing = a_group(an_evidence("a", 0.9, direction=Direction.OUTGOING))
    assert not assess(outgoing, off, (), T0).met


def test_evidence_against_takes_away_only_where_it_is_enabled():
    trusted = settings_with({"edge": CORROBORATING})
    silent = settings_with(
        {"edge": SourceSettings(mode=SourceMode.CORROBORATING,
                                match_dimensions=(Dimension.CUSTOMER_ID,))}
    )  # fmt: skip
    group = a_group(
        an_evidence("a", 0.8),
        an_evidence("edge", 0.5, role=EvidenceRole.CORROBORATING, polarity=Polarity.AGAINST),
    )
    assert assess(group, trusted, (), T0).confidence == pytest.approx(0.4)
    assert assess(group, silent, (), T0).confidence == pytest.approx(0.8)
    assert assess(group, trusted, (), T0).sources == 1


def test_s07_a_site_wide_corroborator_informs_without_counting():
    settings = settings_with({"edge": CORROBORATING}, min_sources=2)
    group = a_group(
        an_evidence("a", 0.9),
        an_evidence("edge", 0.9, role=EvidenceRole.CORROBORATING, counts=False),
    )
    found = assess(group, settings, (), T0)
    assert (found.sources, found.met) == (1, False)
    assert found.confidence == pytest.approx(0.9)


def test_the_representative_is_the_strongest_primary_and_the_newest_of_equals():
    group = a_group(
        an_evidence("a", 0.6), an_evidence("b", 0.9, age=50), an_evidence("c", 0.9, age=10)
    )
    found = assess(group, settings_with(), (), T0).representative
    assert found is not None
    assert found.source == "c"


def test_what_is_missing_is_said_in_numbers():
    settings = settings_with(min_sources=2, confidence_threshold=0.95)
    found = assess(a_group(an_evidence("a", 0.61)), settings, (), T0)
    assert [(m.need, m.have, m.want) for m in found.missing] == [
        (Need.SOURCE, 1, 2), (Need.CONFIDENCE, pytest.approx(0.61), 0.95),
    ]  # fmt: skip


def test_domain_13_the_worked_example():
    settings = settings_with(
        min_sources=2, confidence_threshold=0.6, combine=Combine.WEIGHTED_MEAN_LEGACY
    )
    first = assess(a_group(an_evidence("a", 0.9, 1.0)), settings, (), T0)
    both = assess(a_group(an_evidence("a", 0.9, 1.0), an_evidence("b", 0.4, 0.5)), settings, (), T0)
    assert (first.sources, first.met) == (1, False)
    assert (both.sources, round(both.confidence, 3), both.met) == (2, 0.733, True)


def test_sig_20_9_an_assessment_carries_the_rule_it_was_judged_by():
    group = a_group(an_evidence("a", 0.6))
    before = assess(group, settings_with(confidence_threshold=0.5), (), T0)
    later = assess(group, settings_with(confidence_threshold=0.9), (), T0)
    assert (before.rule.confidence_threshold, before.agrees) == (0.5, True)
    assert (later.rule.confidence_threshold, later.agrees) == (0.9, False)
