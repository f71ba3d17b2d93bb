"""Decoy sensors: what a honeypot's events mean for a victim of ours.

A decoy knows sources; we act on victims. The one link: a request that anyone could have forged,
carrying the address of one of our customers, shows that reflectors are made to answer that
customer. Such an observation becomes a `Corroboration` for that very address and names the port the
answers will come from. It never opens anything: a sensor is a corroborating source by definition,
since anyone can send a decoy a forged packet.

Whether an event is forgeable is a table; what is not in it counts as forgeable. Credentials,
commands and free text of the sensor are dropped while reading: nothing downstream could leak them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.signal import Corroboration, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.json_value import canonical
from prefixd.signals.reading import SECOND_US, auto_id
from prefixd.signals.settings import DeceptionSettings

ADAPTER: Final = "deception"


class Meaning(StrEnum):
    """What an event is to us."""

    REFLECTION_PROBE = "reflection_probe"
    REFLECTION_FLOOD = "reflection_flood"
    PROBE = "probe"
    SURVEY = "survey"
    SPOOF_STORM = "spoof_storm"
    TOUCH = "touch"
    SOURCE_SEEN = "source_seen"
    SOURCE_ACTIVE = "source_active"
    COUNTED = "counted"


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reflected:
    """The attack a forged request prepares, and the port its answers come from."""

    vector: Vector
    src_port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    sensor: str
    meaning: Meaning
    service: str
    event_type: str
    source_ip: Address | None
    spoofable: bool
    transport: Transport
    decoy: str
    at_us: int
    confidence: float
    rate: float | None = None
    reflected: Reflected | None = None
    victim_port: int | None = None
    dedup_key: str = ""


_DNS: Final = Reflected(Vector.DNS_AMPLIFICATION, 53)
_Row = tuple[Meaning, bool, Reflected | None, float]
_TABLE: Final[Mapping[tuple[str, str], _Row]] = {
    ("dns", "amp_probe"): (Meaning.REFLECTION_PROBE, True, _DNS, 0.35),
    ("dns", "flood_suspect"): (Meaning.REFLECTION_FLOOD, True, _DNS, 0.5),
    ("dns", "recon_burst"): (Meaning.SURVEY, True, None, 0.1),
    ("dns", "tracking_evicted"): (Meaning.SPOOF_STORM, True, None, 0.05),
    ("snmp", "get_request"): (
        Meaning.REFLECTION_PROBE,
        True,
        Reflected(Vector.SNMP_AMPLIFICATION, 161),
        0.3,
    ),
    ("tftp", "request"): (
        Meaning.REFLECTION_PROBE,
        True,
        Reflected(Vector.UDP_FLOOD, None),
        0.3,
    ),
    ("sip", "request"): (
        Meaning.REFLECTION_PROBE,
        True,
        Reflected(Vector.UDP_FLOOD, 5060),
        0.2,
    ),
    ("sniffer", "tcp_syn_fingerprint"): (
        Meaning.TOUCH,
        True,
        Reflected(Vector.ACK_FLOOD, None),
        0.15,
    ),
    ("http", "request"): (Meaning.SOURCE_SEEN, False, None, 0.1),
    ("http", "http_access"): (Meaning.SOURCE_SEEN, False, None, 0.1),
}
_TCP_SERVICES: Final = frozenset(
    {"ssh", "telnet", "http", "https", "ftp", "smb", "rdp", "redis", "mqtt", "mysql", "postgres",
     "ldap", "smtp", "imap", "pop3"}
)  # fmt: skip
_INTERACTIONS: Final = frozenset(
    {"command", "exec", "execute", "run", "query", "sql_query", "redis_command", "ldap_search",
     "input", "shell_input", "mail_from", "rcpt_to", "rcpt_denied", "message_accepted",
     "file_captured", "upload", "download_attempt", "retr", "publish", "subscribe",
     "session_recorded"}
)  # fmt: skip
_INTERNAL_APPS: Final = frozenset({"prober", "correlator", "mutator"})
_KEPT: Final = (
    "edns_size", "method", "op", "qname", "qps", "qtype", "sample_qtype", "transport", "window_sec",
)  # fmt: skip
FULL_RATE: Final = 20.0
UNKNOWN_RATE_SHARE: Final = 0.25


def observe(
    *,
    sensor: str,
    service: str,
    event_type: str,
    source_ip: Address | None,
    decoy: str,
    at_us: int,
    fields: Mapping[str, str],
    summary_only: bool = False,
    dedup_key: str = "",
) -> Observation | None:
    """What an event means; None for the sensor's own machinery. `summary_only`: the event came
    without its fields, so nothing of its size or transport is known."""
    if decoy.startswith("decnet-") or service in _INTERNAL_APPS:
        return None
    transport = _transport(service, fields)
    meaning, spoofable, reflected, believed = _row(service, event_type, transport)
    rate = None
    if event_type == "flood_suspect":
        rate = _rate(fields)
        share = UNKNOWN_RATE_SHARE if rate is None else min(1.0, rate / FULL_RATE)
        believed *= share
    if summary_only:
        believed /= 2
    return Observation(
        sensor=sensor,
        meaning=meaning,
        service=service,
        event_type=event_type,
        source_ip=source_ip,
        spoofable=spoofable,
        transport=transport,
        decoy=decoy,
        at_us=at_us,
        confidence=believed,
        rate=rate,
        reflected=reflected,
        victim_port=_port(fields.get("src_port", "")),
        dedup_key=dedup_key or event_key(str(source_ip), decoy, service, event_type, at_us, fields),
    )


def _row(service: str, event_type: str, transport: Transport) -> _Row:
    if service == "dns" and transport is Transport.TCP:
        # A completed handshake: the address is real, not a forged one.
        return Meaning.PROBE, False, None, 0.1
    known = _TABLE.get((service, event_type))
    if known is not None:
        return known
    if service in _TCP_SERVICES and event_type in _INTERACTIONS:
        return Meaning.SOURCE_ACTIVE, False, None, 0.3
    if service in _TCP_SERVICES and event_type == "auth_attempt":
        return Meaning.SOURCE_SEEN, False, None, 0.2
    return Meaning.COUNTED, True, None, 0.0


def _transport(service: str, fields: Mapping[str, str]) -> Transport:
    word = fields.get("transport", "")
    if word in (Transport.TCP, Transport.UDP):
        return Transport(word)
    return Transport.TCP if service in _TCP_SERVICES else Transport.UNKNOWN


def _rate(fields: Mapping[str, str]) -> float | None:
    """`qps` is, despite its name, the count within the window."""
    try:
        count, window_s = float(fields.get("qps", "")), float(fields.get("window_sec", ""))
    except ValueError:
        return None
    if not (0 <= count < 1e12 and 0 < window_s < 1e6):
        return None
    return count / window_s


def _port(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535:
        return int(text)
    return None


def event_key(
    source: str,
    decoy: str,
    service: str,
    event_type: str,
    at_us: int,
    fields: Mapping[str, str],
) -> str:
    """One event, one key, however often it is delivered."""
    kept = canonical({name: fields[name] for name in _KEPT if name in fields})
    parts = (source, decoy, service, event_type, _whole_second(at_us), kept)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _whole_second(at_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_us // SECOND_US)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def unusable(seen: Observation, settings: DeceptionSettings) -> str:
    """Why the address of an observation is not used; empty when it is."""
    address = seen.source_ip
    if address is None:
        return "no source address"
    if _inside(address, _NEVER):
        return "not a unicast address"
    if not settings.accept_private and _inside(address, _PRIVATE):
        return "private or shared address space"
    if _inside(address, _networks(*settings.decoys)):
        return "one of the decoys"
    return ""


def _networks(*texts: str) -> tuple[Prefix, ...]:
    found = (Prefix.parse(text) for text in texts)
    return tuple(network for network in found if network is not None)


def _inside(address: Address, networks: Sequence[Prefix]) -> bool:
    return any(network.contains(address) for network in networks)


_NEVER: Final = _networks(
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"
)
_PRIVATE: Final = _networks(
    "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"
)


def hint(
    seen: Sequence[Observation], settings: DeceptionSettings, received_at_us: int
) -> Corroboration | None:
    """One corroboration from what a sensor saw of one address, newest last; None when nothing in it
    concerns a victim. The caller asks first whether the address is a customer's."""
    telling = [
        item
        for item in seen
        if item.spoofable and item.reflected is not None and not unusable(item, settings)
    ]
    if not telling or not settings.reflection_hint:
        return None
    latest = telling[-1]
    assert latest.reflected is not None
    assert latest.source_ip is not None
    same = [item for item in telling if item.reflected == latest.reflected]
    ports = {item.reflected.src_port for item in same if item.reflected is not None}
    source = f"{ADAPTER}:{settings.name}"
    about = str(latest.source_ip)
    return Corroboration(
        source=source,
        adapter=ADAPTER,
        external_id=auto_id(source, about, latest.reflected.vector.value),
        kind=SignalKind.FIRING,
        vector=latest.reflected.vector,
        observed_at_us=latest.at_us,
        received_at_us=received_at_us,
        expires_at_us=received_at_us + settings.hold_s * SECOND_US,
        confidence=combined(same, settings, received_at_us),
        confidence_origin=f"deception:{latest.meaning.value}",
        victim_ip=latest.source_ip,
        src_ports=tuple(sorted(port for port in ports if port is not None)),
        dst_ports=_agreed_port(same),
        spoofable=True,
        explain=f"{len(same)} requests to decoys of {settings.name} carry this address "
        f"({latest.service} {latest.event_type})",
    )


