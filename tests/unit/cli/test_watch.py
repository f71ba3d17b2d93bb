import json

import pytest

from prefixd.cli.failure import denied, unreachable
from prefixd.cli.watch import describe, event_data
from tests.unit.cli.kit import ID, CannedService, a_mitigation, ctl


def event(kind: str, seq: int, **fields: object) -> list[str]:
    body = json.dumps({"type": kind, "seq": seq, **fields})
    return [f"id: {seq}", f"data: {body}", ""]


def test_server_sent_events_are_read_and_heartbeats_skipped() -> None:
    lines = ["retry: 2000", "", ": still here", "", "id: 1", "data: a", "data: b", "", "data: cut"]
    assert list(event_data(iter(lines))) == ["a\nb"]


def test_a_line_for_what_happens() -> None:
    service = CannedService({})
    service.feed = [event("peer_down", 7, peer="edge1", reason="hold timer")]
    said = ctl(service, "watch", "-n", "1")
    assert said.out == "2026-01-01 00:00:00Z  peer_down             peer edge1, reason hold timer\n"


def test_a_message_of_the_past_says_when_it_was() -> None:
    service = CannedService({})
    service.feed = [event("peer_up", 7, peer="edge1", at="2025-12-31T23:58:00Z")]
    said = ctl(service, "watch", "-n", "1", "--after", "6")
    assert said.out == "2025-12-31 23:58:00Z  peer_up               peer edge1\n"


def test_the_feed_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.cli.watch.time.sleep", lambda _seconds: None)
    service = CannedService({})
    service.feed = [event("peer_up", 7, peer="edge1"), event("peer_down", 8, peer="edge1")]
    said = ctl(service, "watch", "-n", "2", "-f", "json", "--after", "6")
    assert [json.loads(line)["seq"] for line in said.out.splitlines()] == [7, 8]
    assert service.feed_headers == [{"Last-Event-ID": "6"}, {"Last-Event-ID": "7"}]


def test_only_the_wanted_kinds() -> None:
    service = CannedService({})
    service.feed = [event("peer_up", 1, peer="a") + event("store_lost", 2, text="gone")]
    said = ctl(service, "watch", "-n", "1", "--type", "store_lost")
    assert "store_lost" in said.out
    assert "peer_up" not in said.out


def test_a_refusal_ends_it_and_a_broken_line_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("prefixd.cli.watch.time.sleep", pauses.append)
    failures = [unreachable("gone"), unreachable("gone"), denied("signed out")]

    class Failing(CannedService):
        def stream(self, *_args: object) -> object:  # type: ignore[override]  # because: only raises
            raise failures.pop(0)

    said = ctl(Failing({}), "watch")
    assert said.code == 4
    assert pauses == [0.5, 1.0]
    assert "retrying" in said.err


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {"type": "mitigation_created", "mitigation": a_mitigation()},
            f"198.51.100.20 police to 20 Mbit/s [{ID}] udp_flood to a customer",
        ),
        (
            {"type": "event_ingested", "event": {"victim_ip": "x", "vector": "v", "source": "s",
             "outcome": "held"}},
            "x v from s: held",
        ),
        (
            {"type": "group_held", "text": "why", "group": {"victim_ip": "x", "vector": "v",
             "state": "held", "source_count": 2, "derived_confidence": 0.5}},
            "x v held, 2 sources, confidence 0.5; why",
        ),
        ({"type": "resync_required", "seq": 4}, "messages were lost; read the lists"),
        ({"type": "config_reloaded", "changes": ["a", "b"]}, "changes a, b"),
    ],
)  # fmt: skip
def test_what_a_message_says(message: dict[str, object], text: str) -> None:
    assert describe(message) == text
