"""Finding the one rule that makes a peer reset the session, without losing the others.

Some routers answer a rule they dislike by resetting the session, and with it every mitigation;
after the reconnect the same rule would be sent again, for ever. So when a session ends shortly
after a write, everything the peer had not parsed by then is a candidate. The next session gets the
rest first; then the candidates return half by half, and a half that ends the session again is
halved again. A rule that is alone when the session ends is quarantined for this peer, with the
evidence kept, until the rule or the peer changes.

Each write counts as parsed on its own: when the peer has proven it (a refresh probe), or when it is
so old that the peer must have parsed it. A router that receives a change every second is no worse
off than a quiet one. This module knows no sockets and no clock; the caller reports what was
written, and when, and how a session ended.
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
    """One peer; kept across its sessions."""

    bisect: bool = True
    quarantined: dict[Key, Evidence] = field(default_factory=dict[Key, Evidence])
    _untested: list[tuple[Key, ...]] = field(default_factory=list[tuple[Key, ...]])
    _testing: tuple[Key, ...] = ()
    _unwritten: set[Key] = field(default_factory=set[Key])
    """What is being tested and has not been written yet."""
    _all_written: _Write | None = None
    """When all that the peer may hold now had been written, the tested rules included."""
    _coincidences: int = 0
    _written: deque[_Write] = field(default_factory=deque[_Write])

    @property
    def held_back(self) -> frozenset[Key]:
        """What must not be sent to the peer now."""
        return frozenset(self.quarantined).union(*self._untested)

    @property
    def busy(self) -> bool:
        """A test is running, or waits for the one before."""
        return bool(self._untested or self._testing)

    def wrote(self, seq: int, at: float, changes: Sequence[tuple[Key, object]]) -> None:
        """Remember the changes of a chunk; by reference, because they are hardly ever needed."""
        if not changes:
            return
        self._written.append(_Write(seq, at, changes))
        if self._unwritten:
            self._unwritten.difference_update(key for key, _ in changes)
            if not self._unwritten:
                self.all_written(seq, at)

    def all_written(self, seq: int, at: float) -> None:
        """Nothing waits to be written; the last chunk was `seq`."""
        if self._all_written is None:
            self._all_written = _Write(seq, at)

    def digested(self, proven: int, until: float) -> bool:
        """The peer has parsed all chunks up to `proven`, and what was written up to `until`. True
        when `held_back` became smaller by this: test more."""
        while self._written and self._written[0].digested(proven, until):
            self._written.popleft()
        if self._all_written is None or not self._all_written.digested(proven, until):
            return False
        self._testing = ()
        self._coincidences = 0
        if not self._untested:
            return False
        self._testing = self._untested.pop(0)
        self._unwritten = set(self._testing)
        self._all_written = None
        return True

    def session_ended(
        self,
        *,
        suspicious: bool,
        certain: bool = True,
        at_us: int,
        code: int = 0,
        subcode: int = 0,
        data: bytes = b"",
        detail: str = "",
    ) -> tuple[Key, ...]:
        """The newly quarantined keys.

        `suspicious`: it ended in a way that points at what was just written. `certain`: the peer
        named an UPDATE error. A connection that merely broke may be a router that was restarted:
        only the second time in a row makes candidates of what was written, and only a rule that was
        tested alone is quarantined.
        """
        written = (key for each in self._written for key, _ in each.changes)
        candidates = tuple(dict.fromkeys(written))
        self._written.clear()
        self._unwritten.clear()
        self._all_written = None
        trial, self._testing = self._testing, ()
        if suspicious and not certain and not trial:
            self._coincidences += 1
            suspicious = self._coincidences > 1
        if not suspicious or not candidates:
            if trial:
                self._untested.insert(0, trial)
            return ()
        narrowed = tuple(key for key in candidates if key in set(trial)) if trial else candidates
        others = tuple(key for key in trial if key not in set(narrowed))
        if others:
            self._untested.insert(0, others)
        if not narrowed:
            return ()
        if len(narrowed) > 1 and self.bisect:
            middle = len(narrowed) // 2
            self._untested[:0] = [narrowed[:middle], narrowed[middle:]]
            return ()
        if not certain and not trial:
            self._untested.insert(
                0, narrowed
            )  # a coincidence is possible: test it once more, alone
            return ()
        for key in narrowed:
            self.quarantined[key] = Evidence(
                key=key, at_us=at_us, code=code, subcode=subcode, data=data, detail=detail
            )
        return narrowed

    def release(self, keys: Iterable[Key] | None = None) -> bool:
        """Release rules: the rule changed, the peer changed, or an operator asked for it."""
        if keys is None:
            changed = bool(self.quarantined or self._untested)
            self.quarantined.clear()
            self._untested.clear()
            return changed
        found = [key for key in keys if self.quarantined.pop(key, None) is not None]
        return bool(found)
