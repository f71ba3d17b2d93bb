"""A route table that no router hears of: `mode: mock`, rehearsals and tests.

Keeps what would be on the wire and says so in the log. Everything above it runs unchanged, so a
rehearsal shows the same decisions, the same refusals and the same drift as the real thing.
"""

import logging
from collections.abc import Iterable, Sequence

from prefixd.bgp.rib.loc_rib import Drift, LocRib
from prefixd.bgp.rib.preview import Preview
from prefixd.bgp.rib.route import Route, describe

log = logging.getLogger(__name__)


class DryRunTable:
    """Fits `announcer.RouteTable` without a socket."""

    def __init__(self) -> None:
        self.loc = LocRib()

    @property
    def revision(self) -> int:
        return self.loc.revision

    def announce(self, routes: Iterable[Route]) -> None:
        for key in self.loc.put(routes):
            log.info("would announce", extra={"rule": describe(*key)})

    def withdraw(self, route_ids: Iterable[str]) -> None:
        for key in self.loc.remove(route_ids):
            log.info("would withdraw", extra={"rule": describe(*key)})

    def replace(self, routes: Iterable[Route]) -> Drift:
        drift, keys = self.loc.replace(routes)
        if keys:
            log.info("would change the table", extra={"rules": len(keys)})
        return drift

    def preview(self, route: Route) -> Sequence[Preview]:
        del route
        return ()
