"""Parameters that several routes share: cursors, times, ids, flags, reasons."""

import pytest

from prefixd.api import query
from prefixd.api.problem import ApiError
from prefixd.domain.page import PAGE_MAX, Cursor
from prefixd.domain.vector import Vector


def test_cursors_name_their_list_and_survive_a_round_trip() -> None:
    cursor = Cursor(1_767_225_600_000_001, "0193-ab|c")
    text = query.encode_cursor(cursor, "events")
    assert query.decode_cursor(text, "events") == cursor
    with pytest.raises(ApiError, match="invalid cursor for the list of mitigations"):
        query.decode_cursor(text, "mitigations")
    for wrong in (text[:-1], "", "zzz", text + "\0"):
        with pytest.raises(ApiError, match="invalid cursor"):
            query.decode_cursor(wrong, "events")


def test_a_time_needs_a_zone_and_may_have_lost_its_plus() -> None:
    at_us = 1_767_254_400_000_000
    assert query.parse_time("2026-01-01T08:00:00Z", "start") == at_us
    assert query.parse_time("2026-01-01T10:00:00 02:00", "start") == at_us
    for wrong in ("2026-01-01T08:00:00", "yesterday", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ApiError, match="start must be a time"):
            query.parse_time(wrong, "start")


def test_a_limit_is_at_least_one_and_cut_to_the_maximum() -> None:
    assert query.page_request(query.PageQuery(limit=10_000), "events").limit == PAGE_MAX
    with pytest.raises(ApiError, match="limit must be at least 1"):
        query.page_request(query.PageQuery(limit=0), "events")


def test_words_become_domain_values_or_a_400_that_names_the_field() -> None:
    assert query.parse_vector_query("udp_flood") is Vector("udp_flood")
    assert str(query.parse_victim("192.0.2.1")) == "192.0.2.1/32"
    assert query.parse_flag("true", "met") is True
    assert query.parse_flag(None, "met") is None
    assert query.parse_vector_query(None) is query.parse_victim(None) is None
    wrong = [
        (lambda: query.parse_vector_query("x"), "vector"),
        (lambda: query.parse_victim("x", "ip"), "ip"),
        (lambda: query.parse_flag("yes", "met"), "met"),
        (lambda: query.parse_id("7", "id"), "id"),
    ]
    for call, field in wrong:
        with pytest.raises(ApiError) as caught:
            call()
        assert (caught.value.status, caught.value.code) == (400, "bad_query")
        assert caught.value.field == field


@pytest.mark.parametrize("text", ["", "   ", "x" * 1025])
def test_a_reason_has_characters_but_not_too_many(text: str) -> None:
    with pytest.raises(ApiError, match="reason must have 1 to 1024 characters"):
        query.checked_reason(text)
    assert query.checked_reason(" false alarm ") == "false alarm"
