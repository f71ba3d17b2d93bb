"""Where each neighbor stands: what outlives its sessions, and the terms it is told things on.

A session ends and begins; what was learned about the router behind it stays: rules it cannot
digest, how many it takes, what it told us. Terms are made here from all of that and from the
settings, so that the tables (`rib`) know no configuration and the sessions no tables.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prefixd.bgp.peer.interface import Link
from prefixd.bgp.rib.adj_rib_in import AdjRibIn
from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.quarantine import Quarantine
from prefixd.bgp.rib.route import Route
from prefixd.bgp.settings import BisectMode, IPNetwork, SpeakerSettings
from prefixd.bgp.speaker.export_terms import import_policy_of, safety_of, terms_of


@dataclass(slots=True)
class Standing:
    link: Link
    quarantine: Quarantine
    received: AdjRibIn
    most_rules: int | None = None
    """A limit the router told us by ending a session over it."""
    up: bool = False
    quiet_after_s: float = 31.0
    synced: bool = False
    fence_s: float | None = None
    echoes: int = 0
    refreshes_in: int = 0
    faults: dict[str, int] = field(default_factory=dict[str, int])


class Standings:
    def __init__(self, settings: SpeakerSettings, untouchable: tuple[IPNetwork, ...]) -> None:
        self._settings = settings
        self._untouchable = untouchable
        self._safety = safety_of(settings, untouchable)
        self._scoped: frozenset[str] = frozenset()
        self._standings: dict[str, Standing] = {}

    def __iter__(self) -> Iterator[Standing]:
        return iter(tuple(self._standings.values()))

    def get(self, name: str) -> Standing | None:
        return self._standings.get(name)

    def of(self, link: Link) -> Standing:
        """Made when first asked for."""
        standing = self._standings.get(link.name)
        if standing is None:
            settings = self._settings
            standing = self._standings[link.name] = Standing(
                link=link,
                quarantine=Quarantine(bisect=link.settings.poison.bisect is BisectMode.ON),
                received=AdjRibIn(
                    policy=import_policy_of(link.settings.accept),
                    local_as=link.settings.local_asn or settings.local_asn,
                    router_id=int(settings.router_id),
                ),
            )
        return standing

    def names_up(self) -> tuple[str, ...]:
        return tuple(name for name, standing in self._standings.items() if standing.up)

    def take_over(
        self,
        settings: SpeakerSettings,
        untouchable: tuple[IPNetwork, ...] | None,
        links: Iterable[Link],
    ) -> list[str]:
        """New settings, and the neighbors there are under them; the names of those that went."""
        self._settings = settings
        if untouchable is not None:
            self._untouchable = untouchable
        self._safety = safety_of(settings, self._untouchable)
        present = {link.name: link for link in links}
        gone = [name for name in self._standings if name not in present]
        for name in gone:
            del self._standings[name]
        for name, standing in self._standings.items():
            standing.link = present[name]
            standing.received.policy = import_policy_of(standing.link.settings.accept)
        return gone

    def forget(self, name: str) -> None:
        self._standings.pop(name, None)

    def widen_scope(self, routes: Iterable[Route]) -> bool:
        """Whether these routes name neighbors or tags that no route named before. Only such names
        are part of anybody's terms, or no two neighbors could share a group."""
        named = frozenset[str]().union(*(r.peers for r in routes if r.peers is not None))
        if named <= self._scoped:
            return False
        self._scoped |= named
        return True

    def terms(self, link: Link, *, withdraw_all: bool = False) -> Terms:
        standing = self.of(link)
        terms = terms_of(
            self._settings,
            link.settings,
            link.negotiated,
            safety=self._safety,
            quarantined=standing.quarantine.held_back,
            most_rules=standing.most_rules,
            scoped=self._scoped,
        )
        return terms.without_policy() if withdraw_all else terms
