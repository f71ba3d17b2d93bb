"""A day at a small network, made the same way every time: the sample recording for replays.

`python -m tests.kit.recording > tests/golden/replay/events.jsonl` writes it anew.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from tests.kit.signals import T0

EVENTS = 1000
SECOND = 1_000_000
VECTORS = ("udp_flood", "syn_flood", "dns_amplification", "ntp_amplification", "icmp_flood")


class Dice:
    """A small generator of our own, so that no Python version changes the sample."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def roll(self, sides: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % sides

    def pick(self, choices: Any) -> Any:
        return choices[self.roll(len(choices))]


def time_text(at_us: int) -> str:
    from_midnight = (at_us // SECOND) % 86_400
    hours, rest = divmod(from_midnight, 3600)
    return f"2031-03-04T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"


def native(dice: Dice, attack: dict[str, Any], at_us: int, action: str) -> dict[str, Any]:
    return {
        "event_id": f"{attack['id']}-n", "timestamp": time_text(at_us), "source": "netflow-a",
        "victim_ip": attack["victim"], "vector": attack["vector"],
        "bps": attack["bps"] + dice.roll(1000), "pps": attack["bps"] // 4000,
        "top_dst_ports": attack["ports"], "confidence": attack["confidence"], "action": action,
    }  # fmt: skip


def fastnetmon(dice: Dice, attack: dict[str, Any], action: str) -> dict[str, Any]:
    protocol = "tcp" if attack["vector"] == "syn_flood" else "udp"
    return {
        "ip": attack["victim"], "action": action, "alert_scope": "host",
        "attack_details": {
            "attack_uuid": f"{attack['id']}-f",
            "attack_severity": dice.pick(("low", "middle", "high")),
            "attack_type": "unknown", "attack_protocol": protocol,
            "attack_detection_threshold": "tcp syn pps" if protocol == "tcp" else "udp bytes",
            "attack_detection_threshold_direction": attack["direction"],
            "total_incoming_traffic": attack["bps"] // 8, "total_outgoing_traffic": 1000,
            "total_incoming_pps": attack["bps"] // 4000, "total_outgoing_pps": 10,
        },
    }  # fmt: skip


def alertmanager(attack: dict[str, Any], status: str) -> dict[str, Any]:
    return {
        "version": "4", "status": status, "truncatedAlerts": 0,
        "alerts": [{
            "status": status,
            "labels": {"alertname": "Flood", "victim_ip": attack["victim"],
                       "vector": attack["vector"], "severity": attack["severity"]},
            "annotations": {"bps": f"{attack['bps'] / 1e9:.2f} Gbps"},
            "startsAt": attack["began"], "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": f"{attack['id']:016x}",
        }],
    }  # fmt: skip


def new_attack(dice: Dice, number: int, at_us: int) -> dict[str, Any]:
    network = dice.pick(("198.51.100.", "198.51.100.", "203.0.113.", "2001:db8:10::"))
    host = dice.pick((1, 7, 20, 53, 99, 101, 200))
    return {
        "id": number, "victim": f"{network}{host}", "vector": dice.pick(VECTORS),
        "bps": (1 + dice.roll(40)) * 100_000_000, "confidence": 0.4 + dice.roll(6) / 10,
        "severity": dice.pick(("critical", "warning", "info")), "began": time_text(at_us),
        "ports": dice.pick(([], [], [53], [443, 8080])),
        "direction": "outgoing" if dice.roll(12) == 0 else "incoming", "left": 4 + dice.roll(12),
    }  # fmt: skip


def recorded() -> Iterator[dict[str, Any]]:
    dice = Dice(20310304)
    live: list[dict[str, Any]] = []
    at_us, number, customers = T0, 0, ("cust_hosting", "cust_games")
    for _ in range(EVENTS):
        at_us += (1 + dice.roll(25)) * SECOND
        if len(live) < 3 or dice.roll(10) == 0:
            number += 1
            live.append(new_attack(dice, number, at_us))
        attack = dice.pick(live)
        attack["left"] -= 1
        over = attack["left"] <= 0
        if over:
            live.remove(attack)
        door = dice.pick(("native", "native", "fastnetmon", "alertmanager", "corroborator"))
        body: dict[str, Any]
        match door:
            case "native":
                body = native(dice, attack, at_us, "unban" if over else "ban")
            case "fastnetmon":
                body = fastnetmon(
                    dice, attack, "unban" if over else dice.pick(("ban", "attack_status"))
                )
            case "alertmanager":
                body = alertmanager(attack, "resolved" if over else "firing")
            case _:
                body = {"source": "edge-util", "customer_id": dice.pick(customers),
                        "confidence": 0.6, "external_id": f"link-{dice.roll(3)}"}  # fmt: skip
        if dice.roll(60) == 0:
            body = {"victim_ip": "not an address", "source": "broken"}
            door = "native"
        yield {"received_at": time_text(at_us), "adapter": door, "body": body}


def lines() -> Iterator[str]:
    for event in recorded():
        yield json.dumps(event, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    sys.stdout.writelines(lines())
