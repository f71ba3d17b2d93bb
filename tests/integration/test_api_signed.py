"""Webhooks and decoy sensors: signed by their senders, read by configuration, replay-proof."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.kit.daemon_process import ROOT, Answer, DaemonProcess

SECRET = "quite a long secret of the box"
VICTIM = "198.51.100.24"
ADAPTER = {
    "name": "box-b",
    "auth": {"type": "hmac", "secret_env": "BOX_B_SECRET", "timestamp_header": "X-Timestamp"},
    "root_path": "$.alarms[*]",
    "fields": {"victim_ip": "$.dst", "vector": "$.kind", "confidence": "$.score"},
    "vector_map": {"UDP": "udp_flood"},
    "confidence_scale": 100,
}
SENSOR = {
    "name": "decoys-ams", "weight": 0.6, "decoys": ["192.0.2.128/26"],
    "secrets": ["env:DECOYS_AMS_SECRET"],
}  # fmt: skip
ALARM = {"dst": VICTIM, "kind": "UDP", "score": 93}


def daemon_with_signers(directory: Path) -> DaemonProcess:
    correlation: dict[str, Any] = yaml.safe_load(
        (ROOT / "configs" / "correlation.yaml").read_text(encoding="utf-8")
    )
    correlation["webhook_adapters"] = [ADAPTER]
    correlation["sensors"] = {"deception": [SENSOR]}
    return DaemonProcess(
        directory,
        files={"correlation.yaml": correlation},
        environment={"BOX_B_SECRET": SECRET, "DECOYS_AMS_SECRET": SECRET},
    )


def send(daemon: DaemonProcess, path: str, raw: bytes, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(
        f"http://{daemon.host}:{daemon.port}{path}", data=raw,
        headers={"Content-Type": "application/json", **headers},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return Answer(reply.status, dict(reply.headers), reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def signed(raw: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    code = hmac.new(secret.encode(), b"%d." % at + raw, hashlib.sha256).hexdigest()
    return {"X-Timestamp": str(at), "X-Signature-SHA256": f"sha256={code}"}


def webhook(daemon: DaemonProcess, body: object, at: int, secret: str = SECRET) -> Answer:
    raw = json.dumps(body).encode()
    return send(daemon, "/v1/signals/webhook/box-b", raw, signed(raw, at, secret))


def test_w84_a_captured_webhook_cannot_be_played_again(tmp_path: Path) -> None:
    now = int(time.time())
    with daemon_with_signers(tmp_path) as daemon:
        first = webhook(daemon, {"alarms": [ALARM, {"dst": "?"}]}, now)
        assert (first.status, first.json["processed"], first.json["failed"]) == (200, 1, 1)
        made = first.json["results"][0]
        assert made["outcome"] == "mitigated"
        again = webhook(daemon, {"alarms": [ALARM, {"dst": "?"}]}, now)
        assert again.body == first.body
        assert daemon.get("/v1/events").json["count"] == 1, "answered, not done again"
        late = webhook(daemon, {"alarms": [ALARM]}, now - 3600)
        assert (late.status, late.json["code"]) == (401, "bad_signature")


def test_wrong_signatures_close_the_way_for_a_while(tmp_path: Path) -> None:
    now = int(time.time())
    with daemon_with_signers(tmp_path) as daemon:
        unsigned = send(daemon, "/v1/signals/webhook/box-b", b"{}", {})
        assert (unsigned.status, unsigned.json["code"]) == (401, "bad_signature")
        statuses = [webhook(daemon, {}, now, "wrong").status for _ in range(5)]
        assert statuses == [401, 401, 401, 401, 429]
        right = webhook(daemon, {"alarms": [ALARM]}, now)
        assert (right.status, right.json["code"]) == (429, "throttled")
        assert int(right.headers["Retry-After"]) >= 1
        assert daemon.get("/v1/events").json["count"] == 0


def test_unknown_adapters_and_sensors_are_not_there(tmp_path: Path) -> None:
    with daemon_with_signers(tmp_path) as daemon:
        for path in ("webhook/box-x", "webhook/..", "deception/box-b"):
            answer = send(daemon, f"/v1/signals/{path}", b"{}", {})
            assert (answer.status, answer.json["code"]) == (404, "not_found")


def decoy(daemon: DaemonProcess, number: int, secret: str = SECRET, **payload: object) -> Answer:
    body = {
        "v": 1, "type": "attacker.observed", "id": f"{number:032x}", "topic": "attacker.observed",
        "ts": datetime.now(UTC).isoformat(),
        "payload": {
            "attacker_ip": VICTIM, "decky": "ns-decoy-01", "service": "dns",
            "event_type": "flood_suspect", **payload,
        },
    }  # fmt: skip
    return signed_decoy(daemon, body, secret)


def signed_decoy(daemon: DaemonProcess, body: object, secret: str = SECRET) -> Answer:
    raw = json.dumps(body).encode()
    code = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return send(
        daemon, "/v1/signals/deception/decoys-ams", raw, {"X-DECNET-Signature": f"sha256={code}"}
    )


def test_a_decoy_strengthens_and_never_acts(tmp_path: Path) -> None:
    with daemon_with_signers(tmp_path) as daemon:
        taken = decoy(daemon, 1)
        assert (taken.status, taken.json["status"]) == (200, "accepted"), taken.body
        assert decoy(daemon, 1).json["status"] == "duplicate"
        assert daemon.get("/v1/mitigations").json["count"] == 0
        assert decoy(daemon, 2, attacker_ip="100.64.0.1").json["status"] == "ignored"
        assert decoy(daemon, 3, event_type="login").json["status"] == "ignored"
        wrong = decoy(daemon, 4, secret="wrong")
        assert (wrong.status, wrong.json["code"]) == (401, "bad_signature")
        cache = daemon.get("/v1/signals/corroborator/cache").json
        assert [row["source"] for row in cache["signals"]] == ["deception:decoys-ams"]
        acted = daemon.event(VICTIM, vector="dns_amplification")
        assert acted.json["outcome"] == "mitigated"
        group = daemon.get(f"/v1/signal-groups/{acted.json['group_id']}").json
        assert {e["source"] for e in group["events"]} == {"test", "deception:decoys-ams"}


def test_a_line_of_a_decoys_log_says_more_than_its_webhook(tmp_path: Path) -> None:
    line = {
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"), "decky": "ns-decoy-01",
        "service": "dns", "event_type": "flood_suspect", "attacker_ip": VICTIM,
        "fields": {"src": VICTIM, "qps": "612", "window_sec": "10.0"}, "msg": "",
    }  # fmt: skip
    with daemon_with_signers(tmp_path) as daemon:
        assert decoy(daemon, 1).json["status"] == "accepted"
        (summary,) = daemon.get("/v1/signals/corroborator/cache").json["signals"]
        taken = signed_decoy(daemon, line)
        assert (taken.status, taken.json["status"]) == (200, "accepted"), taken.body
        assert signed_decoy(daemon, line).json["status"] == "duplicate"
        (both,) = daemon.get("/v1/signals/corroborator/cache").json["signals"]
        assert both["confidence"] > 0.5 > summary["confidence"]
