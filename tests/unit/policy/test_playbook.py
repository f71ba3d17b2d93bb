"""What makes a set of playbooks wrong; all of it is said at once."""

from dataclasses import replace

import pytest

from prefixd.domain.agreement import Agreement, Bypass
from prefixd.domain.rule import Blackhole, Discard, Mark, Police, Redirect
from prefixd.domain.vector import Vector
from prefixd.policy.playbook import (
    Escalation,
    Playbook,
    PlaybookMatch,
    PolicySettings,
    Step,
    action_problems,
    problems,
)
from tests.kit.builders import a_discard_step, a_playbook, a_police_step, an_address

BOUNDS = (30, 1800)
UDP_ONLY = PlaybookMatch(vectors=(Vector.UDP_FLOOD,))


def fields_of(*playbooks: Playbook, **changes: object) -> set[str]:
    settings = replace(PolicySettings(playbooks=playbooks), **changes)
    return {problem.field for problem in problems(settings, BOUNDS)}


def test_a_good_set_has_no_problems() -> None:
    assert fields_of(a_playbook(), a_playbook("syn", Vector.SYN_FLOOD)) == set()


@pytest.mark.parametrize(
    ("playbook", "field"),
    [
        (a_playbook(name=" "), "playbooks[0].name"),
        (a_playbook(name="x" * 129), "playbooks[0].name"),
        (a_playbook(steps=[]), "playbooks[0].steps"),
        (a_playbook(steps=[a_discard_step()]), "playbooks[0].steps[0]"),
        (a_playbook(match=PlaybookMatch(min_bps=-1)), "playbooks[0].match.min_bps"),
        (
            a_playbook(steps=[a_police_step(), a_discard_step(confidence=1.5)]),
            "playbooks[0].steps[1].require_confidence_at_least",
        ),
        (
            a_playbook(steps=[a_police_step(), a_discard_step(confidence=float("nan"))]),
            "playbooks[0].steps[1].require_confidence_at_least",
        ),
        (
            a_playbook(steps=[a_police_step(), a_discard_step(persistence_s=-1)]),
            "playbooks[0].steps[1].require_persistence_seconds",
        ),
        (a_playbook(steps=[a_police_step(ttl_s=86401)]), "playbooks[0].steps[0].ttl_seconds"),
    ],
)
def test_each_mistake_has_its_place(playbook: Playbook, field: str) -> None:
    assert fields_of(playbook) == {field}


def test_w14_a_ttl_the_guardrail_would_always_refuse_is_found_at_load() -> None:
    assert fields_of(a_playbook(steps=[a_police_step(ttl_s=3600)])) == {
        "playbooks[0].steps[0].ttl_seconds"
    }
    assert fields_of(a_playbook(steps=[a_police_step(ttl_s=0)]), default_ttl_s=10) == {
        "playbooks[0].steps[0].ttl_seconds"
    }


@pytest.mark.parametrize("rate_bps", [0, 7, 999])
def test_w10_a_rate_that_is_really_a_discard_is_refused(rate_bps: int) -> None:
    assert [problem.field for problem in action_problems(Police(rate_bps))] == ["rate_bps"]


@pytest.mark.parametrize(
    ("action", "field"),
    [
        (Redirect(), "redirect"),
        (Redirect("64500:1", an_address()), "redirect"),
        (Redirect("64500"), "route_target"),
        (Redirect("70000:70000"), "route_target"),
        (Mark(64), "dscp"),
        (Blackhole(communities=()), "communities"),
        (Blackhole(communities=("65535:666", "70000:1")), "communities[1]"),
    ],
)
def test_actions_with_impossible_parameters(action: Redirect, field: str) -> None:
    assert [problem.field for problem in action_problems(action)] == [field]


@pytest.mark.parametrize(
    "action",
    [Discard(), Police(1000), Redirect("64500:100"), Redirect(None, an_address()), Mark(46),
     Blackhole()],
)  # fmt: skip
def test_possible_actions(action: Discard) -> None:
    assert list(action_problems(action)) == []


def test_names_are_used_once() -> None:
    assert fields_of(a_playbook(), a_playbook("udp", Vector.SYN_FLOOD)) == {"playbooks[1].name"}


@pytest.mark.parametrize(
    ("first", "second", "dead"),
    [
        (UDP_ONLY, UDP_ONLY, True),
        (PlaybookMatch(), PlaybookMatch(vectors=(Vector.UDP_FLOOD,), min_bps=10), True),
        (PlaybookMatch(min_bps=10), PlaybookMatch(), False),
        (PlaybookMatch(require_top_ports=True), PlaybookMatch(), False),
        (PlaybookMatch(), PlaybookMatch(require_top_ports=True), True),
        (PlaybookMatch(tags=("gold",)), PlaybookMatch(), False),
        (PlaybookMatch(tags=("gold", "silver")), PlaybookMatch(tags=("gold",)), True),
    ],
)  # fmt: skip
def test_a_playbook_that_can_never_be_reached_is_a_mistake(
    first: PlaybookMatch, second: PlaybookMatch, dead: bool
) -> None:
    found = fields_of(a_playbook("first", match=first), a_playbook("second", match=second))
    assert found == ({"playbooks[1].match"} if dead else set())


@pytest.mark.parametrize(
    ("agreement", "field"),
    [
        (Agreement(min_sources=0), "min_sources"),
        (Agreement(min_primary_sources=0), "min_primary_sources"),
        (Agreement(confidence_threshold=7), "confidence_threshold"),
        (Agreement(confidence_threshold=float("nan")), "confidence_threshold"),
        (Agreement(half_life_s=-1), "confidence_decay_half_life_seconds"),
        (Agreement(bypass=(Bypass(source=""),)), "bypass[0].source"),
        (Agreement(bypass=(Bypass(source="a", min_confidence=2),)), "bypass[0].min_confidence"),
    ],
)
def test_s02_overrides_are_checked_like_the_general_settings(
    agreement: Agreement, field: str
) -> None:
    assert fields_of(a_playbook(correlation=agreement)) == {f"playbooks[0].correlation.{field}"}


def test_no_playbooks_is_a_mistake() -> None:
    assert fields_of() == {"playbooks"}


def test_escalation_is_checked() -> None:
    bad = Escalation(min_confidence=1.1, min_persistence_s=-1, max_escalated_duration_s=-5)
    assert fields_of(a_playbook(), escalation=bad) == {
        "escalation.min_confidence",
        "escalation.min_persistence_seconds",
        "escalation.max_escalated_duration_seconds",
    }


def test_every_mistake_is_reported_at_once() -> None:
    bad = a_playbook(name="", steps=[Step(action=Police(5), ttl_s=5)])
    assert len(problems(PolicySettings(playbooks=(bad, bad)), BOUNDS)) == 8
