"""`bgp:` of prefixd.yaml: neighbours and speaker, in the words of routers.

Only spelling is decided here. What a neighbour's values mean together (GTSM against multihop, a
hold time against its minimum) is `prefixd.bgp.settings.problems`, asked by `check.py`.
"""

import ipaddress
import re
from enum import StrEnum

from prefixd.bgp.settings import (
    AdmissionSettings,
    AoAlgorithm,
    AoKey,
    BisectMode,
    BudgetSettings,
    Direction,
    DynamicRange,
    ExcessPolicy,
    ExportSettings,
    FallbackMode,
    FenceMode,
    ImportMode,
    ImportSettings,
    IPAddress,
    IPNetwork,
    ListenAddress,
    PacingSettings,
    PeerSettings,
    PoisonSettings,
    RestartPolicy,
    RestartSettings,
    RoleName,
    RtbhSettings,
    Secret,
    SpeakerSettings,
    StopMode,
    TimerSettings,
)
from prefixd.bgp.wire.iana import FAMILY_BY_NAME, IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    HOST_PORT,
    NAME,
    PORT,
    SHARE,
    Flag,
    Listing,
    Mapped,
    Number,
    Spelled,
    Text,
    Whole,
    Word,
    set_of,
)
from prefixd.config.reader import BAD, Bad, Live, Reader, did_you_mean
from prefixd.config.schema import Key, Section, field_defaults, gone, key, secret_keys

ASN = Whole(minimum=1, maximum=(1 << 32) - 1)
SECONDS = Number(minimum=0.0, maximum=86_400.0)
POSITIVE_SECONDS = Number(minimum=0.0, maximum=86_400.0, above_minimum=True)
DEFAULT_FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
PROFILES = ("generic", "junos", "eos", "iosxr", "sros", "frr", "bird", "gobgp", "exabgp")
EVERY_ADDRESS: tuple[IPAddress, ...] = (
    ipaddress.IPv6Address("::"),
    ipaddress.IPv4Address("0.0.0.0"),  # noqa: S104  routers call us, from anywhere
)
ACTIONS = ("discard", "police", "redirect", "mark", "blackhole")

_COMMUNITY_NAMES = {
    "blackhole": 0xFFFF029A,
    "no_export": 0xFFFFFF01,
    "no_advertise": 0xFFFFFF02,
    "no_export_subconfed": 0xFFFFFF03,
}


class BgpMode(StrEnum):
    SPEAKER = "speaker"
    MOCK = "mock"


def _address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _address_v4(text: str) -> ipaddress.IPv4Address | None:
    address = _address(text)
    return address if isinstance(address, ipaddress.IPv4Address) else None


def _address_v6(text: str) -> ipaddress.IPv6Address | None:
    address = _address(text)
    return address if isinstance(address, ipaddress.IPv6Address) else None


def _network(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text, strict=True)
    except ValueError:
        return None


def _network_hint(text: str) -> str | None:
    try:
        return f"the network is {ipaddress.ip_network(text, strict=False)}"
    except ValueError:
        return None


def _family(text: str) -> Family | None:
    name = text.replace("_", "-").lower()
    found = FAMILY_BY_NAME.get(name)
    return found if found is not None and "vpn" not in name else None


def _family_hint(text: str) -> str | None:
    return did_you_mean(text, [name for name in FAMILY_BY_NAME if "vpn" not in name])


def _community(text: str) -> int | None:
    named = _COMMUNITY_NAMES.get(text.lower().replace("-", "_"))
    if named is not None:
        return named
    high, low = _numbers(text, 2, 0xFFFF) or (None, None)
    return None if high is None or low is None else high << 16 | low


def _large_community(text: str) -> tuple[int, int, int] | None:
    parts = _numbers(text, 3, 0xFFFF_FFFF)
    return None if parts is None else (parts[0], parts[1], parts[2])


def _numbers(text: str, count: int, maximum: int) -> tuple[int, ...] | None:
    if re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})*", text) is None:
        return None
    parts = tuple(int(part) for part in text.split(":"))
    return parts if len(parts) == count and max(parts) <= maximum else None


