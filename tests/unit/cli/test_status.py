"""Status and its exit code; the live page."""

import re

import pytest

from tests.unit.cli.kit import (
    CannedService,
    a_mitigation,
    a_page,
    a_peer,
    answer,
    ctl,
    health,
    terminal,
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


def test_without_neighbors_nothing_is_called_connected() -> None:
    service = CannedService({"GET /v1/health/detail": health(bgp_sessions={})})
    said = ctl(service, "status")
    assert re.search(
        r"^BGP: +no neighbors configured: rules are not announced$", said.out, re.MULTILINE
    )


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
