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
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Final

from prefixd.bgp.neighbor_settings import (
    AoKey,
    Direction,
    FallbackMode,
    ImportSettings,
    IPAddress,
    IPNetwork,
    PacingSettings,
    PoisonSettings,
    RestartPolicy,
    RestartSettings,
    RoleName,
    Secret,
    StopMode,
    Time,
    TimeOrZero,
    TimerSettings,
)
from prefixd.bgp.rib.export_terms import (
    DEFAULT_BUDGET,
    DEFAULT_RTBH,
    Budget,
    ExportPolicy,
    RtbhTerms,
)
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.setting import (
    As,
    Default,
    Doc,
    Identity,
    Live,
    Many,
    Name,
    Named,
    Port,
    Positive,
    Text,
    Unit,
    Whole,
)
from prefixd.setting import Secret as SecretKey

Asn = Annotated[int, Whole(1, (1 << 32) - 1)]

BGP_PORT: Final = 179
DEFAULT_FAMILIES: Final = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
MD5_KEY_OCTETS: Final = 80
LONG_SENDERS: Final = frozenset({"frr"})
"""Profiles known to send UPDATEs above 4096 octets without RFC 8654. FRR 8.4 echoes our rules back
that way once there are some hundreds; answering Bad Message Length as RFC 4271 6.1 has it would
reset the session, and every mitigation with it, again and again."""


class SpeakerMode(StrEnum):
    SPEAKER = "speaker"
    MOCK = "mock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """One entry per router."""

    name: Annotated[Name, Identity(), Doc("Name in commands, logs and metrics. Unique.")]
    address: Annotated[IPAddress, Doc("Address of the peer. Unique.")]
    peer_asns: Annotated[
        frozenset[int],
        Named("peer_asn"),
        As("AS numbers"),
        Doc("AS number of the peer; ours makes it iBGP."),
    ]
    """Usually one; a dynamic range may allow several."""
    families: Annotated[
        tuple[Family, ...],
        Named("afi_safi"),
        As("families"),
        Doc("Address families offered. FlowSpec for rules; unicast as well for blackhole routes."),
    ] = DEFAULT_FAMILIES
    required_families: Annotated[
        tuple[Family, ...],
        Named("required_afi_safi"),
        Doc("Families without which the session is refused."),
    ] = ()
    """Refused with 2/7; the other families are optional."""
    local_asn: Annotated[
        Asn | None, Doc("Our AS number towards this peer."), Default("bgp.local_asn")
    ] = None
    enabled: Annotated[bool, Doc("false keeps the neighbor configured and down.")] = True
    description: Annotated[str, Text(minimum=0, maximum=255), Doc("For people."), Live.LIVE] = ""
    tags: Annotated[
        tuple[Name, ...], Doc("Words by which rules can name a set of peers."), Live.LIVE
    ] = ()
    profile: Annotated[
        str,
        As("profile"),
        Doc("What kind of router this is: decides what it may be sent."),
        Live.LIVE,
    ] = "generic"
    direction: Annotated[Direction, Doc("Who opens the connection.")] = Direction.BOTH
    port: Annotated[Port, Doc("TCP port of the peer.")] = BGP_PORT
    local_address: Annotated[
        IPAddress | None, Doc("Our address for this session."), Default("chosen by routing")
    ] = None
    bind_device: Annotated[
        str, Text(maximum=15), Doc("VRF device to bind to."), Default("none")
    ] = ""
    """Needs CAP_NET_RAW."""
    ttl_security_hops: Annotated[
        int | None,
        Named("ttl_security"),
        Unit("hops"),
        Whole(1, 254),
        Doc("GTSM (RFC 5082): the peer is at most this many hops away."),
        Default("off"),
    ] = None
    multihop: Annotated[
        int | None,
        Unit("hops"),
        Whole(1, 255),
        Doc("TTL towards an eBGP peer further away."),
        Default("off"),
    ] = None
    """Exclusive with `ttl_security_hops`."""
    md5: Annotated[
        Secret | None,
        Named("password"),
        SecretKey(),
        Doc("TCP MD5 key (RFC 2385). The first one, or taking it away, resets the session."),
        Live.LIVE,
    ] = None
    tcp_ao: Annotated[
        tuple[AoKey, ...],
        Many(unique=False),
        Doc("TCP-AO keys; instead of a password."),
    ] = ()
    timers: Annotated[TimerSettings, Doc("Timers of the session.")] = field(
        default_factory=TimerSettings
    )
    restart: Annotated[RestartSettings, Doc("Graceful restart.")] = field(
        default_factory=RestartSettings
    )
    stop_mode: Annotated[
        StopMode | None,
        Doc("How the session ends on SIGTERM."),
        Live.LIVE,
        Default("keep; withdraw under fail_open"),
    ] = None
    extended_message: Annotated[bool, Doc("Offer messages beyond 4096 octets (RFC 8654).")] = False
    accept_long_messages: Annotated[
        bool | None,
        Doc(
            "Read messages above 4096 octets although they were not negotiated; none is ever sent."
        ),
        Default("by profile: true for frr"),
    ] = None
    """None: by profile, see LONG_SENDERS."""
    enhanced_refresh: Annotated[bool, Doc("Offer enhanced route refresh (RFC 7313).")] = True
    role: Annotated[
        RoleName | None, Doc("Our BGP role towards this peer (RFC 9234)."), Default("none")
    ] = None
    role_strict: Annotated[bool, Doc("Refuse a peer that names no role.")] = False
    announce_hostname: Annotated[bool, Doc("Send our host name in the OPEN.")] = True
    short_shutdown_text: Annotated[
        bool, Doc("Cut shutdown texts at 128 octets, for old peers."), Live.LIVE
    ] = False
    """Old peers only know RFC 8203."""
    family_fallback: Annotated[
        FallbackMode, Doc("Retry with fewer families after a mismatch."), Live.LIVE
    ] = FallbackMode.OFF
    export: Annotated[
        ExportPolicy | None,
        Doc("What is announced to this peer."),
        Default("absent: nothing"),
        Live.LIVE,
    ] = None
    """None: nothing is announced to it (RFC 8212)."""
    rtbh: Annotated[RtbhTerms, Doc("Blackhole routes."), Live.LIVE] = DEFAULT_RTBH
    budget: Annotated[Budget, Doc("Limits on rules."), Live.LIVE] = DEFAULT_BUDGET
    pacing: Annotated[PacingSettings, Doc("Speed of changes."), Live.LIVE] = field(
        default_factory=PacingSettings
    )
    poison: Annotated[
        PoisonSettings, Doc("Isolation of rules that break the session."), Live.LIVE
    ] = field(default_factory=PoisonSettings)
    accept: Annotated[ImportSettings, Doc("What is believed of this peer."), Live.LIVE] = field(
        default_factory=ImportSettings
    )
    max_messages_per_second: Annotated[
        int,
        Whole(),
        Doc(
            "Most messages taken from this peer, averaged over a minute; above it the session is "
            "closed with Cease/8 (out of resources). 0: no limit."
        ),
        Live.LIVE,
    ] = 5000
    packet_log_messages: Annotated[int, Whole(0, 10_000), Doc("Messages kept for support.")] = 64
    record_dir: Annotated[
        str,
        Text(minimum=0),
        Doc("Directory for replayable journals of connections."),
        Default("none"),
    ] = ""
    """Empty: none is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicRange:
    """Neighbors that may appear from a prefix without being named one by one."""

    name: Annotated[Name, Identity(), Doc("Name of the range; its peers are named after it.")]
    prefix: Annotated[IPNetwork, Doc("Where such neighbors may call from.")]
    template: PeerSettings
    """Its `name` and `address` are replaced by those of the calling router."""
    max_peers: Annotated[Positive, Doc("Most neighbors at a time.")] = 16
    linger_s: Annotated[TimeOrZero, Doc("How long a vanished neighbor's counters are kept.")] = (
        3600.0
    )


