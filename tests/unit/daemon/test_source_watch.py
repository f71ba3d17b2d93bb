"""From signs of life on the bus to news of silence."""

from prefixd.correlation.settings import SourceSettings, sensor_source
from prefixd.daemon.source_watch import SourceWatch
from prefixd.domain.news import (
    CorroboratorReceived,
    News,
    SignalReceived,
    SourceRecovered,
    SourceSilent,
    SystemStarted,
)
from tests.kit.clock import FakeClock
from tests.kit.signals import a_corroboration, a_signal


class Room:
    def __init__(self, **every_s: int) -> None:
        self.clock = FakeClock()
        self.told: list[News] = []
        sources = {name: SourceSettings(expect_every_s=most) for name, most in every_s.items()}
        self.watch = SourceWatch(self.clock, self.told.extend, sources)

    def after(self, seconds: float) -> list[News]:
        self.clock.advance(seconds)
        self.told.clear()
        self.watch.look()
        return list(self.told)


def test_a_detector_stops_and_comes_back() -> None:
    room = Room(fastnetmon=300)
    room.watch.on_news(SignalReceived(at_us=1, signal=a_signal("fastnetmon"), outcome="waiting"))
    seen_us = room.clock.now_us()
    assert room.after(299) == []
    assert room.after(1) == [
        SourceSilent(at_us=room.clock.now_us(), source="fastnetmon", last_seen_us=seen_us)
    ]
    room.watch.seen("fastnetmon")
    assert room.after(0) == [SourceRecovered(at_us=room.clock.now_us(), source="fastnetmon")]


def test_evidence_is_a_sign_of_life_and_other_news_is_none() -> None:
    room = Room(edge=60)
    room.clock.advance(59)
    room.watch.on_news(CorroboratorReceived(at_us=1, signal=a_corroboration("edge"), attached=0))
    assert room.after(59) == []
    room.watch.on_news(SystemStarted(at_us=1, version="1"))
    assert [type(item) for item in room.after(1)] == [SourceSilent]


def test_a_decoy_sensor_is_expected_as_its_settings_say() -> None:
    room = Room()
    room.watch.expect({"deception:trap": sensor_source(0.6, 600, expect_every_s=900)})
    (silent,) = room.after(900)
    assert isinstance(silent, SourceSilent)
    assert (silent.source, silent.last_seen_us) == ("deception:trap", None)


def test_a_civil_clock_that_is_set_silences_nobody() -> None:
    room = Room(fastnetmon=300)
    room.clock.jump(86_400)
    assert room.after(1) == []


def test_nobody_is_expected_by_default() -> None:
    room = Room(fastnetmon=0)
    assert room.after(1e6) == []
