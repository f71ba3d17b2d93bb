"""`bgp:` of prefixd.yaml: the speaker itself, and the ranges its neighbors may come from."""

import ipaddress
from enum import StrEnum

from prefixd.bgp.settings import (
    AdmissionSettings,
    DynamicRange,
    PeerSettings,
    SpeakerSettings,
)
from prefixd.config.bgp_spellings import (
    ASN,
    ASNS,
    IPV4,
    NETWORK,
    POSITIVE_SECONDS,
    SECONDS,
    ListenAddresses,
)
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    NAME,
    Listing,
    Text,
    Word,
)
from prefixd.config.neighbor_section import COMMON, NEIGHBOR
from prefixd.config.reader import Bad, Reader
from prefixd.config.schema import Section, field_defaults, gone, key
from prefixd.setting import Live


class BgpMode(StrEnum):
    SPEAKER = "speaker"
    MOCK = "mock"


class Mode:
    """`speaker` or `mock`; the earlier daemon's `sidecar` means speaker."""

    def read(self, value: object, reader: Reader) -> BgpMode | Bad:
        if value == "sidecar":
            reader.warn("sidecar means speaker here", hint="the BGP speaker is part of prefixd")
            return BgpMode.SPEAKER
        return Word(BgpMode).read(value, reader)

    def describe(self) -> str:
        return Word(BgpMode).describe()


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
        *COMMON,
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
            live=Live.PEER_RESTART, default_text="empty"),
        key("domain", Text(minimum=0, maximum=64), "Domain name in the OPEN.",
            live=Live.PEER_RESTART, default_text="none"),
        key("operator", Text(maximum=64), "Who shutdown messages name when nobody else is.",
            live=Live.LIVE),
        key("restart_marker", Text(minimum=0), "File that tells the next start how this one "
            "ended; without it no restart is announced.",
            default_text="beside the SQLite file, or in systemd's state directory",
            live=Live.RESTART),
        key("self_check_seconds", POSITIVE_SECONDS, "Interval of the check that peers hold what "
            "they should.", field="self_check_s", unit="s", live=Live.RESTART),
        gone("gobgp_grpc", "the BGP speaker is part of prefixd; list routers under bgp.neighbors"),
    ],
    doc="The BGP speaker and its neighbors.",
    defaults=SpeakerSettings,
)  # fmt: skip
