"""Which step is due."""

import pytest
from msgspec.structs import replace

from prefixd.domain.inventory import PolicyProfile
from prefixd.policy.escalate import (
    Block,
    Blocked,
    Standing,
    Taken,
    first_step,
    may_drop,
    next_step,
    softer_step,
    ttl_s,
)
from prefixd.policy.playbook import Escalation, PolicySettings
from tests.kit.builders import a_discard_step, a_playbook, a_police_step

PLAYBOOK = a_playbook()
STRONG = Standing(confidence=0.9, sources=2, firing=True)
OLD = Taken(step=0, age_s=90, remaining_s=100, reported_again=True)
GENERAL = Escalation()
NORMAL, STRICT, RELAXED = PolicyProfile.NORMAL, PolicyProfile.STRICT, PolicyProfile.RELAXED


def due(taken=OLD, profile=NORMAL, standing=STRONG, escalation=GENERAL, playbook=PLAYBOOK):
    return next_step(playbook, taken, profile, standing, escalation)


def test_w03_the_next_step_is_due_when_it_persists_and_confidence_suffices() -> None:
    assert due() == 1


@pytest.mark.parametrize(
    ("changes", "block"),
    [
        ({"taken": replace(OLD, age_s=89)}, Blocked(Block.PERSISTENCE, 1)),
        ({"taken": replace(OLD, age_s=0)}, Blocked(Block.PERSISTENCE, 90)),
        ({"standing": replace(STRONG, confidence=0.79)}, Blocked(Block.CONFIDENCE)),
        ({"standing": replace(STRONG, firing=False)}, Blocked(Block.NOT_REPORTED)),
        ({"taken": replace(OLD, reported_again=False)}, Blocked(Block.NOT_REPEATED)),
        ({"escalation": Escalation(enabled=False)}, Blocked(Block.DISABLED)),
        ({"profile": STRICT}, Blocked(Block.STRICT)),
        ({"taken": replace(OLD, step=1)}, Blocked(Block.NO_LATER_STEP)),
        ({"taken": replace(OLD, remaining_s=1801)}, Blocked(Block.LASTS_TOO_LONG, 1)),
    ],
)
def test_w03_what_stands_in_the_way(changes, block) -> None:
    assert due(**changes) == block


def test_confidence_meets_its_own_number() -> None:
    assert due(standing=replace(STRONG, confidence=0.8)) == 1
    assert due(standing=replace(STRONG, confidence=0.1 + 0.7)) == 1


def test_a_step_without_conditions_takes_the_general_ones() -> None:
    playbook = a_playbook(
        steps=[a_police_step(), a_discard_step(confidence=None, persistence_s=None)]
    )
    assert due(playbook=playbook) == Blocked(Block.PERSISTENCE, 30)
    assert due(playbook=playbook, taken=replace(OLD, age_s=120)) == 1
    weak = replace(STRONG, confidence=0.69)
    assert due(playbook=playbook, standing=weak) == Blocked(Block.CONFIDENCE)


def test_steps_are_taken_one_at_a_time() -> None:
    playbook = a_playbook(
        steps=[
            a_police_step(10**9),
            a_police_step(10**7),
            a_discard_step(confidence=0.0, persistence_s=0),
        ]
    )
    assert due(playbook=playbook, taken=replace(OLD, age_s=10_000)) == 1


def test_w14_relaxed_customers_start_with_the_discard_when_it_is_certain() -> None:
    assert first_step(PLAYBOOK, RELAXED, STRONG, 0.9) == 1
    assert first_step(PLAYBOOK, RELAXED, replace(STRONG, confidence=0.89), 0.9) == 0
    assert first_step(PLAYBOOK, NORMAL, STRONG, 0.9) == 0
    only_police = a_playbook(steps=[a_police_step()])
    assert first_step(only_police, RELAXED, STRONG, 0.9) == 0


def test_strict_customers_drop_nothing_on_one_word() -> None:
    alone = replace(STRONG, sources=1)
    assert not may_drop(STRICT, alone)
    assert may_drop(STRICT, STRONG)
    assert may_drop(NORMAL, alone)


def test_the_softer_step_is_the_nearest_police_before() -> None:
    police, discard = a_police_step(), a_discard_step()
    assert softer_step(a_playbook(steps=[police, a_police_step(5), discard]), 2) == 1
    assert softer_step(a_playbook(steps=[discard, police]), 0) == 1
    assert softer_step(a_playbook(steps=[discard]), 0) is None


def test_an_escalated_step_lasts_no_longer_than_allowed() -> None:
    settings = PolicySettings(escalation=Escalation(max_escalated_duration_s=60), default_ttl_s=45)
    assert ttl_s(a_discard_step(ttl_s=300), settings, 1) == 60
    assert ttl_s(a_police_step(ttl_s=300), settings, 0) == 300
    assert ttl_s(a_police_step(ttl_s=0), settings, 0) == 45