IP = Spelled(_address, "an IP address")
IPV4 = Spelled(_address_v4, "an IPv4 address")
IPV6 = Spelled(_address_v6, "an IPv6 address")
NETWORK = Spelled(_network, "an IP prefix such as 192.0.2.0/24", _network_hint)
FAMILY = Spelled(_family, "an address family such as ipv4-flowspec", _family_hint)
COMMUNITY = Spelled(_community, 'a community such as "64500:666" or blackhole')
LARGE_COMMUNITY = Spelled(_large_community, 'a large community such as "64500:1:2"')
PROFILE = Spelled(
    lambda text: text if text in PROFILES else None,
    f"a router profile ({', '.join(PROFILES)})",
    lambda text: did_you_mean(text, PROFILES),
)
ACTION = Spelled(
    lambda text: text if text in ACTIONS else None,
    f"an action ({', '.join(ACTIONS)})",
    lambda text: did_you_mean(text, ACTIONS),
)


class _Asns:
    """One AS number, or a list of them."""

    def read(self, value: object, reader: Reader) -> frozenset[int] | Bad:
        if isinstance(value, list):
            several = Listing(kind=ASN, minimum=1).read(value, reader)
            return BAD if isinstance(several, Bad) else frozenset(several)
        one = ASN.read(value, reader)
        return BAD if isinstance(one, Bad) else frozenset({one})

    def describe(self) -> str:
        return "AS number, or a list of them"


ASNS = _Asns()


class ListenAddresses:
    """A port for every address, one `host:port`, or a list; an empty list opens no socket."""

    def read(self, value: object, reader: Reader) -> tuple[ListenAddress, ...] | Bad:
        if isinstance(value, int) and not isinstance(value, bool):
            port = PORT.read(value, reader)
            if isinstance(port, Bad):
                return BAD
            return tuple(ListenAddress(address, port) for address in EVERY_ADDRESS)
        if isinstance(value, list):
            return Listing(kind=_ONE_LISTEN_ADDRESS).read(value, reader)
        one = _ONE_LISTEN_ADDRESS.read(value, reader)
        return BAD if isinstance(one, Bad) else (one,)

    def describe(self) -> str:
        return 'port, `"address:port"`, or a list of them'


class _OneListenAddress:
    def read(self, value: object, reader: Reader) -> ListenAddress | Bad:
        pair = HOST_PORT.read(value, reader)
        if isinstance(pair, Bad):
            return BAD
        address = _address(pair[0])
        if address is None:
            return reader.complain(
                "must be an address with a port", value=value, hint='for instance "[::]:179"'
            )
        return ListenAddress(address, pair[1])

    def describe(self) -> str:
        return '`"address:port"`'


_ONE_LISTEN_ADDRESS = _OneListenAddress()


class Mode:
    """`speaker` or `mock`; the earlier daemon's `sidecar` means speaker."""

    def read(self, value: object, reader: Reader) -> BgpMode | Bad:
        if value == "sidecar":
            reader.warn("sidecar means speaker here", hint="the BGP speaker is part of prefixd")
            return BgpMode.SPEAKER
        return Word(BgpMode).read(value, reader)

    def describe(self) -> str:
        return Word(BgpMode).describe()


