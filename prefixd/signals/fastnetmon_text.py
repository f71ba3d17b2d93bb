"""FastNetMon Community in text mode: four arguments and a report, made into its JSON form.

The notify script is called with address, direction, power and action, and gets a report on standard
input for bans only. Turning that into the JSON document of the other modes keeps one set of rules
for all of them. Text mode has no attack id; the alert is identified by what it is about.
"""

import re
from collections.abc import Mapping
from typing import Final

from prefixd.signals.json_value import JsonValue

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
