"""Finding the one rule a peer cannot digest, without losing the others.

Some routers answer a rule they dislike by resetting the session, and with it every mitigation;
after the reconnect the same rule would be sent again, for ever. So when a session ends shortly
after a write, everything written since the last quiet point is suspect. The next session gets the
rest first; then the suspects return half by half, and a half that ends the session again is halved
again. A rule that is alone when the session ends is convicted: quarantined for this peer, with the
evidence kept, until the rule or the peer changes.

A quiet point is a moment up to which the peer is known, or may be believed, to have parsed what it
got. This module knows no sockets and no clock; it is told what was written and what happened.
"""

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


@dataclass(slots=True)
class Quarantine:
    """One peer; lives across its sessions."""

    bisect: bool = True
    convicted: dict[Key, Evidence] = field(default_factory=dict[Key, Evidence])
    _untested: list[tuple[Key, ...]] = field(default_factory=list[tuple[Key, ...]])
    _on_trial: tuple[Key, ...] = ()
    _coincidences: int = 0
    _written: list[Sequence[tuple[Key, object]]] = field(
        default_factory=list[Sequence[tuple[Key, object]]]
    )

    @property
    def held_back(self) -> frozenset[Key]:
        """What the peer must not be told now."""
        return frozenset(self.convicted).union(*self._untested)

    @property
    def busy(self) -> bool:
        """A trial is under way or waits for the next quiet point."""
        return bool(self._untested or self._on_trial)

    def wrote(self, changes: Sequence[tuple[Key, object]]) -> None:
        """Remember what a chunk told; by reference, because nearly always nobody will ask."""
        if changes:
            self._written.append(changes)

    def quiet(self) -> bool:
        """Everything written was digested; True when `held_back` became smaller: test more."""
        self._written.clear()
        self._on_trial = ()
        self._coincidences = 0
        if not self._untested:
            return False
        self._on_trial = self._untested.pop(0)
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
        suspects = tuple(dict.fromkeys(key for each in self._written for key, _ in each))
        self._written.clear()
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
