from pathlib import Path

import pytest

from prefixd.daemon.restart_marker import (
    Ending,
    Moment,
    RestartMarker,
    load_marker,
    restarting_for,
    save_marker,
    this_moment,
)
from tests.kit.clock import FakeClock

THEN = Moment("boot-1", 1000.0, 5_000_000_000)


@pytest.mark.parametrize(
    ("ending", "now", "left"),
    [
        (Ending.KEPT, Moment("boot-1", 1030.0, 0), 90.0),
        (Ending.RUNNING, Moment("boot-1", 1030.0, 0), 90.0),
        (Ending.WITHDRAWN, Moment("boot-1", 1030.0, 0), 0.0),
        (Ending.KEPT, Moment("boot-1", 1200.0, 0), 0.0),
        (Ending.KEPT, Moment("boot-2", 5.0, 5_060_000_000), 60.0),
        (Ending.KEPT, Moment("boot-2", 5.0, 4_000_000_000), 0.0),
        (Ending.KEPT, Moment("", 5.0, 5_060_000_000), 60.0),
    ],
)
def test_how_long_routers_may_still_hold_our_rules(
    ending: Ending, now: Moment, left: float
) -> None:
    assert restarting_for(RestartMarker(ending, THEN), now, 120) == left


def test_civil_time_that_jumps_does_not_matter_within_a_boot() -> None:
    clock = FakeClock()
    marker = RestartMarker(Ending.RUNNING, this_moment(clock))
    clock.advance(10)
    clock.jump(86_400)
    assert restarting_for(marker, this_moment(clock), 120) == 110.0


def test_no_marker_no_restart() -> None:
    assert restarting_for(None, THEN, 120) == 0


def test_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "marker"
    assert load_marker(path) is None
    marker = RestartMarker(Ending.KEPT, THEN)
    save_marker(path, marker)
    assert load_marker(path) == marker
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ending": "x", "at": {}}', '{"at": 1}'])
def test_a_damaged_marker_claims_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "marker"
    path.write_text(text)
    assert load_marker(path) is None
