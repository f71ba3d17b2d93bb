"""An earlier prefixd's dump or API becomes requests to this one."""

import pytest

from prefixd.migrate.earlier import NotADump, OldEntry, from_api, from_dump
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import a_mitigation
from tests.unit.migrate.kit import COPY

NOW = FakeClock().now()


def test_only_live_mitigations_are_imported() -> None:
    holdings = from_dump(COPY, NOW)
    assert [row.victim for row in holdings.mitigations] == ["198.51.100.20/32", "198.51.100.22/32"]
    assert holdings.remarks == ("mitigation m4: match is not JSON; left out",)
    assert holdings.mitigations[0].request(NOW) == (
        "/v1/mitigations", {
        "victim_ip": "198.51.100.20/32", "action": "police", "ttl_seconds": 600, "protocol": "udp",
        "dst_ports": [53, 123], "rate_bps": 5_000_000,
        "reason": "taken over: tab\\tand back\\\\slash",
    })  # fmt: skip
    assert holdings.mitigations[1].request(NOW).body["ttl_seconds"] == 1800


def test_rows_of_the_api_say_the_same() -> None:
    ended = a_mitigation(expires_at="2025-01-01T00:00:00Z")
    unreadable = a_mitigation(expires_at="soon")
    safelist = [
        {"prefix": "203.0.113.0/28", "reason": None, "added_by": "bob"},
        {"prefix": "192.0.2.0/24", "reason": None, "added_by": "-", "source": "built-in"},
    ]
    operators = [{"username": "alice", "role": "admin"}]
    holdings = from_api([a_mitigation(), ended, unreadable], safelist, operators, NOW)
    assert [row.victim for row in holdings.mitigations] == ["198.51.100.20/32"]
    assert holdings.safelist == (OldEntry("203.0.113.0/28", None, "bob"),)
    assert holdings.safelist[0].request() == (
        "/v1/safelist",
        {"prefix": "203.0.113.0/28", "reason": "added by bob"},
    )
    assert [row.username for row in holdings.operators] == ["alice"]


@pytest.mark.parametrize(
    ("text", "hint"), [("PGDMP\x01", "pg_dump -Fp"), ("select 1;", "plain pg_dump")]
)
def test_other_files_are_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(NotADump, match=hint):
        from_dump(text, NOW)