@dataclass(frozen=True, slots=True)
class ListenAddress:
    address: IPAddress
    port: int = BGP_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """Limits on strangers at the BGP port."""

    connections_per_source_per_minute: Annotated[Positive, Doc("Calls taken from one address.")] = 5
    pending_handshakes: Annotated[Positive, Doc("Connections that have not become a session.")] = (
        100
    )
    tracked_sources: Annotated[Positive, Doc("Addresses remembered for these limits.")] = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSettings:
    """The BGP speaker and its neighbors."""

    mode: Annotated[
        SpeakerMode,
        Doc("`speaker` talks to routers; `mock` keeps rules in memory and opens no socket."),
        Live.RESTART,
    ] = SpeakerMode.SPEAKER
    local_asn: Annotated[Asn, Doc("Our AS number."), Live.PEER_RESTART]
    router_id: Annotated[
        IPv4Address, As("router id"), Doc("Our BGP identifier."), Live.PEER_RESTART
    ]
    """32 bits that look like an address (RFC 6286)."""
    listen: Annotated[
        tuple[ListenAddress, ...],
        As("listen addresses"),
        Doc("Where routers may call us. Ports below 1024 need CAP_NET_BIND_SERVICE."),
        Default('`["[::]:179", "0.0.0.0:179"]`'),
        Live.RESTART,
    ] = (
        ListenAddress(IPv6Address("::")),
        ListenAddress(IPv4Address("0.0.0.0")),  # noqa: S104  routers call us, from anywhere
    )
    peers: Annotated[tuple[PeerSettings, ...], Named("neighbors"), Doc("The routers.")] = ()
    dynamic: Annotated[
        tuple[DynamicRange, ...], Named("dynamic_neighbors"), Doc("Ranges of routers.")
    ] = ()
    admission: Annotated[AdmissionSettings, Doc("Limits on strangers."), Live.RESTART] = (
        AdmissionSettings()
    )
    hostname: Annotated[
        str,
        Text(minimum=0, maximum=64),
        Doc("Host name in the OPEN."),
        Live.PEER_RESTART,
        Default("empty"),
    ] = ""
    domain: Annotated[
        str,
        Text(minimum=0, maximum=64),
        Doc("Domain name in the OPEN."),
        Live.PEER_RESTART,
        Default("none"),
    ] = ""
    operator: Annotated[
        str,
        Text(maximum=64),
        Doc("Name in shutdown messages when no operator is known."),
        Live.LIVE,
    ] = "operator"
    restart_marker: Annotated[
        str,
        Text(minimum=0),
        Doc(
            "File that tells the next start how this one ended; without it no restart is announced."
        ),
        Default("beside the SQLite file, or in systemd's state directory"),
        Live.RESTART,
    ] = ""
    self_check_s: Annotated[
        Time, Doc("Interval of the check that peers hold what they should."), Live.RESTART
    ] = 300.0

    @property
    def live(self) -> bool:
        """False: keep rules in memory and open no socket."""
        return self.mode is SpeakerMode.SPEAKER


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
