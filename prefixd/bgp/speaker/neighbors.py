"""Per-neighbor state kept across sessions, and the export terms made from it.

A session ends and begins; what was learned about the router behind it stays: quarantined
rules, its limit, received routes. Terms are made here from all of that and from the
settings, so that the tables (`rib`) know no configuration and the sessions no tables.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prefixd.bgp.neighbor_settings import BisectMode, IPAddress, IPNetwork
from prefixd.bgp.peer.interface import PeerHandle
from prefixd.bgp.rib.adj_rib_in import AdjRibIn
from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.quarantine import Quarantine
from prefixd.bgp.rib.route import Route
from prefixd.bgp.settings import SpeakerSettings
from prefixd.bgp.speaker.export_terms import import_policy_of, safety_of, terms_of


@dataclass(slots=True)
class NeighborState:
    handle: PeerHandle
    quarantine: Quarantine
    received: AdjRibIn
    most_rules: int | None = None
    """A limit learned from the router when it ended a session over it."""
    up: bool = False
    quiet_after_s: float = 31.0
    synced: bool = False
    fence_s: float | None = None
    echoes: int = 0
    refreshes_in: int = 0
    faults: dict[str, int] = field(default_factory=dict[str, int])


class NeighborStates:
    def __init__(self, settings: SpeakerSettings, untouchable: tuple[IPNetwork, ...]) -> None:
        self._settings = settings
        self._untouchable = untouchable
        self._own: frozenset[IPAddress] = frozenset()
        self._safety = safety_of(settings, untouchable)
        self._scoped: frozenset[str] = frozenset()
        self._states: dict[str, NeighborState] = {}

    def __iter__(self) -> Iterator[NeighborState]:
        return iter(tuple(self._states.values()))

    def get(self, name: str) -> NeighborState | None:
        return self._states.get(name)

    def of(self, handle: PeerHandle) -> NeighborState:
        """Made when first asked for."""
        state = self._states.get(handle.name)
        if state is None:
            settings = self._settings
            state = self._states[handle.name] = NeighborState(
                handle=handle,
                quarantine=Quarantine(bisect=handle.settings.poison.bisect is BisectMode.ON),
                received=AdjRibIn(
                    policy=import_policy_of(handle.settings.accept),
                    local_as=handle.settings.local_asn or settings.local_asn,
                    router_id=int(settings.router_id),
                ),
            )
        return state

    def names_up(self) -> tuple[str, ...]:
        return tuple(name for name, state in self._states.items() if state.up)

    def take_over(
        self,
        settings: SpeakerSettings,
        untouchable: tuple[IPNetwork, ...] | None,
        handles: Iterable[PeerHandle],
    ) -> list[str]:
        """New settings, and the neighbors there are under them; the names of those that went."""
        self._settings = settings
        if untouchable is not None:
            self._untouchable = untouchable
        self._safety = safety_of(settings, self._untouchable, self._own)
        present = {handle.name: handle for handle in handles}
        gone = [name for name in self._states if name not in present]
        for name in gone:
            del self._states[name]
        for name, state in self._states.items():
            state.handle = present[name]
            state.received.policy = import_policy_of(state.handle.settings.accept)
        return gone

    def protect(self, own: frozenset[IPAddress]) -> None:
        """No rule may touch these addresses from now on."""
        self._own = own
        self._safety = safety_of(self._settings, self._untouchable, own)

    def forget(self, name: str) -> None:
        self._states.pop(name, None)

    def widen_scope(self, routes: Iterable[Route]) -> bool:
        """Whether these routes name neighbors or tags that no route named before. Only such names
        are part of the terms, or no two neighbors could share a group."""
        named = frozenset[str]().union(*(r.peers for r in routes if r.peers is not None))
        if named <= self._scoped:
            return False
        self._scoped |= named
        return True

    def terms(self, handle: PeerHandle, *, withdraw_all: bool = False) -> Terms:
        state = self.of(handle)
        terms = terms_of(
            self._settings,
            handle.settings,
            handle.negotiated,
            safety=self._safety,
            quarantined=state.quarantine.held_back,
            most_rules=state.most_rules,
            scoped=self._scoped,
        )
        return terms.without_policy() if withdraw_all else terms
