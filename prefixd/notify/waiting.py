"""Alerts waiting for one destination: bounded, in order for each incident, the rest in any order.

An alert whose attempt failed waits for its next one; alerts about the same incident stay behind
it, others overtake it. So a trigger always precedes its resolve, and one message that a provider
refuses does not hold up the others.

When more wait than the limit allows, the least severe and among those the oldest is given up. The
end of an incident counts as much as its beginning did.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prefixd.notify.alert import Alert, AlertStatus
from prefixd.notify.settings import SEVERITY_ORDER, Severity

FLAP_US = 10_000_000


@dataclass(slots=True, eq=False)
class Entry:
    """One alert on its way to one destination. `due` is monotonic, `created_us` civil."""

    row_id: str
    alert: Alert
    created_us: int
    due: float
    attempts: int = 0

    @property
    def weight(self) -> int:
        return SEVERITY_ORDER.index(self.alert.opened_as)

    @property
    def is_urgent(self) -> bool:
        """Never collected, summed up or slowed down."""
        return self.alert.severity is Severity.CRITICAL


Shelf = dict[str, dict[str, Entry]]  # by some key, then by row, in order of arrival


class Waiting:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: dict[str, Entry] = {}
        self._by_incident: Shelf = {}
        self._by_group: Shelf = {}
        # A plain dictionary takes longer to its first entry the more were taken before it.
        self._by_weight: tuple[OrderedDict[str, Entry], ...] = tuple(
            OrderedDict() for _ in SEVERITY_ORDER
        )

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, entry: Entry) -> Entry | None:
        """The entry dropped to make room: perhaps the new one itself."""
        self._entries[entry.row_id] = entry
        self._by_incident.setdefault(entry.alert.dedup_key, {})[entry.row_id] = entry
        self._by_group.setdefault(entry.alert.group_key, {})[entry.row_id] = entry
        self._by_weight[entry.weight][entry.row_id] = entry
        if len(self._entries) <= self.limit:
            return None
        lightest = next(shelf for shelf in self._by_weight if shelf)
        dropped = next(iter(lightest.values()))
        self.remove(dropped)
        return dropped

    def put_before(self, older: Iterable[Entry]) -> list[Entry]:
        """Those of an earlier run go first. Returns the entries that found no room."""
        younger = self.clear()
        known = {entry.row_id for entry in younger}
        entries = [*(entry for entry in older if entry.row_id not in known), *younger]
        return [dropped for entry in entries if (dropped := self.add(entry)) is not None]

    def remove(self, entry: Entry) -> None:
        if self._entries.pop(entry.row_id, None) is None:
            return
        _take(self._by_incident, entry.alert.dedup_key, entry)
        _take(self._by_group, entry.alert.group_key, entry)
        self._by_weight[entry.weight].pop(entry.row_id)

    def clear(self) -> list[Entry]:
        entries = list(self._entries.values())
        for entry in entries:
            self.remove(entry)
        return entries

    def ready(self, now: float) -> list[Entry]:
        """The entries that may be attempted now, urgent first, else in order of arrival."""
        found = [entry for entry in self._heads() if entry.due <= now]
        found.sort(key=lambda entry: not entry.is_urgent)
        return found

    def next_due(self) -> float | None:
        return min((entry.due for entry in self._heads()), default=None)

    def of_group(self, group_key: str) -> list[Entry]:
        """Not yet tried and not urgent, about the same victim or thing."""
        shelf = self._by_group.get(group_key, {})
        return [each for each in shelf.values() if each.attempts == 0 and not each.is_urgent]

    def of_incident(self, dedup_key: str) -> list[Entry]:
        return list(self._by_incident.get(dedup_key, {}).values())

    def flapped(self, closing: Entry) -> list[Entry]:
        """The opening that `closing` makes pointless: the whole began and ended unseen.

        Empty when any of it was attempted, or is so old that it should be sent."""
        if closing.alert.status is not AlertStatus.RESOLVED:
            return []
        same = self.of_incident(closing.alert.dedup_key)
        opened = bool(same) and same[0].alert.status is AlertStatus.FIRING
        unseen = all(
            entry.attempts == 0 and closing.created_us - entry.created_us < FLAP_US
            for entry in same
        )
        return same if opened and unseen else []

    def _heads(self) -> Iterator[Entry]:
        """The first entry of each incident; the others wait behind it."""
        for shelf in self._by_incident.values():
            yield next(iter(shelf.values()))


def _take(shelves: Shelf, key: str, entry: Entry) -> None:
    shelf = shelves[key]
    del shelf[entry.row_id]
    if not shelf:
        del shelves[key]
