"""Answers that say what is true and what to do, where the short answer would mislead."""

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.kit.daemon_process import DaemonProcess

RULE: dict[str, Any] = {
    "reason": "noc ticket 7781", "victim_ip": "198.51.100.20", "protocol": "udp",
    "dst_ports": [123], "action": "police", "rate_bps": 5_000_000, "ttl_seconds": 300,
}  # fmt: skip
# Two routers that are never there; the second takes no rules of IPv6.
BGP: dict[str, Any] = {
    "bgp": {
        "mode": "speaker", "listen": [],
        "neighbors": [
            {"name": "edge1", "address": "127.0.0.201", "peer_asn": 64500, "export": {}},
            {
                "name": "v6only", "address": "127.0.0.202", "peer_asn": 64500, "export": {},
                "afi_safi": ["ipv6-flowspec"],
            },
        ]
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path_factory.mktemp("honest")) as running:
        yield running


def test_what_the_configuration_protects_is_not_reported_as_unknown(daemon: DaemonProcess) -> None:
    path = "/v1/safelist/" + quote("192.0.2.1/32", safe="")
    answer = daemon.request("DELETE", path, None)
    assert (answer.status, answer.json["code"]) == (409, "configured")
    assert "remove it from the file" in answer.json["error"]
    unknown = daemon.request("DELETE", "/v1/safelist/" + quote("192.0.2.77/32", safe=""), None)
    assert (unknown.status, unknown.json["code"]) == (404, "not_found")


def test_the_front_page_leads_to_the_reference(daemon: DaemonProcess) -> None:
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")
    connection.close()


def test_head_is_get_without_the_body(daemon: DaemonProcess) -> None:
    for path in ("/v1/health", "/v1/mitigations?limit=5", "/v1/safelist"):
        full, head = daemon.get(path), daemon.request("HEAD", path, None)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(full.body))
        assert head.headers["Content-Type"] == full.headers["Content-Type"]


def test_without_neighbors_bgp_is_not_called_connected(daemon: DaemonProcess) -> None:
    detail = daemon.get("/v1/health/detail").json
    assert (detail["status"], detail["gobgp"]["status"]) == ("healthy", "no_neighbors")


def test_a_redirect_error_names_a_missing_or_a_surplus_target(daemon: DaemonProcess) -> None:
    ask = {**RULE, "action": "redirect"}
    nothing = daemon.post("/v1/preview", ask).json
    assert nothing["error"] == "redirect needs route_target or next_hop"
    both = daemon.post("/v1/preview", {**ask, "route_target": "64500:1", "next_hop": "192.0.2.9"})
    assert both.json["error"] == "redirect takes route_target or next_hop, not both"


def test_a_rule_for_an_unowned_address_has_a_note_in_preview_and_reply(
    daemon: DaemonProcess,
) -> None:
    ask = {**RULE, "victim_ip": "100.64.7.7", "ttl_seconds": 900_000}
    note = "100.64.7.7 belongs to no customer in the inventory"
    preview = daemon.post("/v1/preview", ask).json
    assert note in preview["notes"]
    made = daemon.post("/v1/mitigations", ask)
    assert made.status == 201
    assert note in made.json["notes"]
    assert any("ttl" in text.lower() or "lifetime" in text for text in made.json["notes"])
    assert set(preview["notes"]) <= set(made.json["notes"])
    again = daemon.post("/v1/mitigations", ask)
    assert again.status == 200
    assert any("TTL was set to" in text for text in again.json["notes"])


def test_an_extension_that_is_cut_short_has_a_note(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bounded = {"timers": {"max_lifetime_seconds": 600}}
    with DaemonProcess(tmp_path_factory.mktemp("bounded"), main=bounded) as daemon:
        path = (
            f"/v1/mitigations/{daemon.post('/v1/mitigations', RULE).json['mitigation_id']}/extend"
        )
        assert "notes" not in daemon.post(path, {"ttl_seconds": 400}).json
        longer = daemon.post(path, {"ttl_seconds": 900})
        assert any("earlier than requested" in text for text in longer.json["notes"])


def test_an_item_that_a_guardrail_held_back_does_not_say_accepted(daemon: DaemonProcess) -> None:
    alert = {
        "status": "firing", "fingerprint": "f1", "startsAt": "2026-01-10T08:00:00Z",
        "labels": {"victim_ip": "192.0.2.1", "vector": "udp_flood", "severity": "critical"},
        "annotations": {},
    }  # fmt: skip
    answer = daemon.post("/v1/signals/alertmanager", {"version": "4", "alerts": [alert]})
    (item,) = answer.json["results"]
    assert (item["status"], item["outcome"]) == ("held", "held")
    assert "mitigation_id" not in item
    assert item["reason"]


def test_routers_that_withhold_a_rule_are_named_with_the_reason(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with DaemonProcess(tmp_path_factory.mktemp("withheld"), main=BGP) as daemon:
        some = daemon.post("/v1/mitigations", RULE).json
        assert set(some["withheld"]) == {"v6only"}
        assert not any("no router takes" in text for text in some["notes"])
        explained = "/v1/bgp/explain?rule={rule}&peer={peer}"
        rule = some["mitigation_id"]
        assert daemon.get(explained.format(rule=rule, peer="edge1")).status == 200
        for asked, field in ((("x", "edge1"), "rule"), ((rule, "y"), "peer")):
            unknown = daemon.get(explained.format(rule=asked[0], peer=asked[1]))
            assert (unknown.status, unknown.json["field"]) == (404, field)
        assert daemon.get("/v1/bgp/rib").json["inexpressible"] == []


def test_a_rule_that_no_router_takes_has_a_note(tmp_path_factory: pytest.TempPathFactory) -> None:
    only = {"bgp": {**BGP["bgp"], "neighbors": BGP["bgp"]["neighbors"][1:]}}
    with DaemonProcess(tmp_path_factory.mktemp("nobody"), main=only) as daemon:
        made = daemon.post("/v1/mitigations", RULE)
        assert made.status == 201
        assert made.json["notes"][0] == "no router takes this rule: traffic is not filtered"
        assert set(made.json["withheld"]) == {"v6only"}
        detail = daemon.get("/v1/health/detail").json
        assert detail["gobgp"]["status"] == "degraded"
