"""Lists in pages, and their period."""

from tests.unit.cli.kit import CannedService, a_mitigation, a_page, answer, ctl


def test_since_takes_a_time_or_a_span() -> None:
    service = CannedService({"GET /v1/events": a_page("events")})
    ctl(service, "events", "list", "--since", "24h", "--until", "2026-01-01T00:00:00Z")
    assert service.asked[0][2]["start"] == "2025-12-31T00:00:00Z"
    assert service.asked[0][2]["end"] == "2026-01-01T00:00:00Z"
    assert ctl(service, "events", "list", "--since", "yesterday").code == 2


def test_more_pages_are_mentioned_and_all_fetches_them() -> None:
    first = answer(a_page("mitigations", a_mitigation(), more="abc"))
    last = answer(a_page("mitigations", a_mitigation(victim_ip="198.51.100.21")))
    service = CannedService({"GET /v1/mitigations": [first]})
    assert "--all shows all" in ctl(service, "mitigations", "list").err
    service = CannedService({"GET /v1/mitigations": [first, last]})
    said = ctl(service, "mitigations", "list", "--all", "--status", "active")
    assert said.out.endswith("Count: 2\n")
    assert service.asked[1][2] == {"status": "active", "limit": 1000, "cursor": "abc"}
