"""An acknowledgement that BGP does not have: proof that a peer has parsed what we sent.

Messages of one session are handled in order. The answer to a ROUTE-REFRESH request therefore shows
that everything sent before the request was parsed and did not end the session. With enhanced
refresh (RFC 7313) the answer begins with BoRR, which makes it recognisable. Some peers offer the
capability and never answer for FlowSpec, so the probe learns: an unanswered request means `written`
is the best that can be said of this peer. Parsed is not installed; the names keep these apart.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    wanted: bool = True
    interval_s: float = 2.0
    timeout_s: float = 10.0
    patience: int = 2
    """Unanswered requests in a row before we stop asking for this session."""


class RefreshProbe:
    """One peer, one session, one family."""

    __slots__ = ("_answered_once", "_asked_at", "_asked_seq", "_settings", "_silences", "proven")

    def __init__(self, settings: ProbeSettings, *, usable: bool) -> None:
        self._settings = settings
        self._asked_at: float | None = None
        self._asked_seq = 0
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

    def due_at(self, written: int, now: float) -> float | None:
        """When to ask next, given the last chunk written."""
        if self._silences >= self._settings.patience or written <= self.proven:
            return None
        if self._asked_at is None:
            return now
        if self._asked_seq > self.proven:  # a question is open
            return self._asked_at + self._settings.timeout_s
        return max(now, self._asked_at + self._settings.interval_s)

    def ask(self, written: int, now: float) -> bool:
        """Whether a request shall be sent now; if so, it counts as sent."""
        if self._asked_at is not None and self._asked_seq > self.proven:
            if now < self._asked_at + self._settings.timeout_s:
                return False
            self._silences += 1
        due = self.due_at(written, now)
        open_question = self._asked_at is not None and self._asked_seq > self.proven
        if due is None or (due > now and not open_question):
            return False
        self._asked_at, self._asked_seq = now, written
        return True

    def answered(self, now: float) -> float | None:
        """BoRR arrived; the round trip in seconds, None when no request was open."""
        if self._asked_at is None or self._asked_seq <= self.proven:
            return None
        self.proven = self._asked_seq
        self._answered_once, self._silences = True, 0
        return now - self._asked_at
