"""The generic webhook: both records, their signature and headers."""

import base64
import hashlib
import hmac

from prefixd.domain import news
from prefixd.notify.generic import record_v1, record_v2, signature
from prefixd.notify.message import Letterhead
from prefixd.notify.settings import (
    Generic,
    GenericFormat,
)
from tests.kit.alerts import URL, an_alert, request_for
from tests.kit.builders import NOW_US

VECTOR = "v1,nxppGmi7ev6oeMTw9tfER9MmG6h/PO7J9NNkut1jPoQ="


def test_the_flat_record_is_the_earlier_daemons() -> None:
    assert record_v1(an_alert()) == {
        "event_type": "mitigation.created",
        "severity": "warning",
        "title": "Mitigation Created",
        "message": "police mitigation for 192.0.2.53 (udp_flood) in ams1",
        "source": "prefixd",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "mitigation_id": "mitigation-1",
        "victim_ip": "192.0.2.53",
        "customer_id": "cust_example",
        "vector": "udp_flood",
        "action_type": "police",
        "pop": "ams1",
    }


def test_what_is_not_known_is_left_out_of_the_flat_record() -> None:
    alert = an_alert(news.PeerDown(at_us=NOW_US, peer="edge1", address="", reason="hold timer"))
    assert set(record_v1(alert)) == {
        "event_type", "severity", "title", "message", "source", "timestamp", "pop",
    }  # fmt: skip
    assert alert.summary == "hold timer"


def test_version_two_holds_the_action_and_the_reason() -> None:
    record = record_v2(an_alert(), Letterhead("https://mit.example.net/", "production"))
    assert next(iter(record)) == "schema"
    assert record["schema"] == "alert/2"
    assert record["title"] == "UDP flood on 192.0.2.53: police to 10 Mbit/s"
    assert record["summary"] == (
        "two agree, reported by flowmon-a, confidence 0.90, until 00:02:00 UTC"
    )
    assert record["links"] == {"dashboard": "https://mit.example.net/mitigations/mitigation-1"}
    assert record["mitigation"] == {
        "id": "mitigation-1",
        "action": "police",
        "rate_bps": 10_000_000,
        "expires_at": "2026-01-01T00:02:00.000Z",
        "match": "dst 192.0.2.53/32 proto udp",
    }
    assert record["environment"] == "production"
    assert record["dry_run"] is False


def test_generic_is_signed_over_id_time_and_body() -> None:
    target = Generic(url=URL, secret="s3cr3t", headers={"X-Key": "k"}, format=GenericFormat.V1)
    request = request_for(target, an_alert())
    assert request.headers["Webhook-Id"] == "alert-1"
    assert request.headers["Webhook-Timestamp"] == "1800000000"
    assert request.headers["X-Attempt"] == "2"
    assert request.headers["X-Key"] == "k"
    signed = b"alert-1.1800000000." + request.body
    expected = base64.b64encode(hmac.new(b"s3cr3t", signed, hashlib.sha256).digest()).decode()
    assert request.headers["Webhook-Signature"] == f"v1,{expected}"
    legacy = hmac.new(b"s3cr3t", request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Prefixd-Signature"] == f"sha256={legacy}"


def test_the_documented_signature_vector() -> None:
    assert signature("s3cr3t", "evt_1", 1_800_000_000, b"{}") == VECTOR
    assert signature("s3cr3t", "evt_2", 1_800_000_000, b"{}") != VECTOR
    assert signature("s3cr3t", "evt_1", 1_800_000_001, b"{}") != VECTOR
    assert signature("s3cr3t", "evt_1", 1_800_000_000, b"{ }") != VECTOR


def test_configured_headers_cannot_override_ours() -> None:
    target = Generic(url=URL, headers={"Webhook-Id": "forged"})
    assert request_for(target, an_alert()).headers["Webhook-Id"] == "alert-1"


def test_without_a_secret_nothing_is_signed() -> None:
    headers = request_for(Generic(url=URL), an_alert()).headers
    assert not any("signature" in name.lower() for name in headers)
