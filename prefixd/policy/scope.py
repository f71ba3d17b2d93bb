"""From an attack and a step to the packets a rule names and what it does with them.

The destination is the victim exactly as reported, so an IPv6 host becomes a /128 and never a /32.
The protocol follows from the vector and the victim's address family. Reflection attacks add the
source port the replies come from. Ports appear only where the protocol has them, by the algebra of
`prefixd.policy.ports`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from prefixd.domain.inventory import Service
from prefixd.domain.rule import (
    ANY_PORT,
    Blackhole,
    Fragment,
    Match,
    Ports,
    Rule,
    TcpFlags,
    drops_everything,
    port_ranges,
)
from prefixd.domain.vector import TCP, TRAFFIC, UDP, Vector, protocol_for
from prefixd.policy.escalate import Standing, first_step, may_drop, softer_step, ttl_s
from prefixd.policy.playbook import Playbook, PolicySettings, PortMode
from prefixd.policy.ports import ServicePortsOnly, choose_ports
from prefixd.policy.select import Attack

SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

_FLAGS: Final[Mapping[Vector, TcpFlags]] = MappingProxyType(
    {
        Vector.SYN_FLOOD: TcpFlags(SYN, SYN | ACK),
        Vector.ACK_FLOOD: TcpFlags(ACK, SYN | ACK | RST),
        Vector.TCP_RST_FLOOD: TcpFlags(RST, RST),
    }
)
_SOURCE_PORTS: Final[Mapping[Vector, Ports]] = MappingProxyType(
    {vector: port_ranges(traffic.src_ports) for vector, traffic in TRAFFIC.items()}
)
_NO_PORTS: Final = frozenset({Vector.ICMP_FLOOD, Vector.GRE_FLOOD, Vector.FRAGMENT_FLOOD})


class Wanted(Struct, frozen=True, kw_only=True):
    """What policy asks for, before any guardrail has looked."""

    playbook: Playbook
    step: int
    rule: Rule
    ttl_s: int
    softened: str = ""  # why a softer step than the due one was taken


@dataclass(frozen=True, slots=True)
class NotWanted:
    """Policy itself says no; `code` is stable, `sentence` is for people."""

    code: str
    sentence: str


def wanted(
    settings: PolicySettings,
    playbook: Playbook,
    attack: Attack,
    standing: Standing,
    step: int | None = None,
) -> Wanted | NotWanted:
    """The rule for `step`, or for the first step that is due when none is named."""
    profile = attack.owner.customer.profile
    if step is None:
        step = first_step(playbook, profile, standing, settings.relaxed_confidence)
    softened = ""
    if drops_everything(playbook.steps[step].action) and not may_drop(profile, standing):
        softer = softer_step(playbook, step)
        if softer is None:
            return NotWanted(
                "strict_needs_two_sources",
                f"the customer's profile is strict: {standing.sources} source is not enough to"
                " drop traffic, and the playbook has no police step",
            )
        step, softened = softer, "strict_profile"
    match = match_for(playbook, attack, step)
    if isinstance(match, ServicePortsOnly):
        softer = softer_step(playbook, step) if playbook.ports is not PortMode.REFERENCE else None
        fallback = None if softer is None else match_for(playbook, attack, softer)
        if softer is None or fallback is None or isinstance(fallback, ServicePortsOnly):
            return _only_service_ports(playbook, match)
        step, softened, match = softer, "service_ports_only", fallback
    chosen = playbook.steps[step]
    return Wanted(
        playbook=playbook,
        step=step,
        rule=Rule(match, chosen.action),
        ttl_s=ttl_s(chosen, settings, step),
        softened=softened,
    )


def match_for(playbook: Playbook, attack: Attack, step: int) -> Match | ServicePortsOnly:
    action = playbook.steps[step].action
    if isinstance(action, Blackhole):
        return Match(dst=attack.victim)  # a unicast route knows destinations and nothing else
    vector = attack.vector
    protocol = protocol_for(vector, attack.victim.version)
    ports: Ports | ServicePortsOnly = ANY_PORT
    if vector not in _NO_PORTS:
        allowed = _allowed(attack.owner.service, protocol, playbook.ports)
        ports = choose_ports(
            attack.dst_ports, allowed, drops=drops_everything(action), mode=playbook.ports
        )
    if isinstance(ports, ServicePortsOnly):
        return ports
    return Match(
        dst=attack.victim,
        protocol=protocol,
        dst_ports=ports,
        src_ports=_SOURCE_PORTS[vector],
        tcp_flags=_FLAGS.get(vector) if playbook.match_tcp_flags else None,
        fragments=_FRAGMENTS if vector is Vector.FRAGMENT_FLOOD else (),
    )


_FRAGMENTS: Final = (Fragment.IS_FRAGMENT, Fragment.FIRST_FRAGMENT)


def _allowed(service: Service | None, protocol: int | None, mode: PortMode) -> Ports:
    """The ports a service is there for. An attack without a protocol may hit those of both."""
    if service is None:
        return ANY_PORT
    if protocol is None:
        if mode is PortMode.REFERENCE:
            return ANY_PORT  # that reading consults a list only where the vector names a protocol
        return _as_ranges((*service.allowed_ports(UDP), *service.allowed_ports(TCP)))
    return _as_ranges(service.allowed_ports(protocol))


@lru_cache(maxsize=4096)
def _as_ranges(ports: tuple[int, ...]) -> Ports:
    """Services list few ports and the same ones: worth remembering on the hottest path."""
    return port_ranges(ports)


def _only_service_ports(playbook: Playbook, found: ServicePortsOnly) -> NotWanted:
    if playbook.ports is PortMode.REFERENCE:
        return NotWanted(
            "service_ports_only",
            "no port under attack is a port of the service, and the playbook matches only those",
        )
    return NotWanted(
        "service_ports_only",
        "only ports of the service are under attack: dropping them would finish the attack's"
        " work, and the playbook has no police step",
    )
