"""What an operator decides about BGP: one frozen value per neighbor, one for the speaker.

Defaults and units are here and nowhere else. Nothing in this file parses text or reads a file:
the configuration builds these values, the peers and the speaker use them. Everything an operator
may leave out has the default that is safe for a router carrying customer traffic: nothing is
exported until `export` is given, nothing is imported until `accept` is given (RFC 8212, applied to
iBGP as well), extended messages stay off, and the initial hold time does not let an unauthenticated
stranger keep a slot for four minutes.

What types cannot exclude is reported by `settings_check.py`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from prefixd.bgp.rib.export_terms import (
    DEFAULT_BUDGET,
    DEFAULT_RTBH,
    Budget,
    ExportPolicy,
    RtbhTerms,
)
from prefixd.bgp.wire.iana import Family

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

BGP_PORT: Final = 179
MD5_KEY_OCTETS: Final = 80
LONG_SENDERS: Final = frozenset({"frr"})
"""Profiles known to send UPDATEs above 4096 octets without RFC 8654. FRR 8.4 echoes our rules back
that way once there are some hundreds; answering Bad Message Length as RFC 4271 6.1 has it would
reset the session, and every mitigation with it, again and again."""
MAX_RESTART_TIME_S: Final = 4095
MAX_STALE_TIME_S: Final = (1 << 24) - 1


class Direction(StrEnum):
    """Who opens the TCP connection. `both` can collide, and resolves it (RFC 4271 6.8)."""

    BOTH = "both"
    ACTIVE = "active"
    PASSIVE = "passive"


class RestartPolicy(StrEnum):
    """What routers do with our rules while we are gone."""

    FAIL_OPEN = "fail_open"
    BRIDGE = "bridge"
    HOLD = "hold"


class StopMode(StrEnum):
    """How a session ends when we are the ones to end it on purpose."""

    KEEP = "keep"
    WITHDRAW = "withdraw"
    HARD = "hard"


class ExcessPolicy(StrEnum):
    """What happens when a peer announces more than `max_received`."""

    DISCARD = "discard_excess"
    RESET = "reset"


class FenceMode(StrEnum):
    """Whether a ROUTE-REFRESH answer is used as proof that earlier UPDATEs were parsed."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class ImportMode(StrEnum):
    DENY = "deny"
    MONITOR = "monitor"
    ACCEPT = "accept"


class BisectMode(StrEnum):
    ON = "on"
    OFF = "off"


class FallbackMode(StrEnum):
    """Whether to retry with fewer families after NOTIFICATION 2/7."""

    OFF = "off"
    AUTO = "auto"


class RoleName(StrEnum):
    """BGP roles of RFC 9234, as this side plays them."""

    PROVIDER = "provider"
    ROUTE_SERVER = "rs"
    ROUTE_SERVER_CLIENT = "rs-client"
    CUSTOMER = "customer"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Secret:
    """Key material that never prints."""

    value: bytes = field(repr=False)


