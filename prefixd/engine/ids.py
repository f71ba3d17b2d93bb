"""New identifiers: UUID version 7 (RFC 9562 5.7), so that rows sort and cluster by age.

The 12 bits after the version are a counter that starts again, at random, each millisecond: ids made
here are strictly increasing, which keeps index inserts at the right-hand edge and makes
(time, id) a total order.
"""

import os

from prefixd.clock import Clock

_COUNTER_START = 0x7FF  # leaves half the counter's room above any start
_COUNTER_MAX = 0xFFF
_POOL = 256  # ids whose chance is asked of the kernel at once
_TAIL_BYTES = 8


class Identity:
    """Call it for the next id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._counter = 0
        self._time = ""
        self._tails: list[str] = []

    def __call__(self) -> str:
        now_ms = self._clock.now_us() // 1000
        if not self._tails:
            self._tails = _tails()
        tail = self._tails.pop()
        if now_ms > self._last_ms:
            self._begin(now_ms, tail)
        elif self._counter < _COUNTER_MAX:
            self._counter += 1
        else:  # more than the counter holds in one millisecond, or a clock set back
            self._begin(self._last_ms + 1, tail)
        return f"{self._time}{self._counter:03x}-{tail}"

    def _begin(self, ms: int, chance: str) -> None:
        self._last_ms = ms
        self._counter = int(chance[-3:], 16) & _COUNTER_START
        high, low = divmod(ms, 1 << 16)
        self._time = f"{high:08x}-{low:04x}-7"


def _tails() -> list[str]:
    """The last two parts of many ids: the variant (binary 10) and 62 bits of chance."""
    chance = os.urandom(_POOL * _TAIL_BYTES)
    tails: list[str] = []
    for at in range(0, len(chance), _TAIL_BYTES):
        first = 0x80 | chance[at] & 0x3F
        text = chance[at + 1 : at + _TAIL_BYTES].hex()
        tails.append(f"{first:02x}{text[:2]}-{text[2:]}")
    return tails
