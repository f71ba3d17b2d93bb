"""Finding the one rule a peer cannot digest, without losing the others.

Some routers answer a rule they dislike by resetting the session, and with it every mitigation;
after the reconnect the same rule would be sent again, for ever. So when a session ends shortly
after a write, everything the peer had not digested by then is suspect. The next session gets the
rest first; then the suspects return half by half, and a half that ends the session again is halved
again. A rule that is alone when the session ends is convicted: quarantined for this peer, with the
evidence kept, until the rule or the peer changes.

Each write is digested on its own: when the peer has proven it (a fence), or when it lies so far
back that the peer may be believed to have parsed it. A router that is told something every second
is no worse off than a quiet one. This module knows no sockets and no clock; it is told what was
written, and when, and what happened.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prefixd.bgp.rib.route import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a rule is not sent to this peer."""

    key: Key
    at_us: int
    code: int
    subcode: int
    data: bytes
    detail: str


@dataclass(frozen=True, slots=True)
class _Write:
    seq: int
    at: float
    changes: Sequence[tuple[Key, object]] = ()

    def digested(self, proven: int, until: float) -> bool:
        return self.seq <= proven or self.at <= until


@dataclass(slots=True)
class Quarantine:
    """One peer; lives across its sessions."""

    bisect: bool = True
    convicted: dict[Key, Evidence] = field(default_factory=dict[Key, Evidence])
    _untested: list[tuple[Key, ...]] = field(default_factory=list[tuple[Key, ...]])
    _on_trial: tuple[Key, ...] = ()
    _untold: set[Key] = field(default_factory=set[Key])
    """What is on trial and has not been written yet."""
    _told: _Write | None = None
    """When all that the peer may hold now had been written, what is on trial included."""
    _coincidences: int = 0
    _written: deque[_Write] = field(default_factory=deque[_Write])

    @property
    def held_back(self) -> frozenset[Key]:
        """What the peer must not be told now."""
        return frozenset(self.convicted).union(*self._untested)

    @property
    def busy(self) -> bool:
        """A trial is under way or waits for the one before."""
        return bool(self._untested or self._on_trial)

    def wrote(self, seq: int, at: float, changes: Sequence[tuple[Key, object]]) -> None:
        """Remember what a chunk told; by reference, because nearly always nobody will ask."""
        if not changes:
            return
        self._written.append(_Write(seq, at, changes))
        if self._untold:
            self._untold.difference_update(key for key, _ in changes)
            if not self._untold:
                self.told_all(seq, at)

    def told_all(self, seq: int, at: float) -> None:
        """Nothing waits to be written; the last chunk was `seq`."""
        if self._told is None:
            self._told = _Write(seq, at)

    def digested(self, proven: int, until: float) -> bool:
        """The peer has parsed all chunks up to `proven`, and what was written up to `until`. True
        when `held_back` became smaller by this: test more."""
        while self._written and self._written[0].digested(proven, until):
            self._written.popleft()
        if self._told is None or not self._told.digested(proven, until):
            return False
        self._on_trial = ()
        self._coincidences = 0
        if not self._untested:
            return False
        self._on_trial = self._untested.pop(0)
        self._untold = set(self._on_trial)
        self._told = None
        return True

    def session_ended(
        self,
        *,
        blamed: bool,
        certain: bool = True,
        at_us: int,
        code: int = 0,
        subcode: int = 0,
        data: bytes = b"",
        detail: str = "",
    ) -> tuple[Key, ...]:
        """The newly convicted.

        `blamed`: it ended in a way that accuses what was just written. `certain`: the peer said
        so itself. A connection that merely broke may be a router that was restarted: only the
        second time in a row makes suspects of what was written, and nobody is convicted who was
        not alone on trial.
        """
        written = (key for each in self._written for key, _ in each.changes)
        suspects = tuple(dict.fromkeys(written))
        self._written.clear()
        self._untold.clear()
        self._told = None
        trial, self._on_trial = self._on_trial, ()
        if blamed and not certain and not trial:
            self._coincidences += 1
            blamed = self._coincidences > 1
        if not blamed or not suspects:
            if trial:
                self._untested.insert(0, trial)
            return ()
        accused = tuple(key for key in suspects if key in set(trial)) if trial else suspects
        others = tuple(key for key in trial if key not in set(accused))
        if others:
            self._untested.insert(0, others)
        if not accused:
            return ()
        if len(accused) > 1 and self.bisect:
            middle = len(accused) // 2
            self._untested[:0] = [accused[:middle], accused[middle:]]
            return ()
        if not certain and not trial:
            self._untested.insert(0, accused)  # a coincidence is possible: once more, alone
            return ()
        for key in accused:
            self.convicted[key] = Evidence(
                key=key, at_us=at_us, code=code, subcode=subcode, data=data, detail=detail
            )
        return accused

    def pardon(self, keys: Iterable[Key] | None = None) -> bool:
        """Forget convictions: the rule changed, the peer changed, or an operator says so."""
        if keys is None:
            changed = bool(self.convicted or self._untested)
            self.convicted.clear()
            self._untested.clear()
            return changed
        found = [key for key in keys if self.convicted.pop(key, None) is not None]
        return bool(found)
