"""A distribution of routes with a clock of its own, for tests of the tables."""

from itertools import count

from prefixd.bgp.rib.adj_rib_out import Chunk
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Pacing, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC
from tests.kit.speaking import a_route

TERMS = Terms(
    families=frozenset({IPV4_FLOWSPEC, IPV6_FLOWSPEC}),
    local_as=65000,
    internal=True,
    profile=PROFILES["bird"],
    policy=ExportPolicy(),
    pacing=Pacing(batch_s=0.0, quiet_s=0.0),
)
LIMIT = FlowSpecActions((RateLimit(1e6),))


class Desk:
    """A fan-out with a clock of its own."""

    def __init__(self) -> None:
        self.loc = LocRib()
        self.distribution = Distribution(self.loc)
        self.distribution.ready()
        self._clock = count(1000.0, 1.0)

    def up(self, *names: str, terms: Terms = TERMS) -> None:
        for name in names:
            self.distribution.peer_up(name, terms, ProbeSettings(wanted=False), probe_usable=False)
        for name in names:
            self.chunks(name)

    def put(self, *routes: Route) -> None:
        self.distribution.changed(self.loc.put(routes), next(self._clock))

    def remove(self, *ids: str) -> None:
        self.distribution.changed(self.loc.remove(ids), next(self._clock))

    def chunks(self, name: str) -> list[Chunk]:
        now = next(self._clock)
        found: list[Chunk] = []
        while (
            chunk := self.distribution.next_chunk(name, now)
        ) is not None or self.distribution.judging(name):
            if chunk is not None:
                found.append(chunk)
        return found


def hosts(number: int, start: int = 0) -> list[Route]:
    return [
        a_route(f"dst 198.18.{n >> 8}.{n & 255}/32 proto udp dport 53", f"r{n}", since_us=n)
        for n in range(start, start + number)
    ]


def desk_of(rules: int, at_once: int, terms: Terms = TERMS) -> Desk:
    desk = Desk()
    desk.put(*hosts(rules))
    desk.up("a", terms=terms)
    desk.distribution.at_once = at_once
    return desk
