"""Limits on trying: failed logins by name and by address, requests by client.

Both are bounded in memory: when more keys are tracked than allowed, the one untouched for longest
is forgotten. Time comes in as an argument (monotonic seconds).
"""

from collections import OrderedDict, deque
from dataclasses import dataclass


class Attempts:
    """At most `limit` failures per key within `window_s`, sliding."""

    def __init__(self, limit: int = 5, window_s: float = 60.0, max_keys: int = 10_000) -> None:
        self._limit = limit
        self._window_s = window_s
        self._max_keys = max_keys
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """0 when another try is allowed, else the seconds until it is."""
        failures = self._failures.get(key)
        if failures is None:
            return 0.0
        while failures and failures[0] <= now - self._window_s:
            failures.popleft()
        if not failures:
            del self._failures[key]
            return 0.0
        if len(failures) < self._limit:
            return 0.0
        return failures[0] + self._window_s - now

    def failed(self, key: str, now: float) -> None:
        failures = self._failures.setdefault(key, deque(maxlen=self._limit))
        failures.append(now)
        self._failures.move_to_end(key)
        while len(self._failures) > self._max_keys:
            self._failures.popitem(last=False)

    def taken_back(self, key: str) -> None:
        """The try counted last was no failure after all."""
        failures = self._failures.get(key)
        if failures:
            failures.pop()

    def succeeded(self, key: str) -> None:
        self._failures.pop(key, None)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """One token bucket per key: `rate_per_s` on average, `burst` at once."""

    def __init__(self, rate_per_s: float, burst: int, max_keys: int = 10_000) -> None:
        self._rate = rate_per_s
        self._burst = float(burst)
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, now: float, amount: float = 1.0) -> float:
        """0 when the request may pass, else the seconds until it may."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            elapsed = max(0.0, now - bucket.filled_at)
            bucket.tokens = min(self._burst, bucket.tokens + elapsed * self._rate)
            bucket.filled_at = now
        if bucket.tokens >= amount:
            bucket.tokens -= amount
            return 0.0
        return (amount - bucket.tokens) / self._rate
