"""A detector that should speak and does not: told by the daemon, and told again when it is back."""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess

LIMIT_S = 15.0
WATCHDOG = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Watchdog"},
            "annotations": {},
            "startsAt": "2031-03-04T10:15:00Z",
            "fingerprint": "watchdog",
        }
    ],
}


def alerts_until(daemon: DaemonProcess, wanted: str) -> list[str]:
    """Events of the alerts that wait for the destination, once `wanted` is among them."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with sqlite3.connect(daemon.directory / "prefixd.db") as database:
            rows = database.execute("SELECT event FROM notification_queue ORDER BY created_at")
            events = [event for (event,) in rows]
        if wanted in events:
            return events
        time.sleep(0.05)
    raise AssertionError(f"no {wanted} in {events}")


def test_a_silent_detector_is_told_and_a_heartbeat_ends_it(tmp_path: Path) -> None:
    daemon = DaemonProcess(
        tmp_path,
        files={
            "correlation.yaml": {"sources": {"alertmanager": {"expect_every_seconds": 1}}},
            "alerting.yaml": {
                "allow_private": ["127.0.0.0/8"],
                "destinations": [
                    {"id": "nobody", "type": "generic", "url": "https://127.0.0.1:9/hook"}
                ],
                "events": ["source.silent", "source.recovered"],
            },
        },
    )
    with daemon:
        assert alerts_until(daemon, "source.silent") == ["source.silent"]
        beat = daemon.post("/v1/signals/alertmanager", WATCHDOG)
        assert beat.json["results"][0]["reason"] == "heartbeat", beat.body
        assert alerts_until(daemon, "source.recovered")[:2] == ["source.silent", "source.recovered"]


def test_a_source_that_must_not_report_victims_gets_the_reason_and_no_5xx(tmp_path: Path) -> None:
    """A detector repeats a 5xx for ever; the gate's own sentence and code end it."""
    correlation = {
        "enabled": True,
        "unknown_sources": "reject",
        "sources": {
            "snmp": {"mode": "corroborating", "match_dimensions": ["interface"]},
            "flowmon": {},
        },
    }
    with DaemonProcess(tmp_path, files={"correlation.yaml": correlation}) as daemon:
        for source, code, sentence in (
            ("stranger", "unknown_source", "stranger is not a configured source"),
            ("snmp", "corroborating_source", "snmp is a corroborating source"),
        ):
            event = {
                "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "source": source,
                "victim_ip": "198.51.100.20", "vector": "udp_flood", "confidence": 0.9,
            }  # fmt: skip
            one = daemon.post("/v1/events", event)
            assert (one.status, one.json["code"], one.json["field"]) == (400, code, "source")
            assert sentence in one.json["error"]
            batch = daemon.post("/v1/events/batch", {"events": [event, event]})
            assert batch.status == 207
            assert all(sentence in item["error"] for item in batch.json["results"])
        ban = {
            "ip": "198.51.100.20",
            "action": "ban",
            "attack_details": {"attack_type": "udp_flood"},
        }
        answer = daemon.post("/v1/signals/fastnetmon", ban)
        assert (answer.status, answer.json["code"]) == (400, "unknown_source")
        assert "request failed" not in daemon.log_text


def test_an_attack_on_a_decoy_is_held_and_announces_nothing(tmp_path: Path) -> None:
    correlation = {
        "sensors": {
            "deception": [{"name": "trap", "decoys": ["198.51.100.20"], "secrets": ["env:TRAP"]}]
        }
    }
    secret = {"TRAP": "a secret of the sensor"}
    files = {"correlation.yaml": correlation}
    with DaemonProcess(tmp_path, files=files, environment=secret) as daemon:
        event = {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "source": "fastnetmon",
            "victim_ip": "198.51.100.20", "vector": "udp_flood", "confidence": 0.9,
        }  # fmt: skip
        answer = daemon.post("/v1/events", event)
        assert (answer.status, answer.json["code"]) == (422, "guardrail")
        assert "decoys of sensor trap" in answer.json["error"]
        assert daemon.get("/v1/bgp/rib").json["rules"] == []
