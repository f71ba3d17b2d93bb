"""Prometheus Alertmanager of the distribution: an alert makes a rule, its end takes it back.

Alertmanager itself groups, waits, retries and signs its requests; we only tell it of an alert, as
Prometheus would. The rule is asked for on the router.
"""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from tests.kit.daemons import wait_for
from tests.kit.require import binary
from tests.kit.stage import DAEMON, TOKEN, Stage, on_stage, running

VICTIM = "198.51.100.24"
PORT = 9093
LIMIT_S = 20.0


@contextmanager
def alertmanager(stage: Stage, directory: Path) -> Iterator[None]:
    (directory / "token").write_text(TOKEN)
    receiver = {
        "name": "prefixd",
        "webhook_configs": [
            {
                "url": f"{stage.url}/v1/signals/alertmanager",
                "send_resolved": True,
                "http_config": {"authorization": {"credentials_file": str(directory / "token")}},
            }
        ],
    }
    route = {
        "receiver": "prefixd",
        "group_by": ["alertname"],
        "group_wait": "100ms",
        "group_interval": "500ms",
    }
    config = directory / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}))
    command = [
        binary("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={DAEMON}:{PORT}",
        "--cluster.listen-address=",
    ]
    with running(command, directory / "alertmanager.log"):
        wait_for(_ready, 15, "Alertmanager to answer")
        yield


def _ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://{DAEMON}:{PORT}/-/ready", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def tell(starts: datetime, ends: datetime | None) -> None:
    """What Prometheus says while a rule fires, and once more when it no longer does."""
    alert: dict[str, object] = {
        "labels": {
            "alertname": "UdpFlood",
            "victim_ip": VICTIM,
            "vector": "udp_flood",
            "severity": "critical",
        },
        "annotations": {"bps": "4.1e9"},
        "startsAt": starts.isoformat(),
    }
    if ends is not None:
        alert["endsAt"] = ends.isoformat()
    request = urllib.request.Request(
        f"http://{DAEMON}:{PORT}/api/v2/alerts",
        data=json.dumps([alert]).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()


def test_a_firing_alert_makes_a_rule_and_its_end_takes_it_back(tmp_path: Path) -> None:
    with on_stage(tmp_path) as stage, alertmanager(stage, tmp_path):
        began = datetime.now(UTC)
        tell(began, None)
        stage.await_rule(f"{VICTIM}/32", LIMIT_S)
        (made,) = stage.daemon.get("/v1/mitigations").json["mitigations"]
        assert (made["victim_ip"], made["vector"]) == (VICTIM, "udp_flood")
        (event,) = stage.daemon.get("/v1/events").json["events"]
        assert (event["source"], event["bps"]) == ("alertmanager", 4_100_000_000)
        tell(began, datetime.now(UTC) - timedelta(milliseconds=1))
        stage.await_no_rule(f"{VICTIM}/32", 60)
        gone = stage.daemon.get(f"/v1/mitigations/{made['mitigation_id']}").json
        assert gone["status"] == "withdrawn"
