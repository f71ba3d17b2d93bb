"""The only place that reads a clock.

Pure code takes `now` as an argument; shells own a `Clock` and pass its readings down. Two kinds of
time exist and are never mixed: `now()` is civil time in UTC, for people and for stored rows;
`monotonic()` never jumps, for every timer of a session or a queue. Stored times are integer
microseconds since 1970 (UTC): `now_us()`.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    def now(self) -> datetime:
        """Civil time, aware, UTC."""
        ...

    def now_us(self) -> int:
        """Civil time as microseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; only differences mean anything."""
        ...


class SystemClock:
    __slots__ = ()

    def now(self) -> datetime:
        return from_us(self.now_us())

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


def from_us(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def to_us(value: datetime) -> int:
    return (value - _EPOCH) // timedelta(microseconds=1)
