"""`prefixd listen`: a small router that prints the FlowSpec rules it receives.

Built from the same session code as the daemon. It filters nothing; it is for trying things out, for
demonstrations, and for looking at what another controller announces. Any neighbor from `--allow`
may connect, in one AS, over IPv4 or IPv6.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from prefixd.announce.translate import rule_of_flow
from prefixd.bgp.neighbor_settings import (
    Direction,
    ImportMode,
    ImportSettings,
    RestartPolicy,
    RestartSettings,
    StopMode,
)
from prefixd.bgp.rib.adj_rib_in import Received
from prefixd.bgp.rib.route import describe
from prefixd.bgp.settings import (
    DynamicRange,
    ListenAddress,
    PeerSettings,
    SpeakerSettings,
)
from prefixd.bgp.speaker.events import PeerChanged, RuleLearned, RuleLost, SpeakerEvent
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
)
from prefixd.clock import Clock, SystemClock
from prefixd.domain.rule import Rule, format_action
from prefixd.supervisor import Supervisor

FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    host: str = "127.0.0.1"
    port: int = 1791
    asn: int = 64500
    peer_asn: int | None = None
    allow: str = ""
    """Who may connect; empty: the network of `host` itself."""


def listener_settings(options: ListenOptions) -> SpeakerSettings:
    address = ip_address(options.host)
    anyone = "0.0.0.0/0" if address.version == 4 else "::/0"
    allowed = ip_network(options.allow or (anyone if address.is_unspecified else str(address)))
    template = PeerSettings(
        name="caller",
        address=address,
        peer_asns=frozenset({options.peer_asn or options.asn}),
        families=FAMILIES,
        direction=Direction.PASSIVE,
        restart=RestartSettings(policy=RestartPolicy.FAIL_OPEN),
        accept=ImportSettings(
            mode=ImportMode.ACCEPT,
            destinations=(ip_network("0.0.0.0/0"), ip_network("::/0")),
            max_received_flowspec=100_000,
        ),
    )
    return SpeakerSettings(
        local_asn=options.asn,
        router_id=IPv4Address("192.0.2.179"),
        listen=(ListenAddress(address, options.port),),
        dynamic=(DynamicRange(name="anyone", prefix=allowed, template=template),),
    )


class Printer:
    """One line for each event."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_event(self, event: SpeakerEvent) -> None:
        match event:
            case RuleLearned(received=received):
                self._say(f"+ {_rule_text(received)}")
            case RuleLost(key=key):
                self._say(f"- {describe(*key)}")
            case PeerChanged(transition=change):
                self._say(f"session with {change.peer}: {change.after}")
            case _:
                return

    def _say(self, text: str) -> None:
        moment = self._clock.now().strftime("%H:%M:%S")
        sys.stdout.write(f"{moment}  {text}\n")
        sys.stdout.flush()


def _rule_text(received: Received) -> str:
    text = describe(*received.key)
    if received.action is None or received.rule is None:
        return f"{text}  route"
    said = rule_of_flow(received.rule, received.action)
    action = format_action(said.action) if isinstance(said, Rule) else "unknown action"
    return f"{text}  {action}"


async def listen(options: ListenOptions) -> int:
    clock = SystemClock()
    supervisor = Supervisor()
    speaker = Speaker(
        listener_settings(options),
        clock=clock,
        jitter=lambda: 0.5,
        tasks=supervisor,
        publish=Printer(clock).on_event,
    )
    speaker.start()
    sys.stdout.write(
        f"listening for BGP on {options.host} port {options.port}, AS {options.asn};"
        " stop with Ctrl-C\n"
    )
    sys.stdout.flush()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await speaker.stop(StopMode.HARD, "prefixd listen ends")
    await supervisor.stop_all()
    return 0
