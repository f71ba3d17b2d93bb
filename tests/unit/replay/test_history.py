"""How two histories of the same events differ."""

import pytest

from prefixd.replay.history import Attack, Change, Step, differences

S = 1_000_000


def attack(*steps: tuple[int, str, str], victim: str = "v", kind: str = "udp_flood") -> Attack:
    return Attack(victim, kind, 0, tuple(Step(at * S, what, rule) for at, what, rule in steps))


MADE = (10, "mitigated", "police")


@pytest.mark.parametrize(
    ("before", "after", "change", "detail"),
    [
        (attack(), attack(MADE), Change.NEWLY_MITIGATED, "police"),
        (attack(MADE), attack(), Change.NO_LONGER_MITIGATED, "police"),
        (attack(MADE), attack((4, "mitigated", "police")), Change.EARLIER, "-6 s"),
        (attack(MADE), attack((22, "mitigated", "police")), Change.LATER, "+12 s"),
        (
            attack(MADE), attack((10, "mitigated", "discard")), Change.OTHER_RULE,
            "[police] became [discard]",
        ),
        (
            attack(MADE, (70, "expired", "police")), attack(MADE, (90, "expired", "police")),
            Change.OTHER_COURSE, "mitigated at 10 s, expired at 70 s became "
            "mitigated at 10 s, expired at 90 s",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_difference(before, after, change, detail):
    (found,) = differences([before], [after])
    assert (found.change, found.detail) == (change, detail)


def test_what_stayed_the_same_is_not_mentioned():
    assert differences([attack(MADE), attack()], [attack(MADE), attack()]) == []


def test_the_second_attack_on_a_victim_is_compared_with_the_second():
    late = (500, "mitigated", "police")
    (found,) = differences([attack(MADE), attack(late)], [attack(MADE), attack()])
    assert found.change is Change.NO_LONGER_MITIGATED


def test_an_attack_only_one_run_saw():
    (found,) = differences([], [attack(MADE, victim="w")])
    assert (found.victim, found.change) == ("w", Change.NEWLY_MITIGATED)
