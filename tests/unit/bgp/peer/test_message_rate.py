"""A minute's worth at once is no flood; more than that, or the same again and again, is."""

import pytest

from prefixd.bgp.peer.message_rate import MessageRate, Rate


def test_a_whole_table_at_once_is_no_flood() -> None:
    rate = MessageRate(10, now=100.0)
    assert rate.received(299, 100.0) is Rate.NORMAL
    assert rate.received(301, 100.0) is Rate.HIGH
    assert rate.received(1, 100.0) is Rate.EXCEEDED


@pytest.mark.parametrize(("each_second", "ends"), [(10, Rate.NORMAL), (20, Rate.EXCEEDED)])
def test_only_what_is_above_the_limit_adds_up(each_second: int, ends: Rate) -> None:
    rate = MessageRate(10, now=0.0)
    seen = [rate.received(each_second, float(second)) for second in range(1, 70)]
    assert seen[-1] is ends


def test_it_is_named_once_until_it_has_become_quiet() -> None:
    rate = MessageRate(1, now=0.0)
    assert [rate.received(n, 0.0) for n in (30, 1, 1)] == [Rate.HIGH, Rate.NORMAL, Rate.NORMAL]
    assert rate.received(0, 10.0) is Rate.NORMAL
    assert rate.received(10, 10.0) is Rate.NORMAL, "still the same flood"
    assert rate.received(0, 40.0) is Rate.NORMAL
    assert rate.received(30, 40.0) is Rate.HIGH


def test_zero_is_no_limit() -> None:
    rate = MessageRate(0, now=0.0)
    assert rate.received(10**9, 0.0) is Rate.NORMAL
    rate.per_second = 1
    assert rate.received(10, 1.0) is Rate.NORMAL, "what came without a limit does not count"


def test_a_new_session_starts_from_nothing() -> None:
    rate = MessageRate(1, now=0.0)
    rate.received(60, 0.0)
    rate.start(0.0)
    assert rate.received(29, 0.0) is Rate.NORMAL
