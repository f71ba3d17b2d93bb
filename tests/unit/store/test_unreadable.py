"""Rows that cannot become values are counted each time and logged once."""

import pytest

from prefixd.errors import StoreUnavailable
from prefixd.store.unreadable import REMEMBERED, Unreadables


def number(row: tuple[str, str]) -> int:
    return int(row[1])


def test_the_other_rows_are_read(caplog: pytest.LogCaptureFixture) -> None:
    values, unreadable = Unreadables().read(
        "mitigations", [("a", "1"), ("b", "x"), ("c", "3")], number
    )
    assert values == [1, 3]
    assert [row.id for row in unreadable] == ["b"]
    (line,) = caplog.records
    assert (line.message, vars(line)["table"], vars(line)["row_id"]) == (
        "row cannot be read",
        "mitigations",
        "b",
    )


def test_a_row_is_logged_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    unreadables = Unreadables()
    for _ in range(3):
        unreadables.read("events", [("a", "x")], number)
    unreadables.read("signal_groups", [("a", "x")], number)
    assert len(caplog.records) == 2
    assert (unreadables.counts["events"], unreadables.counts["signal_groups"]) == (3, 1)


def test_a_row_that_was_asked_for_is_an_error() -> None:
    unreadables = Unreadables()
    assert unreadables.one("events", ("a", "1"), number) == 1
    with pytest.raises(StoreUnavailable, match="a row of events cannot be read"):
        unreadables.one("events", ("a", "x"), number)
    assert unreadables.counts["events"] == 1


def test_the_memory_of_logged_rows_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    unreadables = Unreadables()
    for row_id in range(REMEMBERED + 1):
        unreadables.note("events", str(row_id), ValueError("bad"))
    assert len(unreadables._logged) == 1
    assert len(caplog.records) == REMEMBERED + 1


def test_every_table_is_counted_from_zero() -> None:
    assert set(Unreadables().counts.values()) == {0}
    assert "mitigations" in Unreadables().counts
