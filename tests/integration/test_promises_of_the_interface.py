"""What holds for every path and every act of the API, asked of the real daemon.

Not one endpoint after another, which other files do: every act is in the trail, what was read can
be saved, readiness has every reason, no request's name lands on another's log line.
"""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.daemon_process import ROOT, Answer, DaemonProcess
from tests.kit.daemons import wait_for

RULE: dict[str, Any] = {
    "reason": "ticket 7781", "victim_ip": "198.51.100.20", "protocol": "udp",
    "dst_ports": [123], "action": "police", "rate_bps": 5_000_000, "ttl_seconds": 300,
}  # fmt: skip
ALERTING = {
    "destinations": [
        {
            "id": "noc",
            "type": "generic",
            "url": "https://hooks.example.com/x",
            "headers": {"X-Token": "hidden-token"},
        },
        {"id": "chat", "type": "slack", "webhook_url_env": "SLACK_URL", "channel": "#ddos"},
    ]
}
SLACK_URL = "https://hooks.slack.com/services/T/B/third"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(
        tmp_path,
        files={"alerting.yaml": ALERTING},
        environment={"SLACK_URL": SLACK_URL},
    ) as running:
        yield running


def trail(daemon: DaemonProcess) -> list[dict[str, Any]]:
    return list(daemon.get("/v1/audit?limit=200").json["entries"])


def test_w63_every_act_is_in_the_trail_with_its_actor_and_the_chain_shows_an_edit(
    daemon: DaemonProcess,
) -> None:
    made = daemon.post("/v1/mitigations", RULE).json["mitigation_id"]
    path = f"/v1/mitigations/{made}"
    acts = [
        ("/v1/mitigations/acknowledge", {"mitigation_ids": [made]}),
        (f"{path}/extend", {"ttl_seconds": 600}),
        (f"{path}/withdraw", {"reason": "over"}),
        ("/v1/safelist", {"prefix": "203.0.113.0/24", "reason": "ours"}),
        ("/v1/config/reload", None),
        ("/v1/panic", {"reason": "drill", "confirm": "withdraw all of lab1"}),
    ]
    for where, body in acts:
        answer = daemon.post(where, body)
        assert answer.status < 300, (where, answer.body)
    assert daemon.request("DELETE", "/v1/safelist/203.0.113.0%2F24", None).status < 300
    playbooks = daemon.get("/v1/config/playbooks")
    saved = daemon.request("PUT", "/v1/config/playbooks", playbooks.json)
    assert saved.status == 200, saved.body
    found = trail(daemon)
    words = {entry["action"] for entry in found}
    wanted = {
        "create", "acknowledge", "extend", "withdraw", "safelist_add", "safelist_remove",
        "reload", "panic",
    }  # fmt: skip
    assert wanted <= words, wanted - words
    assert all(entry["actor_id"] and entry["actor_type"] for entry in found)
    assert daemon.get("/v1/audit/verify").json["ok"] is True
    with sqlite3.connect(daemon.directory / "prefixd.db") as database:
        database.execute("UPDATE audit_log SET actor_id = 'mallory' WHERE action = 'withdraw'")
    assert daemon.get("/v1/audit/verify").json["ok"] is False


def test_a_rule_for_a_pop_without_an_instance_is_refused(daemon: DaemonProcess) -> None:
    answer = daemon.request("POST", "/v1/mitigations", {**RULE, "pops": ["ghost0"]})
    assert answer.status == 422
    assert answer.json["errors"] == ["unknown_pop: no instance of prefixd serves POP ghost0"]
    previewed = daemon.request("POST", "/v1/preview", {**RULE, "pops": ["ghost0"]})
    assert previewed.json["plan"] == "refuse"
    assert daemon.get("/v1/mitigations").json["mitigations"] == []


def test_an_audit_trail_that_lost_its_end_shows(tmp_path: Path) -> None:
    """The head file was written at the end of the first run; the cut was made between the two."""
    head = tmp_path / "elsewhere" / "audit-head.json"
    head.parent.mkdir()
    with DaemonProcess(tmp_path, main={"storage": {"audit_head_file": str(head)}}) as daemon:
        assert daemon.request("POST", "/v1/mitigations", RULE).status == 201
        daemon.stop()
        newest = json.loads(head.read_bytes())["number"]
        with sqlite3.connect(tmp_path / "prefixd.db") as database:
            database.execute("DELETE FROM audit_log WHERE number >= ?", (newest - 1,))
        daemon.start()
        assert daemon.request("POST", "/v1/safelist", {"prefix": "203.0.113.0/24"}).status < 300
        verdict = daemon.get("/v1/audit/verify").json
        assert verdict["ok"] is False
        (chain,) = verdict["chains"]
        assert chain["fault"].startswith(f"row {newest}: ")
        daemon.stop()
        assert json.loads(head.read_bytes())["number"] == newest


