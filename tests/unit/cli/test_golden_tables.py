"""What operators see, to the character: every table over canned answers and a clock at rest."""

import csv
import io
import json
import re

import pytest

from prefixd.cli.failure import denied, unreachable
from tests.unit.cli.kit import (
    ID,
    NOW,
    CannedService,
    a_mitigation,
    a_page,
    a_peer,
    answer,
    ctl,
    health,
    terminal,
)


def test_mitigations_into_a_pipe() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    said = ctl(service, "mitigations", "list")
    assert said.out == (
        "ID                                    STATUS  VICTIM_IP      VECTOR     ACTION"
        "               EXPIRES                               CUSTOMER      POP\n"
        "01a1fc36-aaf0-7465-a881-f86d63249002  active  198.51.100.20  udp_flood"
        "  police to 20 Mbit/s  2026-01-01 00:02:40Z (in 2 min 40 s)  cust_example  lab1\n"
        "Count: 1\n"
    )
    assert said.err == ""


def test_mitigations_on_a_terminal_of_ordinary_width() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    lines = ctl(service, "mitigations", "list", screen=terminal(120)).out.splitlines()
    assert lines[0].split() == [
        "ID",
        "STATUS",
        "VICTIM_IP",
        "VECTOR",
        "ACTION",
        "EXPIRES",
        "CUSTOMER",
    ]
    assert "in 2 min 40 s" in lines[1]
    assert max(map(len, lines)) <= 120


def test_mitigations_as_csv_keep_the_times_of_the_service() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    (row,) = csv.DictReader(io.StringIO(ctl(service, "mitigations", "list", "-f", "csv").out))
    assert row["id"] == ID
    assert row["expires"] == "2026-01-01T00:02:40Z"


def test_json_is_the_answer_whole() -> None:
    page = a_page("mitigations", a_mitigation(field_of_tomorrow=[1]), more="next")
    said = ctl(CannedService({"GET /v1/mitigations": page}), "-f", "json", "mitigations", "list")
    assert json.loads(said.out) == page


def test_an_empty_list_is_a_remark_and_no_data() -> None:
    said = ctl(CannedService({"GET /v1/mitigations": a_page("mitigations")}), "mitigations", "list")
    assert (said.out, said.err, said.code) == ("", "no mitigations\n", 0)


def test_more_pages_are_mentioned_and_all_fetches_them() -> None:
    first = answer(a_page("mitigations", a_mitigation(), more="abc"))
    last = answer(a_page("mitigations", a_mitigation(victim_ip="198.51.100.21")))
    service = CannedService({"GET /v1/mitigations": [first]})
    assert "--all shows all" in ctl(service, "mitigations", "list").err
    service = CannedService({"GET /v1/mitigations": [first, last]})
    said = ctl(service, "mitigations", "list", "--all", "--status", "active")
    assert said.out.endswith("Count: 2\n")
    assert service.asked[1][2] == {"status": "active", "limit": 1000, "cursor": "abc"}


def test_one_mitigation() -> None:
    service = CannedService({f"GET /v1/mitigations/{ID}": a_mitigation()})
    assert ctl(service, "mitigations", "get", ID).out == (
        "ID:         01a1fc36-aaf0-7465-a881-f86d63249002\n"
        "Status:     active\n"
        "Victim:     198.51.100.20\n"
        "Vector:     udp_flood\n"
        "Rule:       dst 198.51.100.20/32 proto udp\n"
        "Action:     police to 20 Mbit/s\n"
        "Reason:     udp_flood to a customer\n"
        "Created:    2025-12-31 23:58:00Z (2 min ago)\n"
        "Updated:    2025-12-31 23:58:00Z (2 min ago)\n"
        "Expires:    2026-01-01 00:02:40Z (in 2 min 40 s)\n"
        "Customer:   cust_example\n"
        "POP:        lab1\n"
        "Playbook:   udp-flood\n"
        "Step:       1\n"
        "Made by:    policy\n"
        "Sources:    fastnetmon\n"
        "Confidence: 0.9\n"
        "Scope hash: 964c32ff55d51c0cba17411274e697d2\n"
    )


