"""A speaker at work for tests: real sessions over loopback or inside a namespace."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address

from prefixd.bgp.neighbor_settings import Direction, PacingSettings, TimerSettings
from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.rib.route import Route, nlri_of
from prefixd.bgp.rib.route_action import FlowSpecActions, RouteAction
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.bgp.speaker.events import PeerSynced, SpeakerEvent
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_action import Discard
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC
from prefixd.clock import SystemClock
from prefixd.supervisor import Supervisor

DISCARD = FlowSpecActions((Discard(),))
PATIENCE_S = 30.0


def a_route(
    rule: str | FlowSpecRule, route_id: str = "", *, action: RouteAction = DISCARD, **more: object
) -> Route:
    """A route from a rule or its text; its id is the text unless given."""
    parsed = parse_rule(rule) if isinstance(rule, str) else rule
    nlri = nlri_of(parsed)
    route = Route(route_id=route_id or nlri.hex(), family=parsed.family, nlri=nlri, action=action)
    return replace(route, **more)  # type: ignore[arg-type]  # a builder trusts its tests


def a_neighbor(
    name: str = "router",
    address: str = "127.0.0.1",
    *,
    asn: int = 65000,
    port: int = 179,
    **more: object,
) -> PeerSettings:
    """An internal neighbor that may be told everything and is called, quickly and patiently."""
    peer = PeerSettings(
        name=name,
        address=ip_address(address),
        peer_asns=frozenset({asn}),
        families=(IPV4_FLOWSPEC, IPV6_FLOWSPEC),
        direction=Direction.ACTIVE,
        port=port,
        export=ExportPolicy(),
        timers=TimerSettings(connect_timeout_s=3.0, connect_retry_s=0.3),
        pacing=PacingSettings(rules_per_second=0),
    )
    return replace(peer, **more)  # type: ignore[arg-type]  # a builder trusts its tests


@dataclass
class Speaking:
    speaker: Speaker
    events: list[SpeakerEvent] = field(default_factory=list)
    _happened: asyncio.Event = field(default_factory=asyncio.Event)

    def on_event(self, event: SpeakerEvent) -> None:
        self.events.append(event)
        self._happened.set()

    async def until(self, condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        """Wait until something the speaker tells makes the condition true."""
        async with asyncio.timeout(patience_s):
            while not condition():
                self._happened.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._happened.wait()

    async def until_synced(self, *peers: str) -> None:
        """Every neighbor named has been told all there is at the beginning of a session."""
        await self.until(
            lambda: set(peers) <= {e.peer for e in self.events if isinstance(e, PeerSynced)}
        )


@contextlib.asynccontextmanager
async def speaking(
    *peers: PeerSettings, local_asn: int = 65000, router_id: str = "10.255.0.1", **more: object
) -> AsyncIterator[Speaking]:
    """A speaker whose doors are not open yet: put rules in, then call `speaker.start()`."""
    settings = SpeakerSettings(
        local_asn=local_asn, router_id=IPv4Address(router_id), listen=(), peers=peers
    )
    settings = replace(settings, **more)  # type: ignore[arg-type]  # a builder trusts its tests
    supervisor = Supervisor()
    heard: list[Speaking] = []
    speaker = Speaker(
        settings,
        clock=SystemClock(),
        jitter=random.Random(1).random,
        tasks=supervisor,
        publish=lambda event: heard[0].on_event(event),
    )
    heard.append(Speaking(speaker))
    try:
        yield heard[0]
    finally:
        await speaker.stop()
        await supervisor.stop_all()
