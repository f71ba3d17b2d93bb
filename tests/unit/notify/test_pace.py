"""When the next attempt is due, and how many may be sent."""

import pytest

from prefixd.notify.pace import Allowance, Breaker, Repeats, pause_s


def test_pauses_double_up_to_a_minute_give_or_take_a_fifth() -> None:
    assert [pause_s(n, 0.5) for n in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert pause_s(1, 0.0) == pytest.approx(1.6)
    assert pause_s(9, 1.0) == pytest.approx(72)
    assert pause_s(10_000, 0.5) == 60


def test_the_breaker_opens_after_five_probes_once_a_minute_and_closes_on_success() -> None:
    breaker = Breaker()
    assert [breaker.failed(0.0) for _ in range(5)] == [False] * 4 + [True]
    assert breaker.wait_s(1.0) == 59.0
    assert breaker.wait_s(60.0) == 0.0
    assert not breaker.failed(60.0)  # the probe failed: still open, not opened again
    assert breaker.wait_s(60.0) == 60.0
    assert breaker.succeeded()
    assert not breaker.succeeded()
    assert breaker.wait_s(61.0) == 0.0


def test_an_allowance_is_a_burst_and_then_a_rate() -> None:
    allowance = Allowance(per_minute=20, burst=2, tokens=2, at=0.0)
    for _ in range(2):
        assert allowance.wait_s(0.0) == 0.0
        allowance.spend(0.0)
    wait_s = allowance.wait_s(0.0)
    assert wait_s == pytest.approx(3.0)
    assert allowance.wait_s(wait_s) == 0.0
    assert allowance.wait_s(10_000.0) == 0.0
    allowance.spend(10_000.0)
    allowance.spend(10_000.0)
    assert allowance.wait_s(10_000.0) > 0  # hours of silence do not add up to more than the burst


def test_repeats_are_remembered_for_a_while_and_not_without_bound() -> None:
    repeats = Repeats(300.0, limit=2)
    one, other, third = ("e", "k", "t"), ("e", "k", "other reason"), ("e", "k", "third")
    assert not repeats.is_repeat(one, 0.0)
    repeats.sent(one, 0.0)
    repeats.sent(one, 200.0)  # the window begins with the first time
    assert repeats.is_repeat(one, 299.0)
    assert not repeats.is_repeat(other, 299.0)
    assert not repeats.is_repeat(one, 300.0)
    repeats.sent(other, 299.0)
    repeats.sent(third, 300.0)
    assert repeats.is_repeat(other, 301.0)
    repeats.sent(one, 301.0)
    assert not repeats.is_repeat(other, 301.0)  # forgotten to make room