def test_status_and_its_exit_code() -> None:
    said = ctl(CannedService({"GET /v1/health/detail": health()}), "status")
    assert said.code == 0
    assert said.out == (
        "Status:             healthy\n"
        "Active mitigations: 3\n"
        "Database:           connected\n"
        "BGP:                connected\n"
        "Mode:               enforced\n"
        "Waiting work:       0\n"
        "POP:                lab1\n"
        "Version:            0.1.0\n"
        "Uptime:             1 h 25 min\n"
        "Authentication:     bearer\n"
        "\n"
        "BGP sessions\n"
        "PEER   STATE\n"
        "edge1  established\n"
    )
    sick = CannedService({"GET /v1/health/detail": health(status="degraded")})
    assert ctl(sick, "status").code == 1


def test_peers() -> None:
    peers = {"peers": [a_peer(), a_peer(name="edge2", state="active", last_error="refused")]}
    assert ctl(CannedService({"GET /v1/bgp/peers": peers}), "peers").out == (
        "PEER   STATE        SINCE                           ADDRESS       AS  RULES  WITHHELD"
        "  QUEUED  LAST ERROR\n"
        "edge1  established  2025-12-31 22:00:00Z (2 h ago)  192.0.2.1  64500      4         0"
        "       0  -\n"
        "edge2  active       2025-12-31 22:00:00Z (2 h ago)  192.0.2.1  64500      4         0"
        "       0  refused\n"
    )


def test_rib_and_explain() -> None:
    rule = {
        "mitigation_id": ID, "rule": "dst 198.51.100.20/32 proto udp", "action": "discard",
        "expires_at": "2026-01-01T00:01:00Z", "peers": {"edge1": {"stage": "told"}},
    }  # fmt: skip
    other = {**rule, "peers": {}}
    service = CannedService({"GET /v1/bgp/rib": {"rules": [rule, other], "count": 2}})
    assert ctl(service, "rib", "--peer", "edge1").out == (
        "MITIGATION                            RULE                            ACTION   EXPIRES"
        "                          PEERS\n"
        "01a1fc36-aaf0-7465-a881-f86d63249002  dst 198.51.100.20/32 proto udp  discard"
        "  2026-01-01 00:01:00Z (in 1 min)  edge1 told\n"
    )
    kept = {**rule, "peers": {"edge1": {"stage": "withheld", "reason": "family"}}}
    service = CannedService({"GET /v1/bgp/rib": {"rules": [kept], "count": 1}})
    assert ctl(service, "rib").out.endswith("  edge1 withheld (family)\n")
    narrow = CannedService({"GET /v1/bgp/rib": {"rules": [rule], "count": 1}})
    assert ctl(narrow, "rib", screen=terminal(80)).out == (
        "RULE                            ACTION   EXPIRES   PEERS\n"
        "dst 198.51.100.20/32 proto udp  discard  in 1 min  edge1 told\n"
    )
    why = {
        "mitigation_id": ID, "peer": "edge1", "stage": "withheld", "reason": "budget",
        "detail": "9 of 9", "steps": [{"step": "budget", "passed": False, "detail": "full"}],
    }  # fmt: skip
    said = ctl(CannedService({"GET /v1/bgp/explain": why}), "explain", ID, "edge1")
    assert said.out == (
        f"Mitigation: {ID}\nPeer:       edge1\nState:      withheld: budget (9 of 9)\n\n"
        "Steps\nSTEP    PASSED  DETAIL\nbudget  no      full\n"
    )


def test_a_refused_preview_says_why_and_has_a_code() -> None:
    reply = {
        "plan": "refused", "match": "dst 192.0.2.1/32", "action": "discard", "ttl_seconds": 600,
        "notes": [], "peers": ["edge1: would be announced"],
        "refusals": [{"code": "safelisted", "text": "it is safe", "limit": None, "value": "x"}],
    }  # fmt: skip
    said = ctl(CannedService({"POST /v1/preview": reply}), "preview", "192.0.2.1", "discard")
    assert said.code == 1
    assert "safelisted  -      x      it is safe" in said.out


