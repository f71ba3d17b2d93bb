"""Our registry and real daemons on one private network, with rules to send.

We are 10.9.0.1 and fd09::1; a daemon with number n is 10.9.0.n and fd09::n with AS 65000+n, and has
one session over each. The rules are prepared octets: what is tested here is the session.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import Direction, TimerSettings
from prefixd.bgp.peer.interface import PeerHandle
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.settings import ListenAddress, PeerSettings, SpeakerSettings
from prefixd.bgp.speaker.peers import PeerRegistry
from prefixd.bgp.wire.as_path import as_sequence
from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.attribute_list import encode_attributes
from prefixd.bgp.wire.community import ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec import encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_action import Discard, encode_actions
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.packing import end_of_rib, pack_announcements, pack_withdrawals
from prefixd.bgp.wire.scalar import Origin
from prefixd.clock import SystemClock
from prefixd.supervisor import Supervisor
from tests.kit.bgp import Watcher, a_peer, a_speaker
from tests.kit.daemons import Bird, ExaBgp, Frr, GoBgp, Neighbor, OpenBgpd, Wish

OUR_ASN = 64500
US_V4, US_V6 = "10.9.0.1", "fd09::1"
FLOWSPEC = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
UNICAST = (IPV4_UNICAST, IPV6_UNICAST)

AnyDaemon = Bird | Frr | GoBgp | ExaBgp | OpenBgpd
KINDS = ("BIRD", "FRR", "GoBGP", "ExaBGP 4", "ExaBGP 5", "OpenBGPD")
NUMBERS = {kind: number for number, kind in enumerate(KINDS, start=2)}


def addresses(number: int) -> tuple[str, str]:
    return f"10.9.0.{number}", f"fd09::{number}"


def all_addresses() -> list[str]:
    return [
        address
        for number in (1, *NUMBERS.values())
        for address in (f"10.9.0.{number}/24", f"fd09::{number}/64")
    ]


def make(kind: str, directory: Path) -> AnyDaemon:
    directory.mkdir(parents=True, exist_ok=True)
    match kind:
        case "BIRD":
            return Bird(directory)
        case "FRR":
            return Frr(directory)
        case "GoBGP":
            return GoBgp(directory)
        case "ExaBGP 4":
            return ExaBgp(directory, 4)
        case "ExaBGP 5":
            return ExaBgp(directory, 5)
        case "OpenBGPD":
            return OpenBgpd(directory)
        case _:
            raise ValueError(kind)


def families_of(kind: str) -> tuple[Family, ...]:
    return UNICAST if kind == "OpenBGPD" else FLOWSPEC


def wish(kind: str, **changes: object) -> Wish:
    number = NUMBERS[kind]
    v4, v6 = addresses(number)
    names = tuple(str(family).replace("-", " ") for family in families_of(kind))
    neighbors = tuple(
        Neighbor(us=us, our_asn=OUR_ASN, local=local, families=names)
        for us, local in ((US_V4, v4), (US_V6, v6))
    )
    values = {"asn": 65000 + number, "router_id": v4, "neighbors": neighbors, **changes}
    return Wish(**values)  # type: ignore[arg-type]  # a builder trusts its tests


def peers_for(kind: str, **changes: object) -> tuple[PeerSettings, PeerSettings]:
    """Our side of the two sessions with one daemon."""
    number = NUMBERS[kind]
    values: dict[str, object] = {
        "families": families_of(kind),
        "multihop": 8,
        "profile": kind.split()[0].lower().replace("openbgpd", "generic"),
        "timers": TimerSettings(connect_retry_s=0.2),
        # ExaBGP calls us; the others wait.
        "direction": Direction.PASSIVE if kind.startswith("Exa") else Direction.ACTIVE,
        **changes,
    }
    v4, v6 = (
        a_peer(
            f"{kind} v{version}",
            address,
            65000 + number,
            local_address=ip_address(us),
            **values,
        )
        for version, address, us in zip((4, 6), addresses(number), (US_V4, US_V6), strict=True)
    )
    return v4, v6


def our_speaker(*peers: PeerSettings, **changes: object) -> SpeakerSettings:
    listen = (ListenAddress(IPv4Address(US_V4)), ListenAddress(IPv6Address(US_V6)))
    values: dict[str, object] = {"listen": listen, "peers": peers, **changes}
    return a_speaker(OUR_ASN, US_V4, **values)


@contextlib.asynccontextmanager
async def running_registry(
    speaker: SpeakerSettings, watcher: Watcher | None = None, restarting_for_s: float = 0.0
) -> AsyncIterator[tuple[PeerRegistry, Watcher]]:
    watcher = watcher or Watcher()
    tasks = Supervisor()
    registry = PeerRegistry(
        speaker,
        watcher,
        clock=SystemClock(),
        jitter=random.Random(11).random,
        tasks=tasks,
        restarting_for_s=restarting_for_s,
    )
    registry.start()
    try:
        yield registry, watcher
        failed = [task.last_error for task in tasks.tasks() if task.restarts]
        assert not failed, failed
    finally:
        await registry.stop()
        await tasks.stop_all()


async def all_up(registry: PeerRegistry, watcher: Watcher, timeout_s: float = 20.0) -> None:
    def up() -> bool:
        return all(peer.state is PeerState.ESTABLISHED for peer in registry.peers())

    try:
        await watcher.until(up, timeout_s)
    except TimeoutError:
        down = [peer.status() for peer in registry.peers() if not up()]
        why = [f"{s.name}: {s.state.value}, {s.last_down}, {s.last_error}" for s in down]
        raise AssertionError("\n".join(why)) from None


def rule_octets(family: Family, count: int, start: int = 0) -> list[bytes]:
    """NLRI of `count` plain rules, all different."""
    found = []
    for number in range(start, start + count):
        if family == IPV4_FLOWSPEC:
            target = f"198.18.{number >> 8 & 255}.{number & 255}/32"
        else:
            target = f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1/128"
        found.append(encode_nlri(encode_rule(parse_rule(f"dst {target} proto udp dport 53"))))
    return found


def announcement(nlri: list[bytes], family: Family) -> list[bytes]:
    communities, _ = encode_actions([Discard()])
    attributes: list[Attribute] = [Origin(), as_sequence(OUR_ASN), ExtendedCommunities(communities)]
    return pack_announcements(
        nlri, family=family, attributes=encode_attributes(attributes, WireContext())
    )


def withdrawal(nlri: list[bytes], family: Family) -> list[bytes]:
    return pack_withdrawals(nlri, family=family)


async def write_all(peer: Peer | PeerHandle, messages: list[bytes]) -> None:
    """In the order given, waiting for the kernel where it must be waited for."""
    for message in messages:
        while not peer.writable:
            assert peer.negotiated is not None, "the session went down"
            await asyncio.sleep(0.01)
        peer.write(message)


def end_of_ribs() -> list[bytes]:
    return [end_of_rib(family) for family in FLOWSPEC]


async def daemon_says(condition: object, timeout_s: float, what: str) -> None:
    """Ask a daemon's tool from another thread until it agrees; our loop goes on meanwhile."""
    end = asyncio.get_running_loop().time() + timeout_s
    assert callable(condition)
    while not await asyncio.to_thread(condition):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        await asyncio.sleep(0.05)
