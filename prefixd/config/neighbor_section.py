"""`bgp.neighbors[]` of prefixd.yaml: one router each, in the words of routers.

Only spelling is decided here. What a neighbor's values mean together (GTSM against multihop, a
hold time against its minimum) is `prefixd.bgp.settings.problems`, asked by `check.py`.
"""

from prefixd.bgp.rib.export_terms import Budget, ExportPolicy, RtbhTerms
from prefixd.bgp.settings import (
    AoAlgorithm,
    AoKey,
    BisectMode,
    Direction,
    ExcessPolicy,
    FallbackMode,
    FenceMode,
    ImportMode,
    ImportSettings,
    PacingSettings,
    PeerSettings,
    PoisonSettings,
    RestartPolicy,
    RestartSettings,
    RoleName,
    StopMode,
    TimerSettings,
)
from prefixd.config.bgp_spellings import (
    ACTION,
    ASN,
    ASNS,
    COMMUNITY,
    DEFAULT_FAMILIES,
    FAMILIES,
    FAMILY,
    IP,
    IPV4,
    IPV6,
    LARGE_COMMUNITY,
    NETWORK,
    POSITIVE_SECONDS,
    PREFIX,
    PROFILE,
    SECONDS,
    to_secret,
)
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    NAME,
    PORT,
    SHARE,
    Flag,
    Listing,
    Text,
    Whole,
    Word,
    set_of,
)
from prefixd.config.schema import Key, Section, key
from prefixd.config.secret_keys import secret_keys
from prefixd.setting import Live

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
    ExportPolicy,
    [
        key("destinations", Listing(kind=PREFIX),
            "Only rules for destinations inside these prefixes; empty: any."),
        key("sources", Listing(kind=PREFIX), "Only rules whose source lies inside these."),
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
    RtbhTerms,
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
    Budget,
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
        key("mode", Word(ImportMode), "`deny` believes nothing, `monitor` keeps what arrives, "
            "`accept` also judges it by the keys below and tells of rules that pass. None of them "
            "makes a mitigation of it."),
        key("destinations", Listing(kind=NETWORK), "Rules that pass lie inside one of these; "
            "empty: none does."),
        key("actions", set_of(ACTION), "Kinds of action that pass; empty: all."),
        key("required_communities", Listing(kind=COMMUNITY), "Rules that pass carry all these."),
        key("max_received_flowspec", Whole(), "Most FlowSpec rules taken from this peer."),
        key("max_received_unicast", Whole(), "Most unicast routes taken from this peer."),
        key("warn_share", SHARE, "Warn when this share of a limit is reached."),
        key("on_excess", Word(ExcessPolicy), "Beyond a limit: ignore the rest, or reset."),
        key("enforce_first_as", Flag(), "The first AS of a path must be the peer's."),
        key("max_items_per_rule", AT_LEAST_ONE, "Largest rule taken, in values."),
    ],
    doc="What is kept of what this peer announces. The default believes nothing.",
    live=Live.LIVE,
)  # fmt: skip


OCTET = Whole(maximum=255)
TCP_AO = Section(
    AoKey,
    [
        key("send_id", OCTET, "SendID of the key."),
        key("receive_id", OCTET, "RecvID of the key."),
        *secret_keys("key", "The master key.", field="secret", required=True,
                     convert=to_secret),
        key("algorithm", Word(AoAlgorithm), "Algorithm of the MAC."),
        key("mac_octets", Whole(minimum=4, maximum=20), "Length of the MAC.", unit="octets"),
    ],
    doc="TCP-AO keys (RFC 5925): the first sends, all are accepted.",
    live=Live.LIVE,
)  # fmt: skip

# Keys that a named neighbor and the template of a dynamic range share.
COMMON: tuple[Key, ...] = (
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
    key("direction", Word(Direction), "Who opens the connection."),
    key("port", PORT, "TCP port of the peer."),
    key("local_address", IP, "Our address for this session.", default_text="chosen by routing"),
    key("bind_device", Text(maximum=15), "VRF device to bind to.", default_text="none"),
    key("ttl_security", Whole(minimum=1, maximum=254),
        "GTSM (RFC 5082): the peer is at most this many hops away.", field="ttl_security_hops",
        default_text="off", unit="hops"),
    key("multihop", Whole(minimum=1, maximum=255), "TTL towards an eBGP peer further away.",
        default_text="off", unit="hops"),
    *secret_keys("password", "TCP MD5 key (RFC 2385). The first one, or taking it away, "
                 "resets the session.", field="md5", live=Live.LIVE,
                 convert=to_secret),
    key("tcp_ao", Listing(kind=TCP_AO, unique=False), "TCP-AO keys; instead of a password."),
    key("timers", TIMERS, "Timers of the session."),
    key("restart", RESTART, "Graceful restart."),
    key("stop_mode", Word(StopMode), "How the session ends on SIGTERM.", live=Live.LIVE,
        default_text="keep; withdraw under fail_open"),
    key("extended_message", Flag(), "Offer messages beyond 4096 octets (RFC 8654)."),
    key("accept_long_messages", Flag(),
        "Read messages above 4096 octets although nobody negotiated them; none is ever sent.",
        default=None, default_text="by profile: true for frr"),
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
    key("max_messages_per_second", Whole(),
        "Most messages taken from this peer, averaged over a minute; above it the session is "
        "closed with Cease/8 (out of resources). 0: no limit.", live=Live.LIVE),
    key("packet_log_messages", Whole(maximum=10_000), "Messages kept for support."),
    key("record_dir", Text(minimum=0), "Directory for replayable journals of connections.",
        default_text="none"),
)  # fmt: skip


NEIGHBOR = Section(
    PeerSettings,
    [
        key("name", NAME, "Name in commands, logs and metrics. Unique."),
        key("address", IP, "Address of the peer. Unique."),
        key("peer_asn", ASNS, "AS number of the peer; ours makes it iBGP.", field="peer_asns"),
        *COMMON,
    ],
    doc="One entry per router.",
    live=Live.PEER_RESTART,
    identity="name",
)  # fmt: skip