class AoAlgorithm(StrEnum):
    HMAC_SHA1 = "hmac(sha1)"
    AES_128_CMAC = "cmac(aes128)"
    HMAC_SHA256 = "hmac(sha256)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AoKey:
    """One master key tuple of TCP-AO (RFC 5925 3.1)."""

    send_id: int
    receive_id: int
    secret: Secret
    algorithm: AoAlgorithm = AoAlgorithm.HMAC_SHA1
    mac_octets: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartSettings:
    """Graceful restart, as originator of rules and as helper for others."""

    policy: RestartPolicy = RestartPolicy.BRIDGE
    restart_time_s: int = 120
    llgr_stale_time_s: int = 3600
    """Offered only with `hold`."""
    hold_reason: str = ""
    """Why rules may outlive us for so long; required with `hold`."""
    stale_routes_max_s: int = 360
    """As helper: how long after the peer is back its stale routes may wait for End-of-RIB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSettings:
    connect_timeout_s: float = 10.0
    connect_retry_s: float = 5.0
    """First step of every retry schedule; jitter of a quarter either way is added."""
    initial_hold_time_s: float = 30.0
    """How long a connection may wait for the peer's OPEN (RFC 4271 suggests 240)."""
    hold_time_s: int = 90
    min_hold_time_s: int = 3
    keepalive_s: float | None = None
    """None: a third of the negotiated hold time."""
    send_hold_time_s: float | None = None
    """None: twice the negotiated hold time, at least 30 (RFC 9687)."""
    stable_s: float = 300.0
    """Established for this long forgets earlier failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingSettings:
    batch_ms: int = 20
    batch_keys: int = 200
    quiet_ms: int = 50
    """When nothing was pending this long, the first rule is sent at once."""
    rules_per_second: int | None = None
    """None: the profile's number; 0: unpaced."""
    fence: FenceMode = FenceMode.AUTO
    fence_interval_s: float = 2.0
    fence_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonSettings:
    window_s: float = 10.0
    bisect: BisectMode = BisectMode.ON


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """What is accepted from this peer. The default accepts nothing."""

    mode: ImportMode = ImportMode.DENY
    destinations: tuple[IPNetwork, ...] = ()
    actions: frozenset[str] = frozenset()
    required_communities: tuple[int, ...] = ()
    max_received_flowspec: int = 1000
    max_received_unicast: int = 10_000
    warn_share: float = 0.8
    on_excess: ExcessPolicy = ExcessPolicy.DISCARD
    enforce_first_as: bool = False
    max_items_per_rule: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """One neighbor."""

    name: str
    address: IPAddress
    peer_asns: frozenset[int]
    """Usually one; a dynamic range may allow several."""
    families: tuple[Family, ...]
    required_families: tuple[Family, ...] = ()
    """Without these the session is refused with 2/7; the rest are optional."""
    local_asn: int | None = None
    """None: the speaker's."""
    enabled: bool = True
    description: str = ""
    tags: tuple[str, ...] = ()
    profile: str = "generic"
    direction: Direction = Direction.BOTH
    port: int = BGP_PORT
    local_address: IPAddress | None = None
    bind_device: str = ""
    """A VRF device; needs CAP_NET_RAW."""
    ttl_security_hops: int | None = None
    """GTSM (RFC 5082): 1 for a directly connected neighbor."""
    multihop: int | None = None
    """eBGP over several hops: the TTL to send. Exclusive with `ttl_security_hops`."""
    md5: Secret | None = None
    tcp_ao: tuple[AoKey, ...] = ()
    """The first is used to send; the others are accepted during a roll-over."""
    timers: TimerSettings = TimerSettings()
    restart: RestartSettings = RestartSettings()
    stop_mode: StopMode | None = None
    """On SIGTERM. None: `keep` under bridge and hold, `withdraw` under fail_open."""
    extended_message: bool = False
    accept_long_messages: bool | None = None
    """Read UPDATEs above 4096 octets although they were not negotiated; never send any. None: by
    profile, see LONG_SENDERS."""
    enhanced_refresh: bool = True
    role: RoleName | None = None
    role_strict: bool = False
    announce_hostname: bool = True
    short_shutdown_text: bool = False
    """Cut shutdown text at 128 octets, for peers that only know RFC 8203."""
    family_fallback: FallbackMode = FallbackMode.OFF
    export: ExportPolicy | None = None
    """What this peer may receive; None: nothing is announced to it (RFC 8212)."""
    rtbh: RtbhTerms = DEFAULT_RTBH
    budget: Budget = DEFAULT_BUDGET
    pacing: PacingSettings = PacingSettings()
    poison: PoisonSettings = PoisonSettings()
    accept: ImportSettings = ImportSettings()
    max_messages_per_second: int = 5000
    """Averaged over a minute; above it the session is closed with Cease/8. 0: no limit."""
    packet_log_messages: int = 64
    record_dir: str = ""
    """Where to keep a replayable journal of every connection; empty: none is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicRange:
    """Neighbors that may appear from a prefix without being named one by one."""

    name: str
    prefix: IPNetwork
    template: PeerSettings
    """Its `name` and `address` are replaced by those of the calling router."""
    max_peers: int = 16
    linger_s: float = 3600.0
    """How long a vanished neighbor's counters are kept."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    address: IPAddress
    port: int = BGP_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """Limits on incoming connections, applied before a neighbor object exists."""

    connections_per_source_per_minute: int = 5
    pending_handshakes: int = 100
    tracked_sources: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSettings:
    local_asn: int
    router_id: IPv4Address
    """The BGP identifier: 32 bits that look like an address (RFC 6286)."""
    listen: tuple[ListenAddress, ...] = (
        ListenAddress(IPv6Address("::")),
        ListenAddress(IPv4Address("0.0.0.0")),  # noqa: S104  routers call us, from anywhere
    )
    peers: tuple[PeerSettings, ...] = ()
    dynamic: tuple[DynamicRange, ...] = ()
    admission: AdmissionSettings = AdmissionSettings()
    hostname: str = ""
    domain: str = ""
    live: bool = True
    """False: keep rules in memory and open no socket."""
    restart_marker: str = ""
    """File from which the next start learns how this one ended; empty: a restart is never
    announced."""
    operator: str = "operator"
    """The name in shutdown messages when no other is given."""
    self_check_s: float = 300.0


def local_asn(speaker: SpeakerSettings, peer: PeerSettings) -> int:
    return peer.local_asn if peer.local_asn is not None else speaker.local_asn


def is_internal(speaker: SpeakerSettings, peer: PeerSettings) -> bool:
    return peer.peer_asns == {local_asn(speaker, peer)}


def reads_long_messages(peer: PeerSettings) -> bool:
    if peer.accept_long_messages is not None:
        return peer.accept_long_messages
    return peer.profile in LONG_SENDERS


def default_stop_mode(peer: PeerSettings) -> StopMode:
    if peer.stop_mode is not None:
        return peer.stop_mode
    if peer.restart.policy is RestartPolicy.FAIL_OPEN:
        return StopMode.WITHDRAW
    return StopMode.KEEP