TIMERS = Section(
    TimerSettings,
    [
        key("connect_timeout_seconds", POSITIVE_SECONDS, "Give up a TCP connect after this long.",
            field="connect_timeout_s", unit="s", live=Live.LIVE),
        key("connect_retry_seconds", POSITIVE_SECONDS,
            "First pause before another attempt; later ones grow.",
            field="connect_retry_s", unit="s", live=Live.LIVE),
        key("initial_hold_time_seconds", POSITIVE_SECONDS,
            "How long a connection may wait for the peer's OPEN.",
            field="initial_hold_time_s", unit="s", live=Live.LIVE),
        key("hold_time_seconds", Whole(minimum=0, maximum=65_535),
            "Hold time we offer; the smaller of both sides counts. 0 or at least 3.",
            field="hold_time_s", unit="s"),
        key("min_hold_time_seconds", Whole(minimum=3, maximum=65_535),
            "A peer that offers less is refused.", field="min_hold_time_s", unit="s"),
        key("keepalive_seconds", POSITIVE_SECONDS, "Interval of KEEPALIVE messages.",
            field="keepalive_s", unit="s", default_text="a third of the hold time"),
        key("send_hold_time_seconds", POSITIVE_SECONDS,
            "A peer that reads nothing for this long is disconnected (RFC 9687).",
            field="send_hold_time_s", unit="s", default_text="twice the hold time"),
        key("stable_seconds", SECONDS, "Established for this long forgets earlier failures.",
            field="stable_s", unit="s", live=Live.LIVE),
    ],
    doc="Timers of one session (RFC 4271 section 10).",
)  # fmt: skip

RESTART = Section(
    RestartSettings,
    [
        key("policy", Word(RestartPolicy),
            "What routers do with our rules while prefixd is gone: `fail_open` drops them at "
            "once, `bridge` keeps them for the restart time, `hold` for the stale time."),
        key("restart_time_seconds", Whole(minimum=0, maximum=4095),
            "How long a router keeps our rules without us (RFC 4724).",
            field="restart_time_s", unit="s"),
        key("llgr_stale_time_seconds", Whole(minimum=0, maximum=(1 << 24) - 1),
            "With `hold`: how long rules stay as stale (RFC 9494).",
            field="llgr_stale_time_s", unit="s"),
        key("hold_reason", Text(minimum=0), "Why rules may outlive us for so long; needed by "
            "`hold`.", live=Live.LIVE),
        key("stale_routes_max_seconds", Whole(minimum=1, maximum=86_400),
            "When the peer restarts: how long its old routes may wait for its End-of-RIB.",
            field="stale_routes_max_s", unit="s", live=Live.LIVE),
    ],
    doc="Graceful restart: what happens to rules on the router when prefixd stops or dies.",
)  # fmt: skip

EXPORT = Section(
    ExportSettings,
    [
        key("destinations", Listing(kind=NETWORK),
            "Only rules for destinations inside these prefixes; empty: any."),
        key("sources", Listing(kind=NETWORK), "Only rules whose source lies inside these."),
        key("min_length_v4", Whole(maximum=32), "Shortest IPv4 destination allowed."),
        key("max_length_v4", Whole(maximum=32), "Longest IPv4 destination allowed."),
        key("min_length_v6", Whole(maximum=128), "Shortest IPv6 destination allowed."),
        key("max_length_v6", Whole(maximum=128), "Longest IPv6 destination allowed."),
        key("actions", set_of(ACTION), "Kinds of action allowed; empty: all the profile can."),
        key("owners", set_of(NAME), "Only rules of these owners; empty: all."),
        key("communities", Listing(kind=COMMUNITY), "Communities added to every rule."),
        key("large_communities", Listing(kind=LARGE_COMMUNITY), "Large communities added."),
        key("local_pref", Whole(maximum=(1 << 32) - 1), "LOCAL_PREF towards iBGP peers."),
        key("med", Whole(maximum=(1 << 32) - 1), "MED; a standby instance gives a higher one.",
            default_text="none"),
    ],
    doc="What this peer is told. Without this section it is told nothing (RFC 8212); "
        "`export: {}` tells it everything its profile can take.",
    live=Live.LIVE,
)  # fmt: skip

RTBH = Section(
    RtbhSettings,
    [
        key("next_hop_v4", IPV4, "Next hop of IPv4 blackhole routes; must be discarded there."),
        key("next_hop_v6", IPV6, "Next hop of IPv6 blackhole routes."),
        key("communities", Listing(kind=COMMUNITY), "Communities of blackhole routes.",
            default_text="blackhole, no_export"),
        key("large_communities", Listing(kind=LARGE_COMMUNITY), "Large communities of them."),
    ],
    doc="Blackhole routes (RTBH); used when a unicast family is among `afi_safi`.",
    live=Live.LIVE,
)  # fmt: skip

