"""How one run tells the next how it ended."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from prefixd.bgp.settings import SpeakerSettings, StopMode
from prefixd.daemon.restart import Restarts
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
