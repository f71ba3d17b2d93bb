"""The routes to announce, and nothing about which peer has received them.

One winner per key; routes that lost to it stay here, shadowed, and the best of them takes over the
moment the winner goes: on the wire that is one implicit replacement, never a withdrawal with a gap
behind it. Every change raises `revision` by one and names the keys it touched; peers follow by
comparing, so nothing is lost if a change is seen twice or late.

`replace` is the reconciler's entrance: it makes the table equal to what it is given and says what
differed. Expiry here is the last line only. The owner of the routes withdraws them in time; but a
rule whose end has passed must not outlive it because its owner is stuck.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from prefixd.bgp.rib.route import Key, Route, precedence
from prefixd.bgp.rib.route_action import RouteAction
from prefixd.bgp.wire.iana import Family

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Drift:
    """How the table differed from what it should have held, as route ids."""

    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.changed)


class LocRib:
    __slots__ = (
        "_actions",
        "_by_id",
        "_contested",
        "_due",
        "_due_seconds",
        "_tables",
        "revision",
    )

    def __init__(self) -> None:
        self.revision = 0
        self._tables: dict[Family, dict[bytes, Route]] = {}
        self._by_id: dict[str, Route] = {}
        self._contested: dict[Key, list[Route]] = {}
        self._actions: dict[RouteAction, RouteAction] = {}
        self._due: dict[int, list[str]] = {}
        self._due_seconds: list[int] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def table(self, family: Family) -> Mapping[bytes, Route]:
        """The winners of a family."""
        return self._tables.get(family, {})

    @property
    def families(self) -> tuple[Family, ...]:
        return tuple(self._tables)

    def get(self, route_id: str) -> Route | None:
        return self._by_id.get(route_id)

    def winner(self, key: Key) -> Route | None:
        table = self._tables.get(key.family)
        return None if table is None else table.get(key.nlri)

    def routes(self) -> Iterable[Route]:
        """Every route, the shadowed ones included."""
        return self._by_id.values()

    def shadowed_by(self, route_id: str) -> str | None:
        """The id of the route that has this one's key; None when it has it itself."""
        route = self._by_id.get(route_id)
        winner = None if route is None else self.winner(route.key)
        return None if winner is None or winner is route else winner.route_id

    def put(self, routes: Iterable[Route]) -> set[Key]:
        """Add or change; the keys whose winner is another now."""
        touched: set[Key] = set()
        for route in routes:
            self._put(route, touched)
        return self._counted(touched)

    def remove(self, route_ids: Iterable[str]) -> set[Key]:
        """Unknown ids are fine: what shall be gone is gone."""
        touched: set[Key] = set()
        for route_id in route_ids:
            route = self._by_id.pop(route_id, None)
            if route is not None:
                self._leave(route, touched)
        return self._counted(touched)

    def replace(self, routes: Iterable[Route]) -> tuple[Drift, set[Key]]:
        """Hold exactly these; what was missing, surplus or different, and the keys touched."""
        wanted = {route.route_id: route for route in routes}
        surplus = tuple(route_id for route_id in self._by_id if route_id not in wanted)
        missing: list[str] = []
        changed: list[str] = []
        touched = self.remove(surplus)
        for route_id, route in wanted.items():
            known = self._by_id.get(route_id)
            if known is None:
                missing.append(route_id)
            elif _differs(known, route):
                changed.append(route_id)
            touched |= self.put((route,))
        return Drift(tuple(missing), surplus, tuple(changed)), touched

    def expire(self, now_us: int) -> tuple[tuple[str, ...], set[Key]]:
        """Remove what has outlived its end; the ids, and the keys touched."""
        overdue: dict[str, None] = {}
        while self._due_seconds and self._due_seconds[0] * _SECOND_US <= now_us:
            second = heapq.heappop(self._due_seconds)
            for route_id in self._due.pop(second):
                route = self._by_id.get(route_id)
                if route is None or not route.expires_at_us:
                    continue
                if route.expires_at_us <= now_us:
                    overdue[route_id] = None
                else:  # it was extended meanwhile
                    self._remember_end(route)
        return tuple(overdue), self.remove(overdue)

    def _counted(self, touched: set[Key]) -> set[Key]:
        if touched:
            self.revision += 1
        return touched

    def _put(self, route: Route, touched: set[Key]) -> None:
        shared = self._actions.setdefault(route.action, route.action)
        if shared is not route.action:
            route = replace(route, action=shared)
        known = self._by_id.get(route.route_id)
        if known == route:
            return
        if known is None or known.expires_at_us != route.expires_at_us:
            self._remember_end(route)
        if known is not None and known.key != route.key:
            self._leave(known, touched)
            known = None
        self._by_id[route.route_id] = route
        key = route.key
        table = self._tables.setdefault(route.family, {})
        holder = table.get(route.nlri)
        if holder is None or (holder is known and key not in self._contested):
            table[route.nlri] = route
            if holder is None or _matters(holder, route):
                touched.add(key)
            return
        rivals = self._contested.setdefault(key, [holder])
        if known is not None:
            rivals.remove(known)
        rivals.append(route)
        self._elect(key, rivals, touched)

    def _leave(self, route: Route, touched: set[Key]) -> None:
        key = route.key
        rivals = self._contested.get(key)
        if rivals is None:
            del self._tables[route.family][route.nlri]
            touched.add(key)
            return
        rivals.remove(route)
        self._elect(key, rivals, touched)

    def _elect(self, key: Key, rivals: list[Route], touched: set[Key]) -> None:
        table = self._tables[key.family]
        before, best = table[key.nlri], min(rivals, key=precedence)
        table[key.nlri] = best
        if _matters(before, best):
            touched.add(key)
        if len(rivals) == 1:
            del self._contested[key]

    def _remember_end(self, route: Route) -> None:
        if not route.expires_at_us:
            return
        second = -(-route.expires_at_us // _SECOND_US)
        if second not in self._due:
            self._due[second] = []
            heapq.heappush(self._due_seconds, second)
        self._due[second].append(route.route_id)


def _matters(before: Route, after: Route) -> bool:
    """Whether a peer could receive something else; a later expiry changes nothing on the wire."""
    return (
        before.action is not after.action
        or before.priority != after.priority
        or before.manual != after.manual
        or before.since_us != after.since_us
        or before.owner != after.owner
        or before.peers != after.peers
    )


def _differs(known: Route, wanted: Route) -> bool:
    return known.key != wanted.key or known.action != wanted.action
