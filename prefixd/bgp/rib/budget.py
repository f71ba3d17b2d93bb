"""Never more rules than the box can take: who is let in when not all fit.

Exceeding a router's own prefix limit costs the session and with it every mitigation, so our limit
lies below it and is kept at every instant. Higher priority goes first, then age; a part of the
room is kept for people, because an attack that fills the table must not lock the operator out. A
rule that is pushed out comes back by itself when there is room.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from prefixd.bgp.rib.export_terms import Budget
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import Profile
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6


@dataclass(frozen=True, slots=True)
class Limits:
    """Routes by family and together; None: as many as there are."""

    v4: int | None
    v6: int | None
    total: int | None
    reserve: float

    def of(self, afi: int) -> int | None:
        return self.v4 if afi == AFI_IPV4 else self.v6


class Candidate(NamedTuple):
    """One route in the queue. Its fields stand in the order that decides, smallest first, because
    tens of thousands of these are sorted while keepalives wait."""

    rank: int
    """Minus the priority."""
    automatic: bool
    since_us: int
    key: Key
    weight: int
    """How many rules it becomes: all parts of a split are let in, or none."""


def limits_of(budget: Budget, profile: Profile) -> Limits:
    def smaller(configured: int | None, of_profile: int | None) -> int | None:
        return of_profile if configured is None else configured

    return Limits(
        smaller(budget.rules_v4, profile.budget_v4),
        smaller(budget.rules_v6, profile.budget_v6),
        smaller(budget.rules_total, profile.budget_total),
        min(max(budget.reserved_for_manual, 0.0), 1.0),
    )


def squeezed_out(candidates: Iterable[Candidate], limits: Limits) -> set[Key]:
    """The keys that find no room."""
    out: set[Key] = set()
    accounts = {
        AFI_IPV4: _Account(limits.v4, limits.reserve),
        AFI_IPV6: _Account(limits.v6, limits.reserve),
    }
    together = _Account(limits.total, limits.reserve)
    for _, automatic, _, key, weight in sorted(candidates):
        own = accounts[key.family.afi]
        if own.fits(weight, automatic=automatic) and together.fits(weight, automatic=automatic):
            own.take(weight, automatic=automatic)
            together.take(weight, automatic=automatic)
        else:
            out.add(key)
    return out


class _Account:
    """Room of one kind: all of it for people, all but the reserve for automatic rules."""

    __slots__ = ("_automatic", "_automatic_limit", "_limit", "_used")

    def __init__(self, limit: int | None, reserve: float) -> None:
        self._limit = limit
        self._automatic_limit = None if limit is None else limit - int(limit * reserve)
        self._used = self._automatic = 0

    def fits(self, weight: int, *, automatic: bool) -> bool:
        if self._limit is None or self._automatic_limit is None:
            return True
        if self._used + weight > self._limit:
            return False
        return not automatic or self._automatic + weight <= self._automatic_limit

    def take(self, weight: int, *, automatic: bool) -> None:
        self._used += weight
        if automatic:
            self._automatic += weight
