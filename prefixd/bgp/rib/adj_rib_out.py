"""What has been advertised, what is pending, and the step from one to the other.

A table of what the other side holds, pending keys that may differ from what it should hold, and
`next_chunk`, which looks up the desired action of some of them, packs the differences and updates
the table. The table changes when a chunk is handed out; if the connection dies, the table dies
with it and the next session starts from nothing.

Withdrawals stand first in a chunk and a limit is checked against the table as it will be, so that a
peer never holds more than its budget, not even between two messages.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from prefixd.bgp.rib.attributes import AttributeEncoder
from prefixd.bgp.rib.export_terms import Pacing
from prefixd.bgp.rib.pending import Pending
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.route_action import RouteAction
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.packing import pack_announcements, pack_withdrawals

_MOST_KEYS: Final = 948
"""Four full messages of typical rules, some milliseconds of work."""
_MOST_OCTETS: Final = 48_000
_MESSAGE_OVERHEAD: Final = 160

Table = dict[Family, dict[bytes, RouteAction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole messages for one write, and what they change."""

    seq: int
    octets: bytes
    messages: int
    announced: int = 0
    withdrawn: int = 0
    before: tuple[tuple[Key, RouteAction | None], ...] = ()
    """The action of each key in the table until now."""
    revision: int = 0
    """Every change up to this one was considered when the chunk was made."""
    changed: bool = False
    """False: the peer held all of it before."""


class DesiredTable(Protocol):
    """What the table should be."""

    def desired(self, key: Key) -> RouteAction | None: ...
    def room(self, table: Table, afi: int) -> int:
        """How many more routes of this family the peer can take."""
        ...


class AdjRibOut:
    __slots__ = ("pending", "recent", "table")

    def __init__(self, pacing: Pacing) -> None:
        self.table: Table = {}
        self.pending = Pending(pacing)
        self.recent: dict[Key, int] = {}
        """The last chunk with this key, until the peer is known to have parsed it."""

    def advertised(self, key: Key) -> RouteAction | None:
        return self.table.get(key.family, {}).get(key.nlri)

    def count(self, family: Family) -> int:
        return len(self.table.get(family, {}))

    def next_chunk(
        self,
        desired: DesiredTable,
        encoder: AttributeEncoder,
        *,
        now: float,
        seq: Callable[[], int],
        max_message: int,
        revision: int,
        repeats: bool = False,
    ) -> Chunk | None:
        """The next messages, if it is time and anything differs. `repeats`: what is forced
        although it was sent before is the same as before."""
        while (at := self.pending.ready_at(now)) is not None and at <= now:
            taken = self.pending.take(now, _MOST_KEYS)
            plan = self._plan(taken, desired, revision, now)
            if plan:
                return self._pack(plan, encoder, seq(), max_message, revision, repeats=repeats)
            if plan.postponed or not taken:
                return None  # only what has no room yet; a withdrawal will make some
        return None

    def _plan(
        self, taken: Sequence[tuple[Key, bool]], desired: DesiredTable, revision: int, now: float
    ) -> "_Plan":
        plan = _Plan()
        later: list[tuple[Key, RouteAction]] = []
        size = idle = 0
        for place, (key, force) in enumerate(taken):
            family, nlri = key
            wanted = desired.desired(key)
            held = self.table.get(family, _EMPTY).get(nlri)
            if wanted is held and not (force and wanted is not None):
                idle += 1
                continue
            if wanted is None:
                plan.withdraw(key)
            elif held is None:
                later.append((key, wanted))
            else:
                plan.announce(key, wanted)
            size += len(nlri)
            if size + len(plan.groups) * _MESSAGE_OVERHEAD > _MOST_OCTETS:
                self._put_back(taken[place + 1 :], revision, now)
                break
        self.pending.refund(idle)
        room: dict[int, int] = {}
        for family, keys in plan.withdrawals.items():
            room[family.afi] = self._room(room, desired, family.afi) + len(keys)
        for key, wanted in later:
            afi = key.family.afi
            left = self._room(room, desired, afi)
            if left <= 0:
                plan.postponed.append((key, False))
                continue
            room[afi] = left - 1
            plan.announce(key, wanted)
        self._put_back(plan.postponed, revision, now)
        return plan

    def _room(self, known: dict[int, int], desired: DesiredTable, afi: int) -> int:
        if afi not in known:
            known[afi] = desired.room(self.table, afi)
        return known[afi]

    def _put_back(self, keys: Iterable[tuple[Key, bool]], revision: int, now: float) -> None:
        for key, force in keys:
            if force:
                self.pending.mark_bulk((key,), force=True)
            else:
                self.pending.mark((key,), revision, now)

    def _pack(
        self,
        plan: "_Plan",
        encoder: AttributeEncoder,
        seq: int,
        max_message: int,
        revision: int,
        *,
        repeats: bool,
    ) -> Chunk:
        messages: list[bytes] = []
        fresh: list[Key] = []
        before: list[tuple[Key, RouteAction | None]] = []
        withdrawn = announced = 0
        for family, keys in plan.withdrawals.items():
            table = self.table[family]
            before += [(key, table.pop(key.nlri)) for key in keys]
            nlri = [key.nlri for key in keys]
            messages += pack_withdrawals(nlri, family=family, max_message=max_message)
            withdrawn += len(keys)
        for (family, _), (action, keys) in plan.groups.items():
            table = self.table.setdefault(family, {})
            attributes = encoder.encode(family, action)
            nlri = [key.nlri for key in keys]
            messages += pack_announcements(
                nlri,
                family=family,
                attributes=attributes.octets,
                next_hop=attributes.next_hop,
                max_message=max_message,
            )
            held = [(key, table.get(key.nlri)) for key in keys]
            fresh += [key for key, old in held if not (repeats and old is action)]
            before += held
            table.update(dict.fromkeys(nlri, action))
            announced += len(keys)
        self.recent.update(dict.fromkeys(fresh, seq))
        for keys in plan.withdrawals.values():
            for key in keys:
                self.recent.pop(key, None)
        return Chunk(
            seq=seq,
            octets=b"".join(messages),
            messages=len(messages),
            announced=announced,
            withdrawn=withdrawn,
            before=tuple(before),
            revision=revision,
            changed=bool(fresh or withdrawn),
        )


_EMPTY: Final[dict[bytes, RouteAction]] = {}


class _Plan:
    """Keys sorted into what to withdraw and what to announce with which action."""

    __slots__ = ("groups", "postponed", "withdrawals")

    def __init__(self) -> None:
        self.withdrawals: dict[Family, list[Key]] = {}
        self.groups: dict[tuple[Family, int], tuple[RouteAction, list[Key]]] = {}
        self.postponed: list[tuple[Key, bool]] = []

    def __bool__(self) -> bool:
        return bool(self.withdrawals or self.groups)

    def withdraw(self, key: Key) -> None:
        self.withdrawals.setdefault(key.family, []).append(key)

    def announce(self, key: Key, action: RouteAction) -> None:
        self.groups.setdefault((key.family, id(action)), (action, []))[1].append(key)
