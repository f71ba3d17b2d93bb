"""New identifiers: UUID version 7 (RFC 9562 5.7), so that rows sort and cluster by age.

The 12 bits after the version are a counter that starts anew, at random, each millisecond: ids made
here are strictly increasing, which keeps index inserts at the right-hand edge and makes
(time, id) a total order.
"""

import os

from prefixd.clock import Clock

_COUNTER_START = 0x7FF  # leaves half the counter's room above any start
_COUNTER_MAX = 0xFFF
_TAIL = 10
_POOL = 256 * _TAIL  # the kernel is asked once for many ids


class Identity:
    """Call it for the next id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._counter = 0
        self._random = b""
        self._used = 0

    def __call__(self) -> str:
        now_ms = self._clock.now_us() // 1000
        if self._used >= len(self._random):
            self._random, self._used = os.urandom(_POOL), 0
        tail = int.from_bytes(self._random[self._used : self._used + _TAIL], "big")
        self._used += _TAIL
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            self._counter = (tail >> 64) & _COUNTER_START
        elif self._counter < _COUNTER_MAX:
            self._counter += 1
        else:  # more than the counter holds in one millisecond, or a clock set back
            self._last_ms += 1
            self._counter = (tail >> 64) & _COUNTER_START
        value = (
            self._last_ms << 80
            | 0x7 << 76
            | self._counter << 64
            | 0b10 << 62
            | tail & 0x3FFF_FFFF_FFFF_FFFF
        )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
