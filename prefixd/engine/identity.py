"""New identifiers: UUID version 7 (RFC 9562 5.7), so that rows sort and cluster by age.

The 12 bits after the version are a counter that starts anew, at random, each millisecond: ids made
here are strictly increasing, which keeps index inserts at the right-hand edge and makes
(time, id) a total order.
"""

import os

from prefixd.clock import Clock

_COUNTER_START = 0x7FF  # leaves half the counter's room above any start
_COUNTER_MAX = 0xFFF
_TAIL = 19  # hex digits of chance: 3 to start a counter, 1 for the variant, 15 for the id
_POOL = 256 * _TAIL  # the kernel is asked once for many ids
_VARIANT = "89ab"


class Identity:
    """Call it for the next id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._counter = 0
        self._time = ""
        self._random = ""
        self._used = 0

    def __call__(self) -> str:
        now_ms = self._clock.now_us() // 1000
        if self._used >= len(self._random):
            self._random, self._used = os.urandom(_POOL // 2).hex(), 0
        tail = self._random[self._used : self._used + _TAIL]
        self._used += _TAIL
        if now_ms > self._last_ms:
            self._begin(now_ms, tail)
        elif self._counter < _COUNTER_MAX:
            self._counter += 1
        else:  # more than the counter holds in one millisecond, or a clock set back
            self._begin(self._last_ms + 1, tail)
        variant = _VARIANT[int(tail[3], 16) & 3]
        return f"{self._time}-7{self._counter:03x}-{variant}{tail[4:7]}-{tail[7:]}"

    def _begin(self, ms: int, tail: str) -> None:
        self._last_ms = ms
        self._counter = int(tail[:3], 16) & _COUNTER_START
        high, low = divmod(ms, 1 << 16)
        self._time = f"{high:08x}-{low:04x}"
