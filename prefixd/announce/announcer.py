"""Intents on one side, the speaker on the other.

Fits the engine's `Announcer` by shape. An intent that no route expresses exactly is kept, shown
with its reason and counted, so that "active" in the store and "on the wire" can be compared; it is
never silently dropped and never replaced by something close.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prefixd.announce.translate import Untranslatable, route_of
from prefixd.bgp.rib.loc_rib import Drift
from prefixd.bgp.rib.preview import Preview
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.verdict import Split, Withheld
from prefixd.domain.ids import MitigationId
from prefixd.domain.rule import Intent, NeighborPreview, Rule, RulePreview

log = logging.getLogger(__name__)


class RouteTable(Protocol):
    """What is needed of a speaker."""

    @property
    def revision(self) -> int: ...
    def announce(self, routes: Iterable[Route]) -> None: ...
    def withdraw(self, route_ids: Iterable[str]) -> None: ...
    def replace(self, routes: Iterable[Route]) -> Drift: ...
    def preview(self, route: Route) -> Sequence[Preview]: ...


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """An intent that no route can express."""

    intent: Intent
    reason: str


class BgpAnnouncer:
    def __init__(self, table: RouteTable, local_asn: int) -> None:
        self._table = table
        self._local_asn = local_asn
        self._inexpressible: dict[str, Inexpressible] = {}

    @property
    def revision(self) -> int:
        """Changes with every change of the routes to announce."""
        return self._table.revision

    @property
    def inexpressible(self) -> tuple[Inexpressible, ...]:
        return tuple(self._inexpressible.values())

    def why_inexpressible(self, mitigation_id: str) -> str | None:
        """Why no router can carry this rule; None when routers can, or when it is not wanted."""
        found = self._inexpressible.get(mitigation_id)
        return None if found is None else found.reason

    def announce(self, intents: Iterable[Intent]) -> None:
        routes, refused = self._routes(intents)
        for each in refused:
            _log(each, self._inexpressible)
            self._inexpressible[each.intent.mitigation_id] = each
        for route in routes:
            self._inexpressible.pop(route.route_id, None)
        if refused:
            self._table.withdraw([each.intent.mitigation_id for each in refused])
        self._table.announce(routes)

    def withdraw(self, mitigation_ids: Iterable[str]) -> None:
        ids = tuple(mitigation_ids)
        for mitigation_id in ids:
            self._inexpressible.pop(mitigation_id, None)
        self._table.withdraw(ids)

    def replace(self, intents: Sequence[Intent]) -> Drift:
        routes, refused = self._routes(intents)
        known = self._inexpressible
        for each in refused:
            _log(each, known)
        self._inexpressible = {each.intent.mitigation_id: each for each in refused}
        drift = self._table.replace(routes)
        # What no route expresses is not missing on the wire; it is reported the first time.
        fresh = tuple(each for each in self._inexpressible if each not in known)
        return Drift((*drift.missing, *fresh), drift.surplus, drift.changed)

    def preview(self, rule: Rule) -> RulePreview:
        """What each neighbor would receive; sends nothing."""
        intent = Intent(
            mitigation_id=MitigationId("preview"),
            rule=rule,
            priority=0,
            expires_at_us=0,
            owner="",
        )
        route = route_of(intent, self._local_asn)
        if isinstance(route, Untranslatable):
            return RulePreview(inexpressible=route.reason)
        return RulePreview(neighbors=tuple(map(_of_neighbor, self._table.preview(route))))

    def _routes(self, intents: Iterable[Intent]) -> tuple[list[Route], list[Inexpressible]]:
        routes: list[Route] = []
        refused: list[Inexpressible] = []
        for intent in intents:
            route = route_of(intent, self._local_asn)
            if isinstance(route, Untranslatable):
                refused.append(Inexpressible(intent, route.reason))
            else:
                routes.append(route)
        return routes, refused


def _of_neighbor(found: Preview) -> NeighborPreview:
    withheld = found.verdict if isinstance(found.verdict, Withheld) else None
    return NeighborPreview(
        neighbor=found.peer,
        withheld="" if withheld is None else withheld.reason.value,
        detail="" if withheld is None else withheld.detail,
        parts=len(found.verdict.parts) if isinstance(found.verdict, Split) else 1,
        rules_before=found.rules_before,
        rules_after=found.rules_after,
        matched_first=found.decided_earlier_by,
        matched_later=found.decides_before,
    )


def _log(found: Inexpressible, known: Mapping[str, Inexpressible]) -> None:
    """Once per rule: it is an active mitigation without effect."""
    mitigation_id = found.intent.mitigation_id
    if known.get(mitigation_id) != found:
        log.error(
            "no router can carry this mitigation",
            extra={"mitigation_id": mitigation_id, "reason": found.reason},
        )
