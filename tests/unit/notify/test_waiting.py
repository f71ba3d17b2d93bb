"""The queue of one destination: order for each incident, bounds, and flapping."""

from prefixd.notify.settings import Severity
from prefixd.notify.waiting import Entry, Waiting
from tests.kit.alerts import an_alert, withdrawn
from tests.kit.builders import NOW_US


def an_entry(number: int, due: float = 0.0, *, closing: bool = False, **changes: object) -> Entry:
    alert = an_alert(withdrawn() if closing else None, **{"dedup_key": "m-1", **changes})
    return Entry(row_id=f"row-{number}", alert=alert, created_us=NOW_US, due=due)


def test_an_alert_waits_behind_an_earlier_one_of_its_incident() -> None:
    waiting = Waiting(limit=10)
    waiting.add(an_entry(1, due=60.0))
    waiting.add(an_entry(2))
    waiting.add(an_entry(3, dedup_key="m-2"))
    assert [entry.row_id for entry in waiting.ready(0.0)] == ["row-3"]
    assert waiting.next_due() == 0.0


def test_an_urgent_alert_is_ready_first() -> None:
    waiting = Waiting(limit=10)
    waiting.add(an_entry(1, dedup_key="a"))
    waiting.add(an_entry(2, dedup_key="b", severity=Severity.CRITICAL))
    assert [entry.row_id for entry in waiting.ready(0.0)] == ["row-2", "row-1"]


def test_beyond_the_limit_the_oldest_of_the_least_severe_is_dropped() -> None:
    waiting = Waiting(limit=2)
    waiting.add(an_entry(1, opened_as=Severity.WARNING))
    waiting.add(an_entry(2, opened_as=Severity.INFO))
    dropped = waiting.add(an_entry(3, opened_as=Severity.INFO))
    assert dropped is not None
    assert dropped.row_id == "row-2"
    assert len(waiting) == 2


def test_entries_of_an_earlier_run_go_first_and_are_not_doubled() -> None:
    waiting = Waiting(limit=3)
    waiting.add(an_entry(3))
    assert waiting.put_before([an_entry(1), an_entry(2), an_entry(3)]) == []
    assert [entry.row_id for entry in waiting] == ["row-1", "row-2", "row-3"]


def test_an_opening_that_was_not_sent_is_made_pointless_by_its_end() -> None:
    waiting = Waiting(limit=3)
    opening = an_entry(1)
    waiting.add(opening)
    assert waiting.flapped(an_entry(2, closing=True)) == [opening]
    opening.attempts = 1
    assert waiting.flapped(an_entry(2, closing=True)) == []


def test_a_group_is_what_was_not_tried_and_is_not_urgent() -> None:
    waiting = Waiting(limit=3)
    fresh, tried = an_entry(1), an_entry(2)
    tried.attempts = 1
    for entry in (fresh, tried, an_entry(3, severity=Severity.CRITICAL)):
        waiting.add(entry)
    assert waiting.of_group(fresh.alert.group_key) == [fresh]
