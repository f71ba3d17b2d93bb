"""When somebody hears that a peer does not read."""

from prefixd.bgp.session.stall import StallLevel, StallWatch


def test_a_warning_then_an_alarm_at_half_the_send_hold_time() -> None:
    watch = StallWatch()
    assert watch.next_level_at(180.0) is None
    assert not watch.left(0, 100.0)
    assert watch.next_level_at(180.0) == 105.0
    assert list(watch.due(180.0, 104.9)) == []
    assert list(watch.due(180.0, 105.0)) == [(StallLevel.WARNING, 5.0)]
    assert watch.next_level_at(180.0) == 190.0
    assert list(watch.due(180.0, 200.0)) == [(StallLevel.ALARM, 100.0)]
    assert watch.next_level_at(180.0) is None


def test_whoever_wakes_late_hears_both() -> None:
    watch = StallWatch()
    watch.left(0, 100.0)
    assert [level for level, _ in watch.due(30.0, 200.0)] == [StallLevel.WARNING, StallLevel.ALARM]


def test_any_octet_taken_starts_it_anew() -> None:
    watch = StallWatch()
    watch.left(0, 100.0)
    list(watch.due(180.0, 110.0))
    assert watch.left(10, 120.0)
    assert (watch.seconds(121.0), watch.next_level_at(180.0)) == (1.0, 125.0)
    watch.ended()
    assert (watch.seconds(130.0), watch.next_level_at(180.0)) == (0.0, None)
