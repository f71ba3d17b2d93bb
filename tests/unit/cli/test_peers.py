"""Neighbors, rules and explanations, to the character."""

from prefixd.cli.failure import refused
from tests.unit.cli.kit import (
    ID,
    CannedService,
    a_peer,
    ctl,
    terminal,
)


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


def test_rules_that_no_router_can_carry_are_named() -> None:
    row = {"mitigation_id": ID, "rule": "dst 198.51.100.20/32", "action": "mark 8",
           "reason": "nothing can say it"}  # fmt: skip
    service = CannedService({"GET /v1/bgp/rib": {"rules": [], "inexpressible": [row]}})
    said = ctl(service, "rib")
    assert said.err == (
        "no rules\nwarning: 1 live mitigation that no router can carry:\n"
        f"  {ID}  dst 198.51.100.20/32: nothing can say it\n"
    )


def test_rules_of_an_unknown_neighbor_are_an_error() -> None:
    rule = {
        "mitigation_id": ID, "rule": "dst 198.51.100.20/32", "action": "discard",
        "expires_at": "2026-01-01T00:02:40Z", "peers": {"edge1": {"stage": "announced"}},
    }  # fmt: skip
    service = CannedService(
        {
            "GET /v1/bgp/rib": {"rules": [rule], "inexpressible": []},
            "GET /v1/bgp/peers/edge2": a_peer(name="edge2"),
            "GET /v1/bgp/peers/nosuch": refused("peer 'nosuch' not found (404)"),
        }
    )
    said = ctl(service, "rib", "--peer", "nosuch")
    assert (said.code, said.out) == (1, "")
    assert "'nosuch' not found" in said.err
    assert ctl(service, "rib", "--peer", "edge2").err == "no rules\n"
    assert ID in ctl(service, "rib", "--peer", "edge1").out
