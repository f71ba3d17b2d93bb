"""FastNetMon: web callback of Advanced, JSON scripts of Advanced and Community.

Three things in this format bite. `*_traffic` counters are bytes a second (newer builds add
`*_traffic_bits` twins, which are preferred); the documented sample of a ban is an outgoing attack,
so the direction has to be read; an alert may be about a whole host group with no address. The
severity `unknown` and the type `unknown` are usual and mean nothing.

The vector comes from the threshold that fired, then from the packet rates in the attack's
direction, then from the ports seen in sampled packets. Proposed FlowSpec rules stay in the raw
record, for people to look at.

Community in text mode calls the notify script with address, direction, power and action, and gives
it a report on standard input for bans only. `text_document` makes the JSON document of the other
modes of it, so that one set of rules serves all. Text mode has no attack id; the alert is
identified by what it is about.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Ignored, SignalKind
from prefixd.domain.vector import PROTOCOL_NAMES, TCP, UDP, Vector
from prefixd.signals.coerce import MAX_RATE, REFLECTORS, number, time_us, vector_of
from prefixd.signals.json_value import JsonValue, elements, member, members, text
from prefixd.signals.reading import Read, Reading, Report, element_path, make_signal, victim_of
from prefixd.signals.settings import FastNetMonSettings

SOURCE: Final = "fastnetmon"
ADAPTER: Final = "fastnetmon"
NETWORKS_MAX: Final = 500
SAMPLES_MAX: Final = 1000

ACTIONS: Final[Mapping[str, SignalKind]] = {
    "ban": SignalKind.FIRING,
    "partial_block": SignalKind.FIRING,
    "alert": SignalKind.FIRING,
    "attack_status": SignalKind.FIRING,
    "unban": SignalKind.CLEARED,
    "partial_unblock": SignalKind.CLEARED,
}
ACTION_CONFIDENCE: Final[Mapping[str, float]] = {
    "ban": 0.9,
    "partial_block": 0.7,
    "alert": 0.5,
    "attack_status": 0.9,
}
SEVERITY_CONFIDENCE: Final[Mapping[str, float]] = {"high": 0.95, "middle": 0.8, "low": 0.6}

_THRESHOLD_WORDS: Final = (
    ("syn", Vector.SYN_FLOOD),
    ("frag", Vector.FRAGMENT_FLOOD),
    ("icmp", Vector.ICMP_FLOOD),
    ("udp", Vector.UDP_FLOOD),
)
_SYN_SHARE: Final = 0.6
_PROTOCOLS: Final = {name: protocol for protocol, name in PROTOCOL_NAMES.items()}


def read_fastnetmon(
    payload: JsonValue, settings: FastNetMonSettings, reading: Reading
) -> list[Read] | Problem:
    """One result for a host; for a host group one per network."""
    if not isinstance(payload, Mapping):
        return Problem("", "the body must be a JSON object", "bad_type")
    action = text(payload.get("action"))
    if action not in ACTIONS:
        return Problem("action", f"must be one of {', '.join(ACTIONS)}", "bad_action")
    if text(payload.get("alert_scope")) == "hostgroup":
        return _host_group(payload, action, settings, reading)
    address = payload.get("ip")
    if not text(address):
        return Problem("ip", "the victim's address is missing", "bad_victim")
    return [_signal(payload, text(address), "ip", action, settings, reading)]


def _host_group(
    payload: Mapping[str, JsonValue],
    action: str,
    settings: FastNetMonSettings,
    reading: Reading,
) -> list[Read] | Problem:
    networks = elements(payload.get("hostgroup_networks"))
    if not settings.allow_prefixes:
        return [Ignored("a host group alert; networks are not allowed here")]
    if not networks:
        return Problem("hostgroup_networks", "lists no network", "bad_victim")
    if len(networks) > NETWORKS_MAX:
        return Problem("hostgroup_networks", f"lists more than {NETWORKS_MAX}", "too_large")
    found: list[Read] = []
    for index, network in enumerate(networks):
        read = _signal(payload, text(network), "", action, settings, reading)
        if isinstance(read, Problem):
            read = element_path("hostgroup_networks", index, read)
        found.append(read)
    return found


def _signal(
    payload: Mapping[str, JsonValue],
    address: str,
    field_name: str,
    action: str,
    settings: FastNetMonSettings,
    reading: Reading,
) -> Read:
    victim = victim_of(address, field_name=field_name, allow_prefixes=settings.allow_prefixes)
    if isinstance(victim, Problem):
        return victim
    details = members(payload.get("attack_details"))
    direction = _direction(details)
    samples = _samples(payload)
    src_port = _shared_port(samples, "source_port", settings.sample_share)
    confidence, origin = _confidence(action, details, reading)
    identity = text(details.get("attack_uuid"))
    if identity and not field_name:
        identity = f"{identity}/{victim}"  # one attack on a group, one alert per network
    protocol = _PROTOCOLS.get(text(details.get("attack_protocol")))
    return make_signal(
        Report(
            source=SOURCE,
            adapter=ADAPTER,
            kind=ACTIONS[action],
            victim=victim,
            vector=_vector(details, direction, src_port),
            external_id=identity,
            started_at_us=time_us(details.get("attack_start")),
            direction=direction,
            confidence=confidence,
            confidence_origin=origin,
            bps=_bits(details, f"total_{direction.value}_traffic"),
            pps=details.get(f"total_{direction.value}_pps"),
            src_ports=() if src_port is None else (src_port,),
            protocols=() if protocol is None else (protocol,),
            element=payload,
        ),
        reading,
    )


def _bits(details: Mapping[str, JsonValue], name: str) -> JsonValue:
    """Bits a second: the twin that says so, or the bytes times eight."""
    twin = details.get(f"{name}_bits")
    if twin is not None:
        return twin
    traffic = number(details.get(name))
    if traffic is None:
        return details.get(name)  # whatever it is, the common rules name it
    return min(traffic * 8, float(MAX_RATE // 2)) if traffic >= 0 else traffic


def _direction(details: Mapping[str, JsonValue]) -> Direction:
    for name in ("attack_detection_threshold_direction", "attack_direction"):
        word = text(details.get(name))
        if word in (Direction.INCOMING, Direction.OUTGOING):
            return Direction(word)
    incoming = number(details.get("total_incoming_traffic")) or 0.0
    outgoing = number(details.get("total_outgoing_traffic")) or 0.0
    return Direction.OUTGOING if outgoing > incoming else Direction.INCOMING


def _vector(details: Mapping[str, JsonValue], direction: Direction, src_port: int | None) -> Vector:
    named = vector_of(text(details.get("attack_type")))
    if named not in (None, Vector.UNKNOWN):
        return named
    threshold = text(details.get("attack_detection_threshold")).casefold()
    for word, vector in _THRESHOLD_WORDS:
        if word in threshold:
            return vector
    by_rate = _vector_by_rate(details, direction)
    if by_rate is Vector.UNKNOWN and src_port is not None:
        return REFLECTORS.get(src_port, Vector.UNKNOWN)
    return by_rate


def _vector_by_rate(details: Mapping[str, JsonValue], direction: Direction) -> Vector:
    def pps(protocol: str) -> float:
        return number(details.get(f"{direction.value}_{protocol}_pps")) or 0.0

    syn, tcp, udp, icmp = pps("syn_tcp"), pps("tcp"), pps("udp"), pps("icmp")
    if syn > 0 and syn > udp and (tcp == 0 or syn > _SYN_SHARE * tcp):
        return Vector.SYN_FLOOD
    most = max(udp, tcp, icmp)
    if most <= 0:
        return Vector.UNKNOWN
    if udp == most:
        return Vector.UDP_FLOOD
    return Vector.ICMP_FLOOD if icmp == most else Vector.ACK_FLOOD


def _confidence(
    action: str, details: Mapping[str, JsonValue], reading: Reading
) -> tuple[float | None, str]:
    if ACTIONS[action] is SignalKind.CLEARED:
        return None, "none"
    severity = text(details.get("attack_severity"))
    for word in (severity, action):
        mapped = reading.confidence_mapping.get(word)
        if mapped is not None:
            return mapped, f"mapping:{word}"
    if severity in SEVERITY_CONFIDENCE:
        return SEVERITY_CONFIDENCE[severity], f"severity:{severity}"
    return ACTION_CONFIDENCE[action], f"action:{action}"


def _samples(payload: Mapping[str, JsonValue]) -> Sequence[JsonValue]:
    """Sampled packets; only the detailed form has fields, the plain one is text."""
    return elements(payload.get("packet_dump_detailed"))[:SAMPLES_MAX]


def _shared_port(samples: Sequence[JsonValue], name: str, share: float) -> int | None:
    """The port that at least `share` of the sampled UDP and TCP packets have in common."""
    seen: dict[int, int] = {}
    total = 0
    for sample in samples:
        port = member(sample, name)
        if _PROTOCOLS.get(text(member(sample, "protocol"))) not in (UDP, TCP):
            continue
        total += 1
        if isinstance(port, int) and not isinstance(port, bool) and 0 < port <= 65535:
            seen[port] = seen.get(port, 0) + 1
    if not seen:
        return None
    port = max(seen, key=lambda candidate: (seen[candidate], -candidate))
    return port if seen[port] >= share * total else None


REPORT_MAX: Final = 256 * 1024
LINES_MAX: Final = 400

_RATE: Final = re.compile(r"(\d{1,18}) (mbps|packets per second|flows per second)")
_FIGURES: Final[Mapping[str, str]] = {
    "total incoming traffic": "total_incoming_traffic_bits",
    "total outgoing traffic": "total_outgoing_traffic_bits",
    "total incoming pps": "total_incoming_pps",
    "total outgoing pps": "total_outgoing_pps",
    "incoming udp pps": "incoming_udp_pps",
    "outgoing udp pps": "outgoing_udp_pps",
    "incoming tcp pps": "incoming_tcp_pps",
    "outgoing tcp pps": "outgoing_tcp_pps",
    "incoming syn tcp pps": "incoming_syn_tcp_pps",
    "outgoing syn tcp pps": "outgoing_syn_tcp_pps",
    "incoming icmp pps": "incoming_icmp_pps",
    "outgoing icmp pps": "outgoing_icmp_pps",
}
_WORDS: Final[Mapping[str, str]] = {
    "attack type": "attack_type",
    "attack direction": "attack_direction",
    "attack protocol": "attack_protocol",
    "attack severity": "attack_severity",
}


def text_document(
    *, address: str, direction: str, power: str, action: str, report: str
) -> JsonValue:
    """The document the JSON modes would have sent. Lines it does not know are left out."""
    details: dict[str, JsonValue] = {"attack_direction": direction.strip().casefold()}
    if power.strip().isdecimal() and len(power.strip()) <= 18:
        details["initial_attack_power"] = int(power)
    for line in report[:REPORT_MAX].splitlines()[:LINES_MAX]:
        name, colon, value = line.partition(":")
        if colon:
            _take(details, name.strip().casefold(), value.strip().casefold())
    # Old builds speak of attack details where newer ones repeat the attack's status.
    word = "attack_status" if action.strip() == "attack_details" else action.strip()
    return {"ip": address.strip(), "action": word, "attack_details": details}


def _take(details: dict[str, JsonValue], name: str, value: str) -> None:
    if name in _WORDS and value in ("incoming", "outgoing", "other") and "direction" in name:
        details[_WORDS[name]] = value
    elif name in _WORDS and "direction" not in name:
        details[_WORDS[name]] = value[:64]
    elif name in _FIGURES:
        found = _RATE.fullmatch(value)
        if found is not None:
            figure = int(found[1])
            details[_FIGURES[name]] = figure * 1_000_000 if found[2] == "mbps" else figure