@pytest.mark.parametrize("part", ["playbooks", "correlation", "alerting"])
def test_w67_what_was_read_can_be_saved_and_nothing_changes(
    daemon: DaemonProcess, part: str
) -> None:
    path = f"/v1/config/{part}"
    before = daemon.get(path)
    assert "hidden-token" not in before.body.decode()
    file = daemon.config_dir / f"{part}.yaml"
    meant = yaml.safe_load(file.read_text())
    saved = daemon.request("PUT", path, before.json, If_Match=before.headers["ETag"])
    assert saved.status == 200, saved.body
    after = daemon.get(path)
    assert _without_version(after) == _without_version(before)
    if part == "alerting":
        raw = yaml.safe_load(file.read_text())["destinations"]
        assert raw[0]["headers"] == meant["destinations"][0]["headers"]
        assert raw[1]["webhook_url_env"] == "SLACK_URL"
        assert SLACK_URL not in file.read_text()


def _without_version(answer: Answer) -> Any:
    return {k: v for k, v in answer.json.items() if k not in ("version", "loaded_at", "timestamp")}


def test_w72_ready_says_no_for_every_reason_it_has_and_alive_says_yes(tmp_path: Path) -> None:
    main = {"storage": {"lock_timeout_seconds": 1}, "engine": {"store_retry_seconds": 0.2}}
    with DaemonProcess(tmp_path, main=main) as daemon:
        assert daemon.get("/v1/health/ready").status == 200
        other = sqlite3.connect(tmp_path / "prefixd.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            assert daemon.event().status == 503
            away = daemon.get("/v1/health/ready")
            detail = daemon.get("/v1/health/detail")
            assert (away.status, away.json["code"]) == (503, "not_ready")
            assert any("database" in reason for reason in away.json["errors"])
            assert detail.json["ready"] is False
            assert detail.json["status"] != "ok"
            assert daemon.get("/v1/health").status == 200
        finally:
            other.rollback()
            other.close()
        wait_for(lambda: daemon.get("/v1/health/ready").status == 200, 20, "readiness again")


def test_w72_a_router_that_is_away_shows_in_detail(tmp_path: Path) -> None:
    nobody = {"name": "edge1", "address": "127.0.0.77", "peer_asn": 64500, "export": {}}
    bgp = {"mode": "speaker", "local_asn": 64500, "listen": [], "neighbors": [nobody]}
    with DaemonProcess(tmp_path, main={"bgp": bgp}) as daemon:
        detail = daemon.get("/v1/health/detail").json
        assert detail["status"] != "ok"
        assert any("edge1" in reason for reason in detail["reasons"])
        assert daemon.get("/v1/health/ready").status == 200  # it takes events all the same


REQUESTS = 200


def test_w80_a_log_line_carries_the_name_of_its_own_request(tmp_path: Path) -> None:
    """Many at once: each names a victim of its own, each line names both."""
    main = {"observability": {"log_format": "json"}, "quotas": _unlimited()}
    inventory = yaml.safe_load((ROOT / "configs" / "inventory.yaml").read_text())
    inventory["customers"][0]["prefixes"].append("10.0.0.0/8")
    with DaemonProcess(tmp_path, main=main, files={"inventory.yaml": inventory}) as daemon:

        def report(first: int) -> None:
            for number in range(first, REQUESTS, 8):
                answer = daemon.post(
                    "/v1/events",
                    {**_event(), "victim_ip": f"10.0.0.{number}"},
                    X_Request_ID=f"request-{number}",
                )
                assert answer.headers["X-Request-ID"] == f"request-{number}"

        threads = [threading.Thread(target=report, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        lines = [json.loads(each) for each in daemon.log_text.splitlines() if each[:1] == "{"]
    created = [line for line in lines if "mitigation created" in json.dumps(line)]
    named = {
        (str(line["request_id"]), re.findall(r"dst (10\.0\.0\.\d+)/32", json.dumps(line))[0])
        for line in created
    }
    assert named == {(f"request-{n}", f"10.0.0.{n}") for n in range(REQUESTS)}


def _event() -> dict[str, object]:
    return {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "source": "test",
        "vector": "udp_flood",
        "confidence": 0.9,
    }


def _unlimited() -> dict[str, str]:
    names = (
        "max_active_per_customer", "max_active_per_pop", "max_active_global",
        "max_new_per_minute", "max_announcements_per_peer",
    )  # fmt: skip
    return dict.fromkeys(names, "unlimited")
