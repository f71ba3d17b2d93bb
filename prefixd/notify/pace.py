"""When to send: after a failure, to a destination that is down, and in a storm. Without a clock.

A first attempt is made at once, the next after 2, 4, 8, 16, 32 and then every 60 seconds, each
give or take a fifth, so that many alerts do not return in step.
"""

from dataclasses import dataclass

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
SPREAD = 0.2
BREAKS_AFTER = 5
OPEN_FOR_S = 60.0


def pause_s(attempts: int, jitter: float) -> float:
    """How long to wait after `attempts` failures; `jitter` is from 0 to 1."""
    doubled = FIRST_PAUSE_S * 2.0 ** min(max(attempts - 1, 0), 10)
    return min(doubled, LONGEST_PAUSE_S) * (1 - SPREAD + 2 * SPREAD * jitter)


@dataclass(slots=True)
class Breaker:
    """Five failures in a row: no attempt for a minute, then one probe."""

    failures: int = 0
    closed_at: float | None = None
    """When the next attempt is due; None: the destination works."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is not None

    def wait_s(self, now: float) -> float:
        return 0.0 if self.closed_at is None else max(0.0, self.closed_at - now)

    def failed(self, now: float) -> bool:
        """True when this failure opened it; a failed probe keeps it open."""
        self.failures += 1
        if self.failures < BREAKS_AFTER:
            return False
        opened = self.closed_at is None
        self.closed_at = now + OPEN_FOR_S
        return opened

    def succeeded(self) -> bool:
        """True when it was open until now."""
        was_open = self.closed_at is not None
        self.failures = 0
        self.closed_at = None
        return was_open


@dataclass(slots=True)
class Allowance:
    """A token bucket: `burst` at once, `per_minute` on the long run."""

    per_minute: int
    burst: int
    tokens: float
    at: float

    def wait_s(self, now: float) -> float:
        """Until one may be sent; 0: now."""
        self._fill(now)
        return 0.0 if self.tokens >= 1.0 else (1.0 - self.tokens) * 60.0 / self.per_minute

    def spend(self, now: float) -> None:
        """An urgent alert is sent without waiting, but it counts."""
        self._fill(now)
        self.tokens = max(0.0, self.tokens - 1.0)

    def _fill(self, now: float) -> None:
        # Slightly more than earned, so that waiting exactly `wait_s` is always enough.
        earned = max(0.0, now - self.at) * self.per_minute / 60.0 + 1e-9
        self.tokens = min(float(self.burst), self.tokens + earned)
        self.at = now


class Repeats:
    """Remembers recent alerts, so that what a detector repeats is sent once, not each time."""

    def __init__(self, window_s: float, limit: int) -> None:
        self._window_s = window_s
        self._limit = limit
        self._sent: dict[tuple[str, str, str], float] = {}

    def is_repeat(self, what: tuple[str, str, str], now: float) -> bool:
        sent_at = self._sent.get(what)
        return sent_at is not None and now - sent_at < self._window_s

    def sent(self, what: tuple[str, str, str], now: float) -> None:
        if self.is_repeat(what, now):
            return  # the window begins with the first time
        self._sent.pop(what, None)
        self._sent[what] = now
        while len(self._sent) > self._limit:
            del self._sent[next(iter(self._sent))]
