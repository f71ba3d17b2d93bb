"""Ids that other people's tools read as UUIDs and that our tables take in order."""

import uuid

from prefixd.engine.ids import Identity
from tests.kit.clock import FakeClock


def test_every_id_is_a_version_7_uuid_of_its_moment() -> None:
    clock = FakeClock()
    new_id = Identity(clock)
    for _ in range(600):  # more than one refill of chance
        made = uuid.UUID(new_id())
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert made.int >> 80 == clock.now_us() // 1000


def test_ids_only_grow_whatever_the_clock_does() -> None:
    clock = FakeClock()
    new_id = Identity(clock)
    made: list[str] = []
    for step_s in (0.0, 0.001, -30.0, 0.0, 0.002):
        clock.jump(step_s)
        made += [new_id() for _ in range(5000)]  # more than the counter of one millisecond holds
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_two_sources_of_one_moment_do_not_agree() -> None:
    clock = FakeClock()
    one, other = Identity(clock), Identity(clock)
    assert {one() for _ in range(1000)}.isdisjoint(other() for _ in range(1000))
