"""What existing clients rely on, asked of the real daemon: words, statuses, pages, conditions."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.kit.daemon_process import ROOT, Answer, DaemonProcess

UNKNOWN = "00000000-0000-7000-8000-000000000000"
RULE: dict[str, Any] = {
    "reason": "noc ticket 7781", "victim_ip": "198.51.100.20", "protocol": "udp",
    "dst_ports": [123], "action": "police", "rate_bps": 5_000_000, "ttl_seconds": 300,
}  # fmt: skip
ROOMY = {
    "quotas": {
        "max_active_per_customer": 200, "max_new_per_minute": 500, "max_announcements_per_peer": 500
    }
}  # fmt: skip
ERROR_MEMBERS = {"error", "code", "field", "request_id"}


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Every refusal, whatever the status, has a body of one shape."""
    document: dict[str, Any] = answer.json
    assert (answer.status, document["code"]) == (status, code), document
    assert set(document) >= ERROR_MEMBERS
    assert document["request_id"] == answer.headers["X-Request-ID"]
    return document


def test_an_event_s_answer_and_its_repeat(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        first = daemon.event(event_id="det-42")
        assert first.status == 202
        assert {"event_id", "external_event_id", "status", "mitigation_id"} <= set(first.json)
        assert (first.json["external_event_id"], first.json["status"]) == ("det-42", "accepted")
        again = daemon.event(event_id="det-42", bps=7)
        assert (again.status, again.json["status"]) == (202, "extended")
        assert again.json["mitigation_id"] == first.json["mitigation_id"]
        safelisted = daemon.event("192.0.2.1")
        assert refused(safelisted, 422, "guardrail")["errors"]
        stranger = daemon.event("100.64.0.1")
        assert (stranger.status, stranger.json["status"]) == (202, "accepted_no_mitigation")
        over = daemon.event(event_id="det-42", action="unban")
        assert (over.status, over.json["status"]) == (202, "withdrawn")
        nothing = daemon.event(event_id="never", action="unban")
        assert (nothing.status, nothing.json["status"]) == (202, "no_active_mitigation")


def test_how_old_a_report_may_be_is_configured(tmp_path: Path) -> None:
    shipped = yaml.safe_load((ROOT / "configs" / "correlation.yaml").read_text())
    correlation = {**shipped, "max_signal_age_seconds": 60}
    moment = datetime.now(UTC) - timedelta(seconds=300)
    with DaemonProcess(tmp_path, files={"correlation.yaml": correlation}) as daemon:
        late = daemon.event(timestamp=moment.isoformat())
        assert (late.status, late.json["outcome"]) == (202, "ignored")
        assert daemon.event().json["outcome"] == "mitigated"


def test_items_of_a_batch_are_independent(tmp_path: Path) -> None:
    event = {
        "timestamp": "2026-01-10T08:00:00Z", "source": "t", "victim_ip": "198.51.100.9",
        "vector": "udp_flood",
    }  # fmt: skip
    with DaemonProcess(tmp_path) as daemon:
        good = daemon.post("/v1/events/batch", {"events": [event]})
        assert (good.status, good.json["accepted"], good.json["rejected"]) == (202, 1, 0)
        mixed = daemon.post("/v1/events/batch", {"events": [event, {**event, "victim_ip": "?"}]})
        assert (mixed.status, mixed.json["accepted"], mixed.json["rejected"]) == (207, 1, 1)
        assert mixed.json["results"][1]["status"] == "rejected"
        for events in ([], [event] * 101, "x"):
            refused(daemon.post("/v1/events/batch", {"events": events}), 400, "bad_request")


def test_a_rule_by_hand_lives_and_ends(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        made = daemon.post("/v1/mitigations", {**RULE, "operator_id": "ignored"})
        assert made.status == 201
        row = made.json
        assert (row["status"], row["protocol"], row["dst_ports"]) == ("active", 17, [123])
        assert (row["dst_prefix"], row["rate_bps"]) == ("198.51.100.20/32", 5_000_000)
        path = f"/v1/mitigations/{row['mitigation_id']}"
        assert daemon.get(path).json["mitigation_id"] == row["mitigation_id"]
        ended = daemon.post(f"{path}/withdraw", {"reason": "over"})
        assert (ended.status, ended.json["status"]) == (200, "withdrawn")
        assert ended.json["withdrawn_at"]
        refused(daemon.post(f"{path}/withdraw", {"reason": "over"}), 400, "not_live")
        refused(daemon.get(f"/v1/mitigations/{UNKNOWN}"), 404, "not_found")
        for wrong, field in (
            ({"action": "drop"}, "action"), ({"protocol": "sctp"}, "protocol"),
            ({"rate_bps": 0}, "rate_bps"), ({"victim_ip": "x"}, "victim_ip"),
            ({"reason": "y" * 1025}, "reason"),
        ):  # fmt: skip
            answer = refused(daemon.post("/v1/mitigations", RULE | wrong), 400, "bad_request")
            assert answer["field"] == field
        refused(
            daemon.post("/v1/mitigations", {**RULE, "victim_ip": "192.0.2.1"}), 422, "guardrail"
        )


def test_bulk_calls_answer_for_each_id(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        made = daemon.event().json["mitigation_id"]
        seen = daemon.post("/v1/mitigations/acknowledge", {"mitigation_ids": [made, UNKNOWN]})
        assert (seen.status, seen.json["acknowledged"], seen.json["failed"]) == (200, 1, 1)
        body = {"mitigation_ids": [made, made, UNKNOWN], "reason": "over"}
        gone = daemon.post("/v1/mitigations/withdraw", body)
        assert (gone.status, gone.json["withdrawn"]) == (200, 1)
        words = {item.get("error") for item in gone.json["results"]}
        assert "not found" in words
        for ids in ([], [UNKNOWN] * 101):
            answer = daemon.post("/v1/mitigations/withdraw", {"mitigation_ids": ids, "reason": "x"})
            refused(answer, 400, "bad_request")


def test_w70_pages_neither_lose_nor_repeat_rows_while_new_ones_arrive(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, main=ROOMY) as daemon:
        made = {daemon.event(f"198.51.100.{n}").json["mitigation_id"] for n in range(10, 31)}
        seen: list[str] = []
        query = "limit=5"
        while True:
            page = daemon.get(f"/v1/mitigations?{query}").json
            assert page["count"] == len(page["mitigations"])
            seen += [row["mitigation_id"] for row in page["mitigations"]]
            if not page["has_more"]:
                assert page["next_cursor"] is None
                break
            daemon.event(f"198.51.100.{100 + len(seen)}")
            query = f"limit=5&cursor={page['next_cursor']}"
        assert len(seen) == len(set(seen))
        assert set(seen) == made
        cursor = daemon.get("/v1/mitigations?limit=1").json["next_cursor"]
        for wrong in ("AAAA", cursor[:-3], "%00"):
            refused(daemon.get(f"/v1/mitigations?cursor={wrong}"), 400, _code_of(wrong))
        refused(daemon.get(f"/v1/events?cursor={cursor}"), 400, "bad_cursor")
        refused(daemon.get("/v1/mitigations?limit=0"), 400, "bad_query")


def _code_of(cursor: str) -> str:
    return "bad_query" if cursor == "%00" else "bad_cursor"


def test_lists_filter_by_what_they_say(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        first = daemon.event("198.51.100.20", vector="udp_flood").json
        second = daemon.event("2001:db8:10::7", vector="syn_flood", source="other").json
        withdraw = f"/v1/mitigations/{first['mitigation_id']}/withdraw"
        daemon.post(withdraw, {"reason": "over"})

        def ids(query: str) -> set[str]:
            rows = daemon.get(f"/v1/mitigations?{query}").json["mitigations"]
            return {row["mitigation_id"] for row in rows}

        one, two = first["mitigation_id"], second["mitigation_id"]
        assert ids("") == {one, two}
        assert ids("status=active") == {two}
        assert ids("status=withdrawn,expired") == {one}
        assert ids("status=active,withdrawn") == {one, two}
        assert ids("victim_ip=2001:DB8:10:0::7") == {two}, "any spelling"
        assert ids("vector=syn_flood") == {two}
        assert ids("pop=lab1") == {one, two}
        assert ids("pop=elsewhere") == set()
        assert ids("acknowledged=false") == {one, two}
        assert ids("customer_id=nobody") == set()
        moment = quote(daemon.get(f"/v1/mitigations/{two}").json["created_at"])
        assert ids(f"start={moment}") == {two}, "start is inside"
        assert ids(f"end={moment}") == {one}, "end is not"

        def events(query: str) -> int:
            return int(daemon.get(f"/v1/events?{query}").json["count"])

        assert (events("source=other"), events("source=test"), events("vector=syn_flood")) == (
            1,
            1,
            1,
        )
        assert events("victim_ip=198.51.100.20") == 1
        assert events("action=unban") == 0
        group = second["group_id"]
        assert group is not None
        assert daemon.get("/v1/signal-groups?vector=syn_flood").json["count"] == 1
        assert daemon.get(f"/v1/signal-groups/{group}").json["mitigation_id"] == two
        assert daemon.get(f"/v1/audit?target_id={one}").json["count"] >= 1
        for path in (
            "/v1/mitigations?acknowledged=maybe", "/v1/events?vector=flood", "/v1/events?action=x",
            "/v1/signal-groups?status=x", "/v1/signal-groups?met=1", "/v1/events?start=yesterday",
            "/v1/stats/timeseries?metric=peers", "/v1/reports/incident",
        ):  # fmt: skip
            refused(daemon.get(path), 400, "bad_query")


def test_w68_a_list_that_did_not_change_and_a_setting_that_did(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.event()
        etag = daemon.get("/v1/mitigations").headers["ETag"]
        for header in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            assert daemon.get("/v1/mitigations", If_None_Match=header).status == 304
        daemon.event("198.51.100.21")
        fresh = daemon.get("/v1/mitigations", If_None_Match=etag)
        assert (fresh.status, fresh.json["count"]) == (200, 2)

        read = daemon.get("/v1/config/playbooks")
        body = {"playbooks": read.json["playbooks"][:2]}
        version = read.headers["ETag"]
        saved = daemon.request("PUT", "/v1/config/playbooks", body, If_Match=version)
        assert (saved.status, saved.json["total_playbooks"]) == (200, 2)
        late = daemon.request("PUT", "/v1/config/playbooks", body, If_Match=version)
        refused(late, 412, "stale_version")
        assert list(daemon.config_dir.glob("playbooks.yaml.bak*"))
        broken = {"playbooks": [{**body["playbooks"][0], "steps": []}]}
        assert refused(daemon.request("PUT", "/v1/config/playbooks", broken), 400, "bad_config")[
            "errors"
        ]


def test_a_repeat_with_the_same_key_does_nothing_again(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        key = str(uuid.uuid4())
        first = daemon.post("/v1/mitigations", RULE, Idempotency_Key=key)
        again = daemon.post("/v1/mitigations", RULE, Idempotency_Key=key)
        assert (first.status, again.status) == (201, 201)
        assert again.body == first.body
        assert again.headers["Idempotency-Replayed"] == "true"
        other = {**RULE, "ttl_seconds": 400}
        refused(daemon.post("/v1/mitigations", other, Idempotency_Key=key), 422, "key_reused")
        assert daemon.get("/v1/mitigations").json["count"] == 1
        wrong = {**RULE, "victim_ip": "192.0.2.1"}
        for _ in range(2):
            refused(daemon.post("/v1/mitigations", wrong, Idempotency_Key="k2"), 422, "guardrail")
        fixed = daemon.post(
            "/v1/mitigations", {**RULE, "victim_ip": "198.51.100.77"}, Idempotency_Key="k2"
        )
        assert fixed.status == 201, "a refusal is not remembered"
        daemon.stop()
        daemon.start()
        later = daemon.post("/v1/mitigations", RULE, Idempotency_Key=key)
        assert later.body == first.body
        for key in ("", "k" * 129, "a\tb"):
            refused(daemon.post("/v1/mitigations", RULE, Idempotency_Key=key), 400, "bad_request")


def test_a_test_alert_without_a_destination_goes_nowhere(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        answer = daemon.post("/v1/config/alerting/test", None)
        assert (answer.status, answer.json) == (200, {"results": []})
        refused(daemon.post("/v1/config/alerting/test?destination=x", None), 404, "not_found")


def test_request_ids_and_fixed_headers(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        for path in ("/v1/health", "/v1/nowhere", "/v1/stats"):
            answer = daemon.get(path, X_Request_ID="noc-7.a_b")
            assert answer.headers["X-Request-ID"] == "noc-7.a_b"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for odd in ("a b", "x" * 129, "é"):
            uuid.UUID(daemon.get("/v1/health", X_Request_ID=odd).headers["X-Request-ID"])
        wrong = daemon.request("DELETE", "/v1/events", None)
        refused(wrong, 405, "method_not_allowed")
        assert set(wrong.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_w61_one_client_over_its_limit_does_not_starve_health(tmp_path: Path) -> None:
    limit = {"http": {"rate_limit": {"events_per_second": 1, "burst": 3}}}
    with DaemonProcess(tmp_path, main=limit) as daemon:
        statuses = [daemon.get("/v1/stats").status for _ in range(6)]
        assert statuses[:3] == [200] * 3
        assert 429 in statuses[3:]
        answer = daemon.get("/v1/stats")
        while answer.status != 429:
            answer = daemon.get("/v1/stats")
        document = refused(answer, 429, "rate_limited")
        assert document["retry_after_seconds"] == int(answer.headers["Retry-After"]) >= 1
        assert {daemon.get(path).status for path in ("/v1/health", "/metrics")} == {200}


def test_w62_what_detectors_typed_is_harmless_in_a_report(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.event(source="[x](http://evil) | <img> `a`")
        answer = daemon.get("/v1/reports/incident?ip=198.51.100.20")
        assert answer.headers["Content-Type"].startswith("text/markdown")
        assert "incident-report.md" in answer.headers["Content-Disposition"]
        text = answer.body.decode()
        assert "## Timeline" in text
        assert "<img>" not in text.replace("\\<", "").replace("\\>", "")
        assert "](http" not in text


def test_w64_the_dashboard_of_another_origin_may_save(tmp_path: Path) -> None:
    origin = "https://noc.example"
    with DaemonProcess(tmp_path, main={"http": {"cors_origin": origin}}) as daemon:
        asked = daemon.request(
            "OPTIONS", "/v1/config/playbooks", None,
            Origin=origin, Access_Control_Request_Method="PUT",
        )  # fmt: skip
        assert asked.status == 204
        assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
        assert asked.headers["Access-Control-Allow-Credentials"] == "true"
        shown = daemon.get("/v1/nowhere", Origin=origin)
        assert shown.headers["Access-Control-Allow-Origin"] == origin, "errors are readable too"
        for method in ("GET", "OPTIONS"):
            other = daemon.request(method, "/v1/stats", None, Origin="https://evil.example")
            assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("public", [True, False])
def test_metrics_are_public_only_when_they_should_be(tmp_path: Path, *, public: bool) -> None:
    settings = {"http": {"metrics_public": public, "auth": {"mode": "bearer"}}}
    environment = {"PREFIXD_API_TOKEN": "secret-enough-for-this"}
    with DaemonProcess(tmp_path, main=settings, environment=environment) as daemon:
        assert daemon.get("/metrics").status == (200 if public else 401)
        daemon.token = "secret-enough-for-this"
        assert daemon.get("/metrics").status == 200
