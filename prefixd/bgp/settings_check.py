"""Settings that contradict each other or a protocol: all of them, in an operator's words.

Types keep most nonsense out of `settings.py`; what they cannot exclude is found here. The
configuration prints everything at once, with the place in the file it came from.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prefixd.bgp.neighbor_settings import (
    MAX_RESTART_TIME_S,
    MAX_STALE_TIME_S,
    Direction,
    IPAddress,
    RestartPolicy,
    RestartSettings,
    TimerSettings,
)
from prefixd.bgp.settings import (
    MD5_KEY_OCTETS,
    PeerSettings,
    SpeakerSettings,
    is_internal,
    local_asn,
)


@dataclass(frozen=True, slots=True)
class SettingProblem:
    where: str
    text: str


def problems(speaker: SpeakerSettings) -> list[SettingProblem]:
    """Every contradiction, in the order an operator reads the file."""
    found: list[SettingProblem] = []
    names: set[str] = set()
    addresses: set[tuple[IPAddress, int | None]] = set()
    for peer in speaker.peers:
        where = f"neighbor {peer.name}"
        if peer.name in names:
            found.append(SettingProblem(where, "another neighbor has the same name"))
        names.add(peer.name)
        identity = (peer.address, None)
        if identity in addresses:
            found.append(SettingProblem(where, f"another neighbor has address {peer.address}"))
        addresses.add(identity)
        found.extend(SettingProblem(where, text) for text in _peer_problems(speaker, peer))
    for dynamic in speaker.dynamic:
        where = f"dynamic range {dynamic.name}"
        found.extend(
            SettingProblem(where, text) for text in _peer_problems(speaker, dynamic.template)
        )
        if dynamic.template.direction is Direction.ACTIVE:
            found.append(SettingProblem(where, "a dynamic neighbor cannot be dialled"))
    return found


def _peer_problems(speaker: SpeakerSettings, peer: PeerSettings) -> Iterator[str]:
    yield from _transport_problems(peer)
    yield from _timer_problems(peer.timers)
    yield from _restart_problems(peer.restart)
    if not peer.families:
        yield "no address family is named"
    missing = [family for family in peer.required_families if family not in peer.families]
    if missing:
        yield "a required family is not among the families"
    if not peer.peer_asns or any(not 0 < asn < 1 << 32 for asn in peer.peer_asns):
        yield "the peer's AS number must lie between 1 and 4294967295"
    if not 0 < local_asn(speaker, peer) < 1 << 32:
        yield "our AS number must lie between 1 and 4294967295"
    if peer.role is not None and is_internal(speaker, peer):
        yield "roles (RFC 9234) exist between different AS only"


def _transport_problems(peer: PeerSettings) -> Iterator[str]:
    if peer.ttl_security_hops is not None:
        if peer.multihop is not None:
            yield "ttl_security and multihop exclude each other"
        if not 1 <= peer.ttl_security_hops <= 254:
            yield "ttl_security must lie between 1 and 254 hops"
    if peer.multihop is not None and not 1 <= peer.multihop <= 255:
        yield "multihop must lie between 1 and 255"
    if peer.md5 is not None:
        if peer.tcp_ao:
            yield "TCP MD5 and TCP-AO exclude each other"
        if not 1 <= len(peer.md5.value) <= MD5_KEY_OCTETS:
            yield f"an MD5 key has 1 to {MD5_KEY_OCTETS} octets"
    if peer.local_address is not None and peer.local_address.version != peer.address.version:
        yield "local_address is of another address family than the neighbor"
    if not 0 < peer.port < 1 << 16:
        yield "the port must lie between 1 and 65535"


def _timer_problems(timers: TimerSettings) -> Iterator[str]:
    if timers.hold_time_s in (1, 2) or not 0 <= timers.hold_time_s < 1 << 16:
        yield "the hold time is 0 or lies between 3 and 65535 seconds (RFC 4271 4.2)"
    elif 0 < timers.hold_time_s < timers.min_hold_time_s:
        yield "the hold time is below the minimum we ask of the peer"
    if timers.send_hold_time_s is not None and timers.send_hold_time_s < 30:
        yield "a send hold time below 30 seconds resets healthy sessions"
    if timers.connect_timeout_s <= 0 or timers.connect_retry_s <= 0:
        yield "connect times must be positive"


def _restart_problems(restart: RestartSettings) -> Iterator[str]:
    if not 0 <= restart.restart_time_s <= MAX_RESTART_TIME_S:
        yield f"the restart time has twelve bits: at most {MAX_RESTART_TIME_S} seconds"
    if not 0 <= restart.llgr_stale_time_s <= MAX_STALE_TIME_S:
        yield f"the stale time has 24 bits: at most {MAX_STALE_TIME_S} seconds"
    if restart.policy is RestartPolicy.HOLD and not restart.hold_reason.strip():
        yield "restart policy hold keeps rules on routers for long without us: give hold_reason"