BUDGET = Section(
    BudgetSettings,
    [
        key("rules_v4", AT_LEAST_ONE, "Most IPv4 rules this router is given.",
            default_text="from the profile"),
        key("rules_v6", AT_LEAST_ONE, "Most IPv6 rules.", default_text="from the profile"),
        key("rules_total", AT_LEAST_ONE, "Most rules of all families.",
            default_text="from the profile"),
        key("reserved_for_manual", SHARE, "Share kept free for rules made by people."),
    ],
    doc="Never more rules than the router can take; keep it below its maximum-prefix limit.",
    live=Live.LIVE,
)  # fmt: skip

PACING = Section(
    PacingSettings,
    [
        key("batch_ms", Whole(maximum=10_000), "Longest wait to collect changes.", unit="ms"),
        key("batch_keys", AT_LEAST_ONE, "Changes that end the wait."),
        key("quiet_ms", Whole(maximum=60_000),
            "After this much silence the first change leaves at once.", unit="ms"),
        key("rules_per_second", Whole(minimum=0), "Most changes a second; 0: unpaced.",
            default_text="from the profile"),
        key("fence", Word(FenceMode), "Use route refresh answers as proof that rules were read."),
        key("fence_interval_seconds", POSITIVE_SECONDS, "Least pause between such requests.",
            field="fence_interval_s", unit="s"),
        key("fence_timeout_seconds", POSITIVE_SECONDS, "How long an answer is awaited.",
            field="fence_timeout_s", unit="s"),
    ],
    doc="How fast changes go out to this router.",
    live=Live.LIVE,
)  # fmt: skip

POISON = Section(
    PoisonSettings,
    [
        key("window_seconds", SECONDS, "A reset this soon after a batch makes it suspect.",
            field="window_s", unit="s"),
        key("bisect", Word(BisectMode), "Look for the one rule the router chokes on."),
    ],
    doc="A rule that resets the session is found and kept from this peer.",
    live=Live.LIVE,
)  # fmt: skip

ACCEPT = Section(
    ImportSettings,
    [
        key("mode", Word(ImportMode), "Believe nothing, only show what arrives, or accept it."),
        key("destinations", Listing(kind=NETWORK), "Accepted rules must lie inside these."),
        key("actions", set_of(ACTION), "Kinds of action accepted."),
        key("required_communities", Listing(kind=COMMUNITY), "Rules without these are refused."),
        key("max_received_flowspec", Whole(), "Most FlowSpec rules taken from this peer."),
        key("max_received_unicast", Whole(), "Most unicast routes taken from this peer."),
        key("warn_share", SHARE, "Warn when this share of a limit is reached."),
        key("on_excess", Word(ExcessPolicy), "Beyond a limit: ignore the rest, or reset."),
        key("enforce_first_as", Flag(), "The first AS of a path must be the peer's."),
        key("max_items_per_rule", AT_LEAST_ONE, "Largest rule taken, in values."),
    ],
    doc="What is believed of what this peer announces. The default believes nothing.",
    live=Live.LIVE,
)  # fmt: skip


def _secret(text: str) -> Secret:
    return Secret(text.encode())


OCTET = Whole(maximum=255)
TCP_AO = Section(
    AoKey,
    [
        key("send_id", OCTET, "SendID of the key."),
        key("receive_id", OCTET, "RecvID of the key."),
        *secret_keys("key", "The master key.", field="secret", required=True,
                     convert=_secret),
        key("algorithm", Word(AoAlgorithm), "Algorithm of the MAC."),
        key("mac_octets", Whole(minimum=4, maximum=20), "Length of the MAC.", unit="octets"),
    ],
    doc="TCP-AO keys (RFC 5925): the first sends, all are accepted.",
    live=Live.LIVE,
)  # fmt: skip

# An empty list was the earlier daemon's default: the FlowSpec families.
FAMILIES = Mapped(Listing(kind=FAMILY), lambda found: found or DEFAULT_FAMILIES)

