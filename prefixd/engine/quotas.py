"""How many mitigations are live: here, elsewhere, by customer, and how many are new.

Only committed rows are counted, plus what a running commit is about to add: that is *reserved*
meanwhile, so that the next decision already counts it. A reservation is given back when the commit
has ended, whether it succeeded or not.

A quota that fills up is reported once on the way up: when it is nearly full, early enough to raise
it, and again when it is full. It has to fall clearly below that mark before it is reported again.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping

from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import QuotaNear
from prefixd.guardrails.facts import Counts
from prefixd.guardrails.limits import Limits

MINUTE_US = 60_000_000
NEAR = 0.8
FAR = 0.7


class Quotas:
    def __init__(self) -> None:
        self._live: Counter[str | None] = Counter()
        self._reserved: Counter[str | None] = Counter()
        self._elsewhere: Mapping[str | None, int] = {}
        self._elsewhere_total = 0
        self._live_total = 0
        self._reserved_total = 0
        self._new: deque[int] = deque()
        self._reported: dict[str, bool] = {}
        """Quotas that are near (False) or used up (True), as last reported."""

    @property
    def reserved(self) -> int:
        return self._reserved_total

    def add(self, mitigation: Mitigation) -> None:
        self._live[mitigation.customer_id] += 1
        self._live_total += 1
        self._new.append(mitigation.created_at_us)

    def remove(self, mitigation: Mitigation) -> None:
        customer = mitigation.customer_id
        self._live[customer] -= 1
        self._live_total -= 1
        if not self._live[customer]:
            del self._live[customer]

    def reserve(self, mitigation: Mitigation) -> None:
        self._reserved[mitigation.customer_id] += 1
        self._reserved_total += 1

    def give_back(self, mitigations: Iterable[Mitigation]) -> None:
        for mitigation in mitigations:
            self._reserved[mitigation.customer_id] -= 1
            self._reserved_total -= 1

    def set_elsewhere(self, by_customer: Mapping[str | None, int]) -> None:
        """Live mitigations of other POPs on the same database, as last counted."""
        self._elsewhere = by_customer
        self._elsewhere_total = sum(by_customer.values())

    def counts(self, customer_id: str | None, now_us: int) -> Counts:
        """Those about to be saved included. Every rule of this POP goes to every peer that can
        carry it, so the fullest peer holds as many as the POP."""
        here = self._live_total + self._reserved_total
        customer = 0
        if customer_id is not None:
            customer = (
                self._live[customer_id]
                + self._reserved[customer_id]
                + self._elsewhere.get(customer_id, 0)
            )
        new = self._new
        while new and new[0] < now_us - MINUTE_US:
            new.popleft()
        return Counts(
            customer=customer,
            pop=here,
            everywhere=here + self._elsewhere_total,
            new_last_minute=len(new) + self._reserved_total,
            fullest_peer=here,
        )

    def near(self, limits: Limits, now_us: int) -> Iterator[QuotaNear]:
        """News of the quotas that came near their limit, or reached it, since the last call."""
        here = self._live_total
        for name, current, limit in (
            ("pop", here, limits.max_active_per_pop),
            ("global", here + self._elsewhere_total, limits.max_active_global),
        ):
            if limit is None or current < FAR * limit:
                self._reported.pop(name, None)
                continue
            reported = self._reported.get(name)
            full = current >= limit
            if (full and reported is not True) or (current >= NEAR * limit and reported is None):
                self._reported[name] = full
                yield QuotaNear(at_us=now_us, quota=name, current=current, limit=limit)
