"""How an instance ended, as the next one reads it."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from prefixd.bgp.neighbor_settings import StopMode
from prefixd.bgp.settings import SpeakerSettings
from prefixd.daemon.restart import (
    Ending,
    Moment,
    RestartMarker,
    Restarts,
    load_marker,
    restarting_for,
    save_marker,
    this_moment,
)
from tests.kit.clock import FakeClock
from tests.kit.speaking import a_neighbor


def settings(path: Path, **changes: object) -> SpeakerSettings:
    peer = replace(a_neighbor("edge", "192.0.2.1"), **changes)  # type: ignore[arg-type]  # because merged
    return SpeakerSettings(
        local_asn=65000,
        router_id=ip_address("192.0.2.250"),  # type: ignore[arg-type]  # because it is an IPv4 address
        peers=(peer,),
        restart_marker=str(path),
    )


def test_the_first_start_is_no_restart_and_a_crash_makes_the_next_one_one(tmp_path: Path) -> None:
    clock = FakeClock()
    kept = settings(tmp_path / "sub" / "marker.json")
    assert Restarts(kept, clock).restarting_for_s() == 0
    Restarts(kept, clock).alive()
    clock.advance(20)
    assert Restarts(kept, clock).restarting_for_s() == 100
    clock.advance(101)
    assert Restarts(kept, clock).restarting_for_s() == 0


def test_a_late_sign_of_life_does_not_hide_a_withdrawal(tmp_path: Path) -> None:
    clock = FakeClock()
    gone = settings(tmp_path / "marker.json", stop_mode=StopMode.WITHDRAW)
    restarts = Restarts(gone, clock)
    restarts.ended()
    restarts.alive()
    assert Restarts(gone, clock).restarting_for_s() == 0


def test_how_we_end_follows_a_reload(tmp_path: Path) -> None:
    clock = FakeClock()
    kept = settings(tmp_path / "marker.json")
    restarts = Restarts(kept, clock)
    restarts.apply(settings(tmp_path / "marker.json", stop_mode=StopMode.WITHDRAW))
    restarts.ended()
    assert Restarts(kept, clock).restarting_for_s() == 0


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
