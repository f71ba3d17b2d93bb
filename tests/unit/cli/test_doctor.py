"""Findings of doctor, and its advice."""

import json

from prefixd.cli.doctor import HINTS, hint_for
from prefixd.cli.failure import denied, unreachable
from tests.unit.cli.kit import (
    NOW,
    CannedService,
    a_peer,
    ctl,
    health,
)


def settings(**bgp: object) -> dict[str, object]:
    return {"settings": {"bgp": bgp}, "loaded_at": NOW}


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


def test_hints() -> None:
    assert "does not accept" in hint_for("dialling 192.0.2.1: Connection refused")
    assert "AS number" in hint_for("NOTIFICATION 2/2 Bad Peer AS")
    assert hint_for("something new") == ""
    assert all(sign == sign.lower() for sign, _ in HINTS)
