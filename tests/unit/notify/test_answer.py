"""What an answer means for the alert."""

from datetime import UTC, datetime

import pytest

from prefixd.notify.answer import Answer, Delivered, Later, Never, Unreachable, judge

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
