"""Civil time in microseconds, and a clock that never jumps."""

from datetime import UTC, datetime, timedelta

from prefixd.clock import SystemClock, from_us, to_us


def test_microseconds_and_datetimes_are_the_same_moment() -> None:
    moment = datetime(2026, 12, 1, 3, 4, 5, 678901, tzinfo=UTC)
    assert from_us(to_us(moment)) == moment
    assert to_us(datetime(1970, 1, 1, tzinfo=UTC)) == 0


def test_a_moment_of_another_zone_is_the_same_number() -> None:
    moment = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    elsewhere = moment.astimezone(tz=None)
    assert to_us(elsewhere) == to_us(moment)


def test_the_system_clock_is_aware_and_moves_forward() -> None:
    clock = SystemClock()
    first, steady = clock.now(), clock.monotonic()
    assert first.utcoffset() == timedelta(0)
    assert clock.now_us() >= to_us(first)
    assert clock.monotonic() >= steady