# Keys that a named neighbour and the template of a dynamic range share.
_COMMON: tuple[Key, ...] = (
    key("afi_safi", FAMILIES,
        "Address families offered. FlowSpec for rules; unicast as well for blackhole routes.",
        field="families", default=DEFAULT_FAMILIES),
    key("required_afi_safi", Listing(kind=FAMILY),
        "Families without which the session is refused.", field="required_families"),
    key("local_asn", ASN, "Our AS number towards this peer.", default_text="bgp.local_asn"),
    key("enabled", Flag(), "false keeps the neighbor configured and down."),
    key("description", Text(minimum=0, maximum=255), "For people.", live=Live.LIVE),
    key("tags", Listing(kind=NAME), "Words by which rules can name a set of peers.",
        live=Live.LIVE),
    key("profile", PROFILE, "What kind of router this is: decides what it may be sent.",
        live=Live.LIVE),
    key("direction", Word(Direction), "Who opens the connection.", live=Live.LIVE),
    key("port", PORT, "TCP port of the peer."),
    key("local_address", IP, "Our address for this session.", default_text="chosen by routing"),
    key("bind_device", Text(maximum=15), "VRF device to bind to.", default_text="none"),
    key("ttl_security", Whole(minimum=1, maximum=254),
        "GTSM (RFC 5082): the peer is at most this many hops away.", field="ttl_security_hops",
        default_text="off", unit="hops"),
    key("multihop", Whole(minimum=1, maximum=255), "TTL towards an eBGP peer further away.",
        default_text="off", unit="hops"),
    *secret_keys("password", "TCP MD5 key (RFC 2385).", field="md5", live=Live.LIVE,
                 convert=_secret),
    key("tcp_ao", Listing(kind=TCP_AO, unique=False), "TCP-AO keys; instead of a password."),
    key("timers", TIMERS, "Timers of the session."),
    key("restart", RESTART, "Graceful restart."),
    key("stop_mode", Word(StopMode), "How the session ends on SIGTERM.", live=Live.LIVE,
        default_text="keep; withdraw under fail_open"),
    key("extended_message", Flag(), "Offer messages beyond 4096 octets (RFC 8654)."),
    key("enhanced_refresh", Flag(), "Offer enhanced route refresh (RFC 7313)."),
    key("role", Word(RoleName), "Our BGP role towards this peer (RFC 9234).",
        default_text="none"),
    key("role_strict", Flag(), "Refuse a peer that names no role."),
    key("announce_hostname", Flag(), "Send our host name in the OPEN."),
    key("short_shutdown_text", Flag(), "Cut shutdown texts at 128 octets, for old peers.",
        live=Live.LIVE),
    key("family_fallback", Word(FallbackMode), "Retry with fewer families after a mismatch.",
        live=Live.LIVE),
    key("export", EXPORT, "What this peer is told.", default=None,
        default_text="absent: nothing", live=Live.LIVE),
    key("rtbh", RTBH, "Blackhole routes."),
    key("budget", BUDGET, "Limits on rules."),
    key("pacing", PACING, "Speed of changes."),
    key("poison", POISON, "Isolation of rules that break the session."),
    key("accept", ACCEPT, "What is believed of this peer."),
    key("packet_log_messages", Whole(maximum=10_000), "Messages kept for support.",
        live=Live.LIVE),
    key("record_dir", Text(minimum=0), "Directory for replayable journals of connections.",
        default_text="none"),
)  # fmt: skip


NEIGHBOR = Section(
    PeerSettings,
    [
        key("name", NAME, "Name in commands, logs and metrics. Unique."),
        key("address", IP, "Address of the peer. Unique."),
        key("peer_asn", ASNS, "AS number of the peer; ours makes it iBGP.", field="peer_asns"),
        *_COMMON,
    ],
    doc="One entry per router.",
    live=Live.PEER_RESTART,
    identity="name",
)  # fmt: skip

RANGE_KEYS = ("name", "prefix", "max_peers", "linger_s")


