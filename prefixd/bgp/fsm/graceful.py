"""Graceful restart as the helping side: how long to believe what a vanished peer told us.

RFC 4724 4.2, RFC 8538 4 and RFC 9494 4.2, per family:

    FRESH --session lost, restartable--> STALE --restart time over--> gone, or LONG_LIVED
    STALE/LONG_LIVED --peer back, still names the family--> AWAITING_EOR --End-of-RIB--> FRESH
    AWAITING_EOR --too long--> gone, FRESH

What is decided here is *which families*; the routes themselves are in an Adj-RIB-In that gets the
order to mark or sweep. The restarting side needs no state of this kind: a FlowSpec originator keeps
nothing in the network, it merely asks routers to, in its OPEN.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from prefixd.bgp.fsm.negotiate import Negotiated, PeerGraceful
from prefixd.bgp.fsm.state import DownKind, DownReason, is_cease
from prefixd.bgp.wire.iana import CeaseSubcode, Family


class Freshness(StrEnum):
    FRESH = "fresh"
    STALE = "stale"
    LONG_LIVED = "long_lived"
    AWAITING_EOR = "awaiting_eor"


@dataclass(frozen=True, slots=True)
class MarkStale:
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class MarkLongLived:
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete what is still stale in these families."""

    families: tuple[Family, ...]


StaleAction = MarkStale | MarkLongLived | Sweep


def restartable(negotiated: Negotiated, reason: DownReason) -> bool:
    """Whether this loss lets a helper keep the peer's routes."""
    match reason.kind:
        case DownKind.PEER_CLOSED | DownKind.TRANSPORT | DownKind.WE_CLOSED | DownKind.STALLED:
            return True
        case DownKind.WE_NOTIFIED | DownKind.PEER_NOTIFIED:
            hard = is_cease(reason.notification, CeaseSubcode.HARD_RESET)
            return negotiated.notification_restart and not hard
        case _:
            assert_never(reason.kind)


@dataclass(frozen=True, slots=True)
class _Keeping:
    freshness: Freshness
    until: float
    stale_time_s: int = 0


class Helper:
    """One peer's families; `now` is monotonic seconds."""

    __slots__ = ("_keeping", "stale_max_s")

    def __init__(self, stale_max_s: float) -> None:
        self.stale_max_s = stale_max_s
        self._keeping: dict[Family, _Keeping] = {}

    def freshness(self, family: Family) -> Freshness:
        keeping = self._keeping.get(family)
        return Freshness.FRESH if keeping is None else keeping.freshness

    @property
    def next_deadline(self) -> float | None:
        return min((each.until for each in self._keeping.values()), default=None)

    def lost(self, negotiated: Negotiated, reason: DownReason, now: float) -> list[StaleAction]:
        """The established session is over."""
        graceful = negotiated.graceful
        keep: tuple[Family, ...] = ()
        if graceful is not None and restartable(negotiated, reason):
            keep = _in_order(graceful.families & negotiated.families)
            self._keep(keep, graceful, now)
        drop = _in_order(negotiated.families - set(keep))
        for family in drop:
            self._keeping.pop(family, None)
        return _actions(MarkStale, keep) + _actions(Sweep, drop)

    def _keep(self, families: Iterable[Family], graceful: PeerGraceful, now: float) -> None:
        stale_times = dict(graceful.long_lived)
        for family in families:
            self._keeping[family] = _Keeping(
                Freshness.STALE, now + graceful.restart_time_s, stale_times.get(family, 0)
            )

    def returned(self, negotiated: Negotiated, now: float) -> list[StaleAction]:
        """Established again: families it no longer preserves go at once (RFC 4724 4.2)."""
        graceful = negotiated.graceful
        preserved = frozenset[Family]() if graceful is None else graceful.preserved
        preserved &= negotiated.families
        gone = _in_order(family for family in self._keeping if family not in preserved)
        for family in gone:
            del self._keeping[family]
        for family in self._keeping:
            self._keeping[family] = _Keeping(Freshness.AWAITING_EOR, now + self.stale_max_s)
        return _actions(Sweep, gone)

    def end_of_rib(self, family: Family) -> list[StaleAction]:
        keeping = self._keeping.get(family)
        if keeping is None or keeping.freshness is not Freshness.AWAITING_EOR:
            return []
        del self._keeping[family]
        return [Sweep((family,))]

    def due(self, now: float) -> list[StaleAction]:
        expired = [family for family, each in self._keeping.items() if each.until <= now]
        long_lived: list[Family] = []
        gone: list[Family] = []
        for family in expired:
            keeping = self._keeping.pop(family)
            if keeping.freshness is Freshness.STALE and keeping.stale_time_s:
                until = keeping.until + keeping.stale_time_s
                self._keeping[family] = _Keeping(Freshness.LONG_LIVED, until)
                long_lived.append(family)
            else:
                gone.append(family)
        return _actions(MarkLongLived, _in_order(long_lived)) + _actions(Sweep, _in_order(gone))

    def forget(self) -> list[StaleAction]:
        """The peer is no longer configured, or no longer wanted."""
        families = _in_order(self._keeping)
        self._keeping.clear()
        return _actions(Sweep, families)


def _actions(
    build: Callable[[tuple[Family, ...]], StaleAction], families: tuple[Family, ...]
) -> list[StaleAction]:
    return [build(families)] if families else []


def _in_order(families: Iterable[Family]) -> tuple[Family, ...]:
    return tuple(sorted(families))
