"""Errors: statuses, the field they name, and what they keep to themselves."""

import msgspec
import pytest

from prefixd.api import problem
from prefixd.engine.answers import Busy
from prefixd.errors import Conflict, StoreDamaged, StoreFull, StoreUnavailable


class Inner(msgspec.Struct):
    port: int


class Outer(msgspec.Struct):
    rules: list[Inner]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"rules": [{"port": "x"}]}', "rules[0].port"),
        (b'{"rules": [{}]}', "rules[0].port"),
        (b"{}", "rules"),
        (b"[]", None),
    ],
)
def test_a_wrong_shape_names_the_path_of_the_field(body: bytes, field: str | None) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Outer)
    found = problem.wrong_shape(caught.value)
    assert (found.status, found.code, found.field) == (422, "bad_field", field)
    assert "`" not in found.message


def test_the_message_of_a_driver_is_not_sent() -> None:
    found = problem.unavailable(StoreUnavailable("no such table: shadow", retry_after_s=0))
    assert (found.message, found.retry_after_s) == ("database unreachable", 1)
    assert problem.unavailable(StoreFull("/var/lib/x is full")).message == "database disk full"
    assert problem.unavailable(StoreDamaged("page 7 of x.db")).message == "database damaged"
    assert problem.unavailable(Busy("queue full")).message == "queue full"
    assert problem.conflict(Conflict("operator")).status == 409


def test_the_wait_is_whole_seconds_and_at_least_one() -> None:
    assert problem.rate_limited(0.1).retry_after_s == 1
    assert problem.rate_limited(1.2, "throttled").retry_after_s == 2
    assert problem.RateLimited(1.2, "actor").code == "rate_limited"


def test_a_failed_login_is_401_and_429_after_too_many() -> None:
    wrong, throttled = problem.LoginFailed(), problem.LoginFailed(30.0)
    assert (wrong.status, wrong.code, wrong.reason) == (401, "unauthorized", "wrong")
    assert (throttled.status, throttled.code, throttled.reason) == (429, "throttled", "throttled")
    assert throttled.retry_after_s == 30


def test_every_code_has_an_error_status_and_a_text() -> None:
    for status, text in problem.CODES.values():
        assert 400 <= status < 600
        assert text