def _range(**fields: object) -> DynamicRange:
    own = {name: fields.pop(name) for name in RANGE_KEYS if name in fields}
    prefix = own["prefix"]
    assert isinstance(prefix, ipaddress.IPv4Network | ipaddress.IPv6Network)
    template = {"name": own["name"], "address": prefix.network_address, **fields}
    return DynamicRange(**own, template=PeerSettings(**template))  # type: ignore[arg-type]  # the table below names exactly these fields


DYNAMIC = Section(
    _range,
    [
        key("name", NAME, "Name of the range; its peers are named after it."),
        key("prefix", NETWORK, "Where such neighbors may call from."),
        key("max_peers", AT_LEAST_ONE, "Most neighbors at a time.",
            default=field_defaults(DynamicRange)["max_peers"]),
        key("linger_seconds", SECONDS, "How long a vanished neighbor's counters are kept.",
            field="linger_s", unit="s", default=field_defaults(DynamicRange)["linger_s"]),
        key("peer_asn", ASNS, "AS numbers allowed.", field="peer_asns"),
        *_COMMON,
    ],
    doc="Neighbors that may appear from a prefix without being named one by one.",
    live=Live.PEER_RESTART,
    identity="name",
    defaults=PeerSettings,
)  # fmt: skip

ADMISSION = Section(
    AdmissionSettings,
    [
        key("connections_per_source_per_minute", AT_LEAST_ONE, "Calls taken from one address."),
        key("pending_handshakes", AT_LEAST_ONE, "Connections that have not become a session."),
        key("tracked_sources", AT_LEAST_ONE, "Addresses remembered for these limits."),
    ],
    doc="Limits on strangers at the BGP port.",
    live=Live.RESTART,
)


def _speaker(**fields: object) -> SpeakerSettings:
    mode = fields.pop("mode")
    return SpeakerSettings(**fields, live=mode is BgpMode.SPEAKER)  # type: ignore[arg-type]  # the table below names exactly these fields


BGP = Section(
    _speaker,
    [
        key("mode", Mode(), "`speaker` talks to routers; `mock` keeps rules in memory and opens "
            "no socket.", default=BgpMode.SPEAKER, live=Live.RESTART),
        key("local_asn", ASN, "Our AS number.", live=Live.PEER_RESTART),
        key("router_id", IPV4, "Our BGP identifier.", live=Live.PEER_RESTART),
        key("listen", ListenAddresses(), "Where routers may call us. Ports below 1024 need "
            "CAP_NET_BIND_SERVICE.", default_text='`["[::]:179", "0.0.0.0:179"]`',
            live=Live.RESTART),
        key("neighbors", Listing(kind=NEIGHBOR, identity=lambda peer: peer.name,
            identity_word="name"), "The routers.", field="peers"),
        key("dynamic_neighbors", Listing(kind=DYNAMIC, identity=lambda found: found.name,
            identity_word="name"), "Ranges of routers.", field="dynamic"),
        key("admission", ADMISSION, "Limits on strangers."),
        key("hostname", Text(minimum=0, maximum=64), "Host name in the OPEN.",
            live=Live.PEER_RESTART, default_text="that of the machine"),
        key("domain", Text(minimum=0, maximum=64), "Domain name in the OPEN.",
            live=Live.PEER_RESTART, default_text="none"),
        key("operator", Text(maximum=64), "Who shutdown messages name when nobody else is.",
            live=Live.LIVE),
        key("restart_marker", Text(minimum=0), "File that tells the next start how this one "
            "ended; without it no restart is announced.", default_text="none", live=Live.RESTART),
        key("self_check_seconds", POSITIVE_SECONDS, "Interval of the check that peers hold what "
            "they should.", field="self_check_s", unit="s", live=Live.RESTART),
        gone("gobgp_grpc", "the BGP speaker is part of prefixd; list routers under bgp.neighbors"),
    ],
    doc="The BGP speaker and its neighbors.",
    defaults=SpeakerSettings,
)  # fmt: skip
