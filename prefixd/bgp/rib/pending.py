"""What is still to be sent to a peer: keys, never messages.

At the moment of sending the desired action is looked up, so a rule that came and went meanwhile
costs no octet, and memory is bounded by the number of rules, never by the number of changes.

Two lanes. `urgent` holds changes, in the order they came; `bulk` holds dumps, in the order they
were sorted. A change during a dump goes first. A single change leaves at once when the lane was
quiet; a storm waits for the batching window, so that many rules share few messages. Pacing counts
keys against the router's own pace; urgent keys may run one second into debt.
"""

from collections.abc import Iterable
from itertools import islice

from prefixd.bgp.rib.export_terms import Pacing
from prefixd.bgp.rib.route import Key

_NEVER = float("-inf")


class Pending:
    __slots__ = ("_emptied_at", "_first_at", "_pacing", "_tokens", "_tokens_at", "bulk", "urgent")

    def __init__(self, pacing: Pacing) -> None:
        self.urgent: dict[Key, int] = {}
        """Key and the revision that first asked for it."""
        self.bulk: dict[Key, bool] = {}
        """Key and whether to send it even if it was sent before."""
        self._pacing = pacing
        self._first_at = 0.0
        self._emptied_at = _NEVER
        self._tokens = float(pacing.rules_per_second)
        self._tokens_at = _NEVER

    def __len__(self) -> int:
        return len(self.urgent) + len(self.bulk)

    def mark(self, keys: Iterable[Key], revision: int, now: float) -> None:
        if not self.urgent:
            self._first_at = now
        for key in keys:
            self.urgent.setdefault(key, revision)

    def mark_bulk(self, keys: Iterable[Key], *, force: bool = False) -> None:
        for key in keys:
            self.bulk[key] = self.bulk.get(key, False) or force

    def clear(self) -> None:
        self.urgent.clear()
        self.bulk.clear()

    @property
    def oldest_revision(self) -> int | None:
        """The first change not sent yet."""
        return next(iter(self.urgent.values()), None)

    def waiting_s(self, now: float) -> float:
        """Age of the oldest change."""
        return now - self._first_at if self.urgent else 0.0

    def ready_at(self, now: float) -> float | None:
        """When the next key may go; None when there is none."""
        if not self:
            return None
        at = now
        if self.urgent and not self.bulk:
            at = self._window_ends()
        return max(at, self._paced_until(now))

    def _window_ends(self) -> float:
        quiet = self._first_at - self._emptied_at >= self._pacing.quiet_s
        if quiet or len(self.urgent) >= self._pacing.batch_keys:
            return self._first_at
        return self._first_at + self._pacing.batch_s

    def _paced_until(self, now: float) -> float:
        rate = self._pacing.rules_per_second
        if not rate:
            return now
        self._refill(now, rate)
        lacking = (1.0 - rate if self.urgent else 1.0) - self._tokens
        return now if lacking <= 0 else now + lacking / rate

    def _refill(self, now: float, rate: int) -> None:
        if self._tokens_at != _NEVER:
            self._tokens = min(float(rate), self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now

    def refund(self, keys: int) -> None:
        """So many keys were taken and cost the router nothing."""
        self._tokens += keys

    def take(self, now: float, most: int) -> list[tuple[Key, bool]]:
        """Up to `most` keys that may go now, urgent ones first; they are forgotten here."""
        rate = self._pacing.rules_per_second
        debt = 0
        if rate:
            self._refill(now, rate)
            debt = rate
        urgent_room = most if not rate else min(most, int(self._tokens) + debt)
        urgent = list(islice(self.urgent, max(0, urgent_room)))
        taken = [(key, self.bulk.pop(key, False)) for key in urgent]
        for key in urgent:
            del self.urgent[key]
        room = most - len(taken)
        if rate:
            room = min(room, int(self._tokens) - len(taken))
        if room > 0 and self.bulk:
            dumped = list(islice(self.bulk.items(), room))
            for key, _ in dumped:
                del self.bulk[key]
            taken += dumped
        self._tokens -= len(taken)
        # A dict keeps the room of its largest day; a dump of a hundred thousand is rare.
        if not self.bulk:
            self.bulk = {}
        if not self.urgent:
            self.urgent = {}
            self._emptied_at = now
        return taken
