"""All neighbors, configured and dynamic, and the listening sockets.

Owns one `Peer` per neighbor, the listening sockets with their keys, and admission: a caller is
looked up by address (configured neighbor first, then the longest dynamic prefix) before anything
is built for it, and an unknown one is closed at once. Carries out reload plans. Knows nothing of
routes; the `PeerObserver` given to every peer does.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Final, Protocol

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import (
    Direction,
    IPAddress,
    IPNetwork,
    Secret,
    StopMode,
)
from prefixd.bgp.peer.interface import PeerObserver
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.peer.read_turns import ReadTurns
from prefixd.bgp.peer.shutdown import signed
from prefixd.bgp.reload import Effect, PeerChange, ReloadPlan, plan_reload
from prefixd.bgp.session.socket_options import (
    HostAbilities,
    SocketRefusal,
    clear_md5,
    probe_host,
    set_ao,
    set_md5,
)
from prefixd.bgp.settings import (
    DynamicRange,
    PeerSettings,
    SpeakerSettings,
    default_stop_mode,
)
from prefixd.bgp.speaker.listener import (
    Admission,
    Admitted,
    Listener,
    adopt_listener,
    open_listener,
)
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.notification import cease
from prefixd.clock import Clock

log = logging.getLogger(__name__)

STOP_LIMIT_S: Final = 8.0
"""Draining, NOTIFICATION and FIN together may take this long; then sockets are simply closed."""
SWEEP_S: Final = 60.0


class Tasks(Protocol):
    """What keeps tasks running; the supervisor, in the daemon."""

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None: ...

    async def stop(self, name: str) -> None: ...


@dataclass(slots=True)
class RefusedCallers:
    unknown: int = 0
    too_often: int = 0
    full: int = 0
    range_full: int = 0


class PeerRegistry:
    def __init__(
        self,
        settings: SpeakerSettings,
        observer: PeerObserver,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        tasks: Tasks,
        restarting_for_s: float = 0.0,
        inherited: Sequence[int] = (),
    ) -> None:
        """`inherited`: listening descriptors passed by the service manager, used instead of
        `settings.listen`."""
        self.settings = settings
        self.abilities: HostAbilities = probe_host()
        self.refused_callers = RefusedCallers()
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        self._tasks = tasks
        self._read_turns = ReadTurns()
        self._restarting_until = clock.monotonic() + restarting_for_s
        self._inherited = tuple(inherited)
        self._admission = Admission(settings.admission)
        self._peers: dict[str, Peer] = {}
        self._by_address: dict[IPAddress, Peer] = {}
        self._ranges: dict[str, DynamicRange] = {}
        """The range each dynamic neighbor came from."""
        self._running: dict[str, asyncio.Event] = {}
        self._listeners: list[Listener] = []
        self._keys: dict[IPNetwork, Secret] = {}
        self._unprotected: set[IPNetwork] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    def peers(self) -> tuple[Peer, ...]:
        return tuple(self._peers.values())

    def get(self, name: str) -> Peer | None:
        return self._peers.get(name)

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(listener.port for listener in self._listeners)

    def start(self) -> None:
        """Listen, then connect. The rules must be loaded before this."""
        if not self.settings.live:
            return
        if self._inherited:
            sockets = [adopt_listener(descriptor) for descriptor in self._inherited]
        else:
            sockets = [open_listener(listen) for listen in self.settings.listen]
        self._listeners = [Listener(sock, self._arrived) for sock in sockets]
        self._protect_listeners()
        for peer in self.settings.peers:
            self._add(peer)

    def _protect_listeners(self) -> None:
        """Keys and hop limits of everyone who may call, on every socket of their family."""
        settings = self.settings
        callers = [peer for peer in settings.peers if peer.direction is not Direction.ACTIVE]
        wanted: dict[IPNetwork, PeerSettings] = {d.prefix: d.template for d in settings.dynamic}
        wanted |= {ip_network(peer.address): peer for peer in callers}
        keys = {net: peer.md5 for net, peer in wanted.items() if peer.md5 is not None}
        for listener in self._listeners:
            same_family = {n: p for n, p in wanted.items() if n.version == listener.version}
            for network in self._keys.keys() - keys.keys():
                if network.version == listener.version:
                    _clear(listener, network)
            for network, peer in same_family.items():
                self._protect(listener, network, peer)
            hops = [peer.ttl_security_hops for peer in same_family.values()]
            known = [each for each in hops if each is not None]
            if known and len(known) == len(hops):
                _demand_hops(listener, max(known))
        self._keys = keys

    def _protect(self, listener: Listener, network: IPNetwork, peer: PeerSettings) -> None:
        try:
            if peer.md5 is not None:
                set_md5(listener.sock, network, peer.md5)
            set_ao(listener.sock, network, peer.tcp_ao)
        except (SocketRefusal, OSError) as error:
            # Never unprotected instead: its calls are closed until the kernel or the file changes.
            self._unprotected.add(network)
            _log_keys(network, error)
        else:
            self._unprotected.discard(network)

    def _add(self, settings: PeerSettings, *, dynamic: bool = False) -> Peer:
        peer = Peer(
            settings,
            self.settings,
            self._observer,
            clock=self._clock,
            jitter=self._jitter,
            read_turns=self._read_turns,
            dynamic=dynamic,
            restarting_until=self._restarting_until,
        )
        self._peers[peer.name] = peer
        self._by_address[settings.address] = peer
        ended = self._running[peer.name] = asyncio.Event()

        async def run() -> None:
            await peer.run()
            ended.set()

        if settings.enabled:
            # Before its task has had a turn: the router may have connected already.
            peer.start()
        self._tasks.start(_task_name(peer), run)
        return peer

    def _arrived(self, sock: socket.socket, source: IPAddress) -> None:
        """A router has connected. What is not wanted is closed at once."""
        peer = self._by_address.get(source)
        found = None if peer is not None else self._range_of(source)
        network = ip_network(source) if found is None else found.prefix
        if (peer is None and found is None) or network in self._unprotected:
            self.refused_callers.unknown += 1
            sock.close()
            return
        pending = sum(peer.handshakes for peer in self._peers.values())
        match self._admission.ask(source, pending, self._clock.monotonic()):
            case Admitted.TOO_OFTEN:
                self.refused_callers.too_often += 1
                sock.close()
                return
            case Admitted.FULL:
                self.refused_callers.full += 1
                sock.close()
                return
            case Admitted.YES:
                pass
        if peer is None and found is not None:
            peer = self._add_dynamic(found, source)
        if peer is None:
            self.refused_callers.range_full += 1
            sock.close()
            return
        peer.accept(sock)

    def _range_of(self, source: IPAddress) -> DynamicRange | None:
        matches = [
            each
            for each in self.settings.dynamic
            if each.prefix.version == source.version and source in each.prefix
        ]
        return max(matches, key=lambda each: each.prefix.prefixlen, default=None)

    def _add_dynamic(self, found: DynamicRange, source: IPAddress) -> Peer | None:
        if sum(each is found for each in self._ranges.values()) >= found.max_peers:
            self._sweep(found, 0.0)
        if sum(each is found for each in self._ranges.values()) >= found.max_peers:
            return None
        name = f"{found.name}-{source}"
        self._ranges[name] = found
        settings = replace(
            found.template, name=name, address=source, direction=Direction.PASSIVE, enabled=True
        )
        if self._sweeper is None:
            self._schedule_sweep()
        return self._add(settings, dynamic=True)

    def _schedule_sweep(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_all)

    def _sweep_all(self) -> None:
        for found in {each.name: each for each in self._ranges.values()}.values():
            self._sweep(found, found.linger_s)
        self._sweeper = None
        if self._ranges:
            self._schedule_sweep()

    def _sweep(self, found: DynamicRange, linger_s: float) -> None:
        """Forget dynamic neighbors that have been gone for that long."""
        now = self._clock.monotonic()
        for name in [name for name, each in self._ranges.items() if each is found]:
            peer = self._peers[name]
            resting = peer.state in (PeerState.ACTIVE, PeerState.IDLE)
            if resting and now - peer.history.since >= linger_s:
                self._forget(peer)
                peer.retire()

    def _forget(self, peer: Peer) -> None:
        self._peers.pop(peer.name, None)
        self._ranges.pop(peer.name, None)
        if self._by_address.get(peer.settings.address) is peer:
            del self._by_address[peer.settings.address]

    def apply(self, new: SpeakerSettings) -> ReloadPlan:
        """Carry out what `plan_reload` says; the caller has reported the plan."""
        plan = plan_reload(self.settings, new)
        if new.admission != self.settings.admission:
            self._admission = Admission(new.admission)
        self.settings = new
        if not new.live:
            return plan
        wanted = {peer.name: peer for peer in new.peers}
        for change in plan.peers:
            self._apply_change(change, wanted.get(change.name))
        self._protect_listeners()
        for name, found in tuple(self._ranges.items()):
            if found not in new.dynamic:
                self._dismiss(self._peers[name])
        return plan

    def _apply_change(self, change: PeerChange, wanted: PeerSettings | None) -> None:
        peer = self._peers.get(change.name)
        if peer is None:
            if wanted is not None:
                self._add(wanted)
            return
        if wanted is None:
            self._dismiss(peer)
            return
        quiet = change.keeps_rules
        note = None if quiet else cease(CeaseSubcode.OTHER_CONFIGURATION_CHANGE)
        match change.effect:
            case Effect.REPLACE:
                self._forget(peer)
                peer.leave(note, "configuration changed")
                self._add(wanted)
            case Effect.RESET:
                peer.apply(wanted, self.settings)
                peer.reset(note, "configuration changed")
            case Effect.REKEY:
                peer.apply(wanted, self.settings)
                peer.rekey()
            case _:
                peer.apply(wanted, self.settings)

    def _dismiss(self, peer: Peer) -> None:
        self._forget(peer)
        peer.remove("no longer configured")
        peer.retire()

    async def stop(self, mode: StopMode | None = None, text: str = "") -> None:
        """End every session, each in its configured way unless `mode` is given."""
        text = text or signed(self.settings.operator, "prefixd stops")
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for peer in self._peers.values():
            peer.stop(mode or default_stop_mode(peer.settings), text)
            peer.retire()
        ends = [self._running[name].wait() for name in self._peers]
        if ends:
            try:
                async with asyncio.timeout(STOP_LIMIT_S):
                    await asyncio.gather(*ends)
            except TimeoutError:
                names = [name for name in self._peers if not self._running[name].is_set()]
                log.warning("timed out closing BGP sessions", extra={"peers": sorted(names)})
        for peer in self._peers.values():
            await self._tasks.stop(_task_name(peer))
        self._peers.clear()
        self._by_address.clear()
        self._ranges.clear()


def _clear(listener: Listener, network: IPNetwork) -> None:
    try:
        clear_md5(listener.sock, network)
    except (SocketRefusal, OSError) as error:
        # The neighbor has no key any more, and its connections fail until the next start.
        _log_keys(network, error)


def _demand_hops(listener: Listener, hops: int) -> None:
    try:
        listener.demand_hops(hops)
    except SocketRefusal:
        # Only an early refusal: every accepted connection gets the limit as well, or is closed.
        log.info("TTL security is not set on a listener", extra={"port": listener.port})


def _log_keys(network: IPNetwork, error: Exception) -> None:
    log.error(
        "cannot set the TCP keys of a neighbor",
        extra={"network": str(network), "error": str(error)},
    )


def _task_name(peer: Peer) -> str:
    return f"bgp {peer.name} {id(peer):x}"