def test_audit_verification_fails_loudly() -> None:
    chain = {"chain": "lab1", "rows": 7, "head": "ab", "fault": "row 3 does not follow row 2"}
    service = CannedService({"GET /v1/audit/verify": {"ok": False, "chains": [chain]}})
    said = ctl(service, "audit", "verify")
    assert said.code == 1
    assert said.out == (
        "CHAIN  ROWS  STATE   HEAD  FAULT\nlab1      7  broken  ab    row 3 does not follow row 2\n"
    )


def test_rules_that_no_router_can_be_told_are_named() -> None:
    row = {"mitigation_id": ID, "rule": "dst 198.51.100.20/32", "action": "mark 8",
           "reason": "nothing can say it"}  # fmt: skip
    service = CannedService({"GET /v1/bgp/rib": {"rules": [], "inexpressible": [row]}})
    said = ctl(service, "rib")
    assert said.err == (
        "no rules\nwarning: 1 live mitigation that no router can carry:\n"
        f"  {ID}  dst 198.51.100.20/32: nothing can say it\n"
    )


def test_a_dry_run_is_said_where_the_rule_is_seen() -> None:
    rows = a_page("mitigations", a_mitigation(dry_run=True))
    said = ctl(CannedService({"GET /v1/mitigations": rows}), "mitigations", "list")
    assert "police to 20 Mbit/s (dry run)" in said.out


def test_without_neighbors_nothing_is_called_connected() -> None:
    service = CannedService({"GET /v1/health/detail": health(bgp_sessions={})})
    said = ctl(service, "status")
    assert re.search(
        r"^BGP: +no neighbors configured: rules are not announced$", said.out, re.MULTILINE
    )


def test_what_is_over_shows_when_it_ended() -> None:
    over = a_mitigation(status="withdrawn", withdrawn_at="2025-12-31T23:57:00Z")
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", over)})
    said = ctl(service, "mitigations", "list")
    assert "2025-12-31 23:57:00Z (3 min ago)" in said.out
    assert "in 2 min 40 s" not in said.out


def test_watch_flag_repeats_until_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    service = CannedService({"GET /v1/pops": []})
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    ctl(service, "pops", "--watch", "5", interrupted=True)
    assert looks == [5, 5, 5]
    assert len(service.asked) == 3


def settings(**bgp: object) -> dict[str, object]:
    return {"settings": {"bgp": bgp}, "loaded_at": NOW}


