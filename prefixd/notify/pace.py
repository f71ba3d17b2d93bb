"""When to try: after a failure, against a dead destination, and in a storm. Told the time.

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
    """Five failures in a row: leave it alone for a minute, then let one attempt find out."""

    failures: int = 0
    closed_at: float | None = None
    """When the next attempt is due; None: nothing is wrong."""

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
        """What is urgent is sent without asking, but it counts."""
        self._fill(now)
        self.tokens = max(0.0, self.tokens - 1.0)

    def _fill(self, now: float) -> None:
        # A hair more than earned, so that waiting exactly as long as told is always enough.
        earned = max(0.0, now - self.at) * self.per_minute / 60.0 + 1e-9
        self.tokens = min(float(self.burst), self.tokens + earned)
        self.at = now


class Repeats:
    """Remembers what was just said, so that a detector's insistence is told once, not each time."""

    def __init__(self, window_s: float, limit: int) -> None:
        self._window_s = window_s
        self._limit = limit
        self._said: dict[tuple[str, str, str], float] = {}

    def is_repeat(self, what: tuple[str, str, str], now: float) -> bool:
        said = self._said.get(what)
        return said is not None and now - said < self._window_s

    def said(self, what: tuple[str, str, str], now: float) -> None:
        if self.is_repeat(what, now):
            return  # the window begins with the first time
        self._said.pop(what, None)
        self._said[what] = now
        while len(self._said) > self._limit:
            del self._said[next(iter(self._said))]