def combined(seen: Sequence[Observation], settings: DeceptionSettings, now_us: int) -> float:
    """1 - (1-c1)(1-c2)..., each halved per half-life, never above the sensor's weight."""
    doubt = 1.0
    for item in seen:
        age_s = max(0, now_us - item.at_us) / SECOND_US
        fresh = 0.5 ** (age_s / settings.half_life_s) if settings.half_life_s > 0 else 1.0
        doubt *= 1.0 - item.confidence * fresh
    return min(1.0 - doubt, settings.weight)


def _agreed_port(seen: Sequence[Observation]) -> tuple[int, ...]:
    """The port forged requests agree on: answers will go there. Three must say so."""
    ports = {item.victim_port for item in seen}
    port = next(iter(ports)) if len(ports) == 1 and len(seen) >= 3 else None
    return () if port is None else (port,)


class Sightings:
    """What decoy sensors saw of each address lately, so that hints about one address add up.

    Only addresses of customers belong in here: what a forged request says about other addresses is
    counted and not kept. The memory is bounded: of many addresses the one that was quiet longest is
    dropped first, and of one address the oldest sighting.
    """

    def __init__(self, addresses: int = 8192, of_each: int = 64) -> None:
        self._addresses = addresses
        self._of_each = of_each
        self._seen: OrderedDict[tuple[str, Address], list[Observation]] = OrderedDict()

    def add(
        self, seen: Observation, address: Address, settings: DeceptionSettings, now_us: int
    ) -> Sequence[Observation]:
        """With it, everything about the address that still counts, newest last."""
        oldest_us = now_us - settings.hold_s * SECOND_US
        known = self._seen.pop((seen.sensor, address), [])
        kept = [*(item for item in known if item.at_us >= oldest_us), seen][-self._of_each :]
        self._seen[seen.sensor, address] = kept
        if len(self._seen) > self._addresses:
            self._seen.popitem(last=False)
        return kept
