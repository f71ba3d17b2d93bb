"""When keys may leave: at once when it was quiet, together in a storm, at the router's pace."""

import pytest

from prefixd.bgp.rib.export_terms import Pacing
from prefixd.bgp.rib.pending import Pending
from prefixd.bgp.rib.route import Key
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC


def keys(*numbers: int) -> list[Key]:
    return [Key(IPV4_FLOWSPEC, bytes((1, n % 256, n // 256))) for n in numbers]


def test_one_change_after_a_quiet_time_leaves_at_once() -> None:
    box = Pending(Pacing())
    assert box.ready_at(10.0) is None
    box.mark(keys(1), 1, 10.0)
    assert box.ready_at(10.0) == 10.0
    assert box.take(10.0, 100) == [(keys(1)[0], False)]
    assert box.ready_at(10.0) is None


def test_a_change_right_after_another_waits_for_company() -> None:
    box = Pending(Pacing(batch_s=0.02, quiet_s=0.05))
    box.mark(keys(1), 1, 10.0)
    box.take(10.0, 100)
    box.mark(keys(2), 2, 10.01)
    box.mark(keys(3), 3, 10.015)
    assert box.ready_at(10.015) == pytest.approx(10.03)
    assert len(box.take(10.03, 100)) == 2


def test_enough_company_does_not_wait() -> None:
    box = Pending(Pacing(batch_keys=3))
    box.mark(keys(1), 1, 10.0)
    box.take(10.0, 100)
    box.mark(keys(2, 3, 4), 2, 10.01)
    assert box.ready_at(10.01) == 10.01


def test_a_key_marked_often_is_one_key() -> None:
    box = Pending(Pacing())
    for revision in range(100):
        box.mark(keys(1, 2), revision, 10.0)
    assert len(box) == 2
    assert box.oldest_revision == 0
    assert box.waiting_s(10.5) == 0.5


def test_changes_overtake_a_dump() -> None:
    box = Pending(Pacing())
    box.mark_bulk(keys(*range(10)))
    box.mark(keys(99), 1, 10.0)
    taken = [key for key, _ in box.take(10.0, 3)]
    assert taken == keys(99, 0, 1)


def test_a_key_in_both_lanes_is_taken_once_and_keeps_its_force() -> None:
    box = Pending(Pacing())
    box.mark_bulk(keys(1), force=True)
    box.mark_bulk(keys(1))
    box.mark(keys(1), 1, 10.0)
    assert box.take(10.0, 10) == [(keys(1)[0], True)]
    assert not box


def test_a_dump_keeps_the_routers_pace() -> None:
    box = Pending(Pacing(rules_per_second=100))
    box.mark_bulk(keys(*range(350)))
    assert len(box.take(10.0, 1000)) == 100
    assert box.take(10.0, 1000) == []
    assert box.ready_at(10.0) == pytest.approx(10.01)
    assert len(box.take(10.5, 1000)) == 50
    assert len(box.take(20.0, 1000)) == 100


def test_urgent_changes_may_run_one_second_into_debt() -> None:
    box = Pending(Pacing(rules_per_second=100))
    box.mark_bulk(keys(*range(100)))
    box.take(10.0, 1000)
    box.mark(keys(*range(200, 500)), 1, 10.0)
    assert len(box.take(10.0, 1000)) == 100
    assert len(box.take(10.0, 1000)) == 0
    box.mark_bulk(keys(600))
    assert [key for key, _ in box.take(11.0, 1000)] == keys(*range(300, 400))
