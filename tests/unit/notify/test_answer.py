"""What an answer means, and when the next attempt is due."""

from datetime import UTC, datetime

import pytest

from prefixd.notify.answer import Answer, Delivered, Later, Never, Unreachable, judge
from prefixd.notify.pace import Allowance, Breaker, Repeats, pause_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_is_delivered(status: int) -> None:
    assert judge(Answer(status), NOW) == Delivered()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert isinstance(judge(Answer(status), NOW), Later)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 413])
def test_what_will_not_change_is_not(status: int) -> None:
    assert isinstance(judge(Answer(status), NOW), Never)


def test_no_answer_is_tried_again_and_a_forbidden_address_is_not() -> None:
    assert judge(Unreachable("no"), NOW) == Later("no")
    assert judge(Unreachable("no", forbidden=True), NOW) == Never("no")


@pytest.mark.parametrize(
    ("answer", "after_s"),
    [
        (Answer(429, "7"), 7.0),
        (Answer(503, "Thu, 01 Jan 2026 00:00:30 GMT"), 30.0),
        (Answer(429, "Wed, 31 Dec 2025 23:00:00 GMT"), 0.0),
        (Answer(429, "86400"), 300.0),
        (Answer(429, "soon"), None),
        (Answer(429, None, b'{"retry_after": 1.5, "global": false}'), 1.5),
        (Answer(429, None, b'{"ok": false, "parameters": {"retry_after": 9}}'), 9.0),
        (Answer(429, None, b"<html>"), None),
        (Answer(500, None, b'{"retry_after": 1.5}'), None),
        (Answer(429, "²"), None),
    ],
)
def test_retry_after(answer: Answer, after_s: float | None) -> None:
    verdict = judge(answer, NOW)
    assert isinstance(verdict, Later)
    assert verdict.after_s == after_s


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
    assert not breaker.failed(60.0)  # the probe failed: still open, not opened anew
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
    repeats.said(one, 0.0)
    repeats.said(one, 200.0)  # the window begins with the first time
    assert repeats.is_repeat(one, 299.0)
    assert not repeats.is_repeat(other, 299.0)
    assert not repeats.is_repeat(one, 300.0)
    repeats.said(other, 299.0)
    repeats.said(third, 300.0)
    assert repeats.is_repeat(other, 301.0)
    repeats.said(one, 301.0)
    assert not repeats.is_repeat(other, 301.0)  # forgotten to make room
