"""A manual rule, before it is sent."""

from tests.unit.cli.kit import (
    CannedService,
    ctl,
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
