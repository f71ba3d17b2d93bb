"""An acknowledgement that BGP does not have: proof that a peer has parsed what we sent.

Messages of one session are handled in order. The answer to a ROUTE-REFRESH request therefore shows
that everything sent before the request was parsed and did not end the session. With enhanced
refresh (RFC 7313) the answer begins with BoRR, which makes it recognisable. Some peers offer the
capability and never answer for FlowSpec, so the probe learns: an unanswered request means `written`
is the best that can be said of this peer. Parsed is not installed; the names keep these apart.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    wanted: bool = True
    interval_s: float = 2.0
    timeout_s: float = 10.0
    patience: int = 2
    """Unanswered requests in a row before we stop asking for this session."""


class RefreshProbe:
    """One peer, one session, one family. Chunks are known by their number.

    One request for each set of changes, never a second: TCP loses nothing, so a peer that has not
    answered the first would not answer another. A peer of our own kind answers by sending its
    table, which is no change: if it were, two speakers would refresh each other for ever.
    """

    __slots__ = (
        "_answered_once",
        "_asked_seq",
        "_last_asked_at",
        "_open",
        "_settings",
        "_silences",
        "proven",
    )

    def __init__(self, settings: ProbeSettings, *, usable: bool) -> None:
        self._settings = settings
        self._open: deque[tuple[int, float]] = deque()
        """Requests without an answer, the oldest first: what was written, and when we asked."""
        self._asked_seq = 0
        self._last_asked_at: float | None = None
        self._answered_once = False
        self._silences = 0 if usable and settings.wanted else settings.patience
        self.proven = 0
        """Everything up to this chunk has been parsed."""

    @property
    def works(self) -> bool | None:
        """None: not known yet."""
        if self._answered_once:
            return True
        return False if self._silences >= self._settings.patience else None

    def due_at(self, changed: int, now: float) -> float | None:
        """When to ask next, given the last chunk that changed what the peer holds."""
        if self._silences >= self._settings.patience or changed <= self._asked_seq:
            return None
        if self._last_asked_at is None:
            return now
        wait_s = self._settings.timeout_s if self._open else self._settings.interval_s
        return max(now, self._last_asked_at + wait_s)

    def ask(self, changed: int, written: int, now: float) -> bool:
        """Whether a request shall be sent now; if so, it counts as sent. `written`: the last chunk
        of any kind."""
        due = self.due_at(changed, now)
        if due is None or due > now:
            return False
        if self._open:
            self._silences += 1
            if self._silences >= self._settings.patience:
                return False
        self._last_asked_at, self._asked_seq = now, written
        self._open.append((written, now))
        return True

    def answered(self, now: float) -> float | None:
        """BoRR arrived; the round trip in seconds, None when no request was open."""
        if not self._open:
            return None
        self.proven, asked_at = self._open.popleft()
        self._answered_once, self._silences = True, 0
        return now - asked_at