def test_an_outage_is_told_once_and_its_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = unreachable("cannot reach it")
    looks: list[object] = [gone, gone, gone, answer([]), answer([]), gone]

    class Coming(CannedService):
        def _found(self, *_asked: object) -> object:
            return looks.pop(0)

    def pause(_seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    said = ctl(Coming({}), "pops", "--watch", "5", interrupted=True)
    outage = "cannot reach it; retrying every 5 s\n"
    assert said.err.replace("no sites\n", "") == f"{outage}service reachable again\n{outage}"


def test_doctor_claims_nothing_it_did_not_see() -> None:
    last = {"at_us": 1_767_225_580_000_000, "desired": 0, "missing": 0, "surplus": 0,
            "changed": 0, "corrupt": 0}  # fmt: skip
    answers = {
        "GET /v1/health": {"status": "ok", "version": "0.1.0", "auth_mode": "none"},
        "GET /v1/auth/me": {"username": "alice", "role": "viewer"},
        "GET /v1/health/detail": health(last_reconcile=last),
        "GET /v1/bgp/peers": {"peers": [a_peer()]},
        "GET /v1/bgp/rib": {"rules": []},
        "GET /v1/config/settings": settings(mode="mock"),
    }
    said = ctl(CannedService(answers), "doctor")
    assert "ok    rules: 3 active; database and RIB matched 20 s ago\n" in said.out
    assert "note  bgp port: bgp.mode is mock: no router can connect\n" in said.out
    assert "179" not in said.out
    refused = {**answers, "GET /v1/config/settings": denied("not yours to see")}
    assert "bgp port" not in ctl(CannedService(refused), "doctor").out
    away = {"GET /v1/health": unreachable("cannot reach it")}
    assert "port 179" in ctl(CannedService(away), "doctor").out


def test_doctor_says_what_to_do() -> None:
    down = a_peer(name="edge2", state="active", last_error="dialling: Connection refused")
    service = CannedService(
        {
            "GET /v1/health": {"status": "ok", "version": "0.0.9", "auth_mode": "none"},
            "GET /v1/auth/me": {"username": "alice", "role": "admin"},
            "GET /v1/health/detail": health(dry_run=True, database="error: away"),
            "GET /v1/bgp/peers": {"peers": [a_peer(withheld={"budget": 2}), down]},
            "GET /v1/bgp/rib": {"rules": [], "inexpressible": [{}, {}]},
            "GET /v1/config/settings": settings(mode="speaker", listen=["192.0.2.10:179"]),
        }
    )
    service.target = service.target.__class__(api="https://far.example.net")
    said = ctl(service, "doctor")
    assert said.code == 1
    assert said.out == (
        "ok    service: prefixd 0.0.9 answers at https://far.example.net\n"
        "warn  version: the service has 0.0.9, this is 0.1.0\n"
        "ok    clock: clocks of the service and of this machine agree\n"
        "warn  authentication: anyone who can reach the address is admin\n"
        "        set http.auth.mode\n"
        "ok    authentication: signed in as alice (admin)\n"
        "ok    readiness: ready, up 1 h 25 min\n"
        "warn  mode: dry-run: decisions are made, nothing is announced\n"
        "        set mode: enforced\n"
        "bad   database: error: away\n"
        "        rules stay announced; new ones are refused\n"
        "ok    neighbor edge1: established, 4 rules\n"
        "warn  neighbor edge1: rules withheld: 2 for budget\n"
        "        `prefixdctl explain RULE edge1` shows the reason\n"
        "bad   neighbor edge2: active: dialling: Connection refused\n"
        "        the router does not accept the connection: check the neighbor there, and BGP in"
        " its control-plane filter\n"
        "bad   rules: 2 live mitigations that no router can carry\n"
        "        `prefixdctl rib` shows them with the reason\n"
        "ok    bgp port: the service listens on 192.0.2.10:179\n"
        "\n"
        "13 checks, 3 bad, 4 warnings\n"
    )


def test_doctor_goes_on_with_what_it_may_see() -> None:
    service = CannedService(
        {
            "GET /v1/health": {"status": "ok", "version": "0.1.0", "auth_mode": "bearer"},
            "GET /v1/auth/me": denied("no credentials"),
        }
    )
    said = ctl(service, "doctor", "-f", "json")
    found = {row["check"]: row["state"] for row in json.loads(said.out)}
    assert found["authentication"] == "bad"
    assert {"TCP MD5", "TCP-AO", "disk", "time service"} <= set(found)


def test_top_is_one_page() -> None:
    service = CannedService(
        {
            "GET /v1/health/detail": health(reasons=["something"]),
            "GET /v1/stats": {"total_events": 5, "total_mitigations": 1},
            "GET /v1/bgp/peers": {"peers": [a_peer()]},
            "GET /v1/mitigations": a_page("mitigations", a_mitigation()),
        }
    )
    said = ctl(service, "top")
    assert said.out.startswith("prefixd 0.1.0 at lab1  healthy  up 1 h 25 min  3 active")
    assert "\nNeighbors\nPEER " in said.out
    assert "\nNewest rules\nID " in said.out


def test_top_counts_what_came_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = [
        answer({"total_events": events, "total_mitigations": made})
        for events, made in ((5, 1), (25, 2))
    ]
    service = CannedService(
        {
            "GET /v1/health/detail": health(),
            "GET /v1/stats": totals,
            "GET /v1/bgp/peers": {"peers": []},
            "GET /v1/mitigations": a_page("mitigations"),
        }
    )
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        service.clock.advance(30)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    shown = ctl(service, "top", screen=terminal(100), interrupted=True).out
    first, second = shown.split("\x1b[H\x1b[2J")[1:]
    assert first.splitlines()[0].endswith("3 active  -")
    assert second.splitlines()[0].endswith("3 active  40 events, 2 new mitigations a minute")
