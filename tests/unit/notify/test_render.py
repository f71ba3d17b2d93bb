"""What each provider is sent, byte for byte where it matters, and harmless whatever is in it."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from prefixd.domain import news
from prefixd.notify.alert import Alert
from prefixd.notify.generic import signature
from prefixd.notify.record import Letterhead
from prefixd.notify.render import is_for, render
from prefixd.notify.request import Request
from prefixd.notify.settings import (
    AlertEvent,
    Discord,
    Generic,
    GenericFormat,
    Opsgenie,
    OpsgenieRegion,
    PagerDuty,
    Severity,
    Slack,
    Target,
    Teams,
    Telegram,
)
from tests.kit.alerts import URL, a_destination, activated, an_alert, some_settings, withdrawn
from tests.kit.builders import NOW_US, a_mitigation

HEAD = Letterhead("https://mit.example.net", "lab")
ALL: list[Target] = [
    Slack(webhook_url=URL),
    Discord(webhook_url=URL),
    Teams(webhook_url=URL),
    Telegram(bot_token="1:token", chat_id="-100"),
    PagerDuty(routing_key="R0key"),
    Opsgenie(api_key="og-key"),
    Generic(url=URL, format=GenericFormat.V1),
    Generic(url=URL, format=GenericFormat.V2),
]
HOSTILE = '<!channel> @everyone </b> <script> *x* `y` [a](http://e) | & " \\'


def sent(target: Target, alert: Alert, head: Letterhead = HEAD) -> Request:
    return render(target, alert, head, sent_at_s=1_800_000_000, attempt=2)


def body(target: Target, alert: Alert, head: Letterhead = HEAD) -> Any:
    return json.loads(sent(target, alert, head).body)


def test_slack() -> None:
    got = body(Slack(webhook_url=URL, channel="#ddos"), an_alert())
    assert got["channel"] == "#ddos"
    assert got["text"].startswith("UDP flood on 192.0.2.53: police to 10 Mbit/s: two agree")
    (attachment,) = got["attachments"]
    assert attachment["color"] == "#ff9900"
    kinds = [block["type"] for block in attachment["blocks"]]
    assert kinds == ["header", "section", "section", "context", "actions"]
    fields = [field["text"] for field in attachment["blocks"][2]["fields"]]
    assert "*Victim IP:* `192.0.2.53`" in fields
    assert "*Customer:* cust_example" in fields
    button = attachment["blocks"][4]["elements"][0]
    assert button["url"] == "https://mit.example.net/mitigations/mitigation-1"
    assert "channel" not in body(Slack(webhook_url=URL), an_alert())


def test_discord() -> None:
    got = body(Discord(webhook_url=URL), an_alert())
    assert got["allowed_mentions"] == {"parse": []}
    (embed,) = got["embeds"]
    assert embed["color"] == 16750848
    assert embed["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert {"name": "Mitigation ID", "value": "`mitigation-1`", "inline": True} in embed["fields"]
    assert embed["url"].endswith("/mitigations/mitigation-1")


def test_teams() -> None:
    got = body(Teams(webhook_url=URL), an_alert())
    (card,) = got["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    content = card["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert content["body"][0]["color"] == "Warning"
    assert {"title": "Victim IP", "value": "192.0.2.53"} in content["body"][2]["facts"]
    assert content["actions"][0]["type"] == "Action.OpenUrl"


def test_telegram() -> None:
    request = sent(Telegram(bot_token="12:abc", chat_id="-100200300"), an_alert())
    assert request.url == "https://api.telegram.org/bot12:abc/sendMessage"
    got = json.loads(request.body)
    assert (got["chat_id"], got["parse_mode"]) == ("-100200300", "HTML")
    lines = got["text"].splitlines()
    assert lines[0] == "🟠 <b>UDP flood on 192.0.2.53: police to 10 Mbit/s</b>"
    assert "<b>Victim IP:</b> <code>192.0.2.53</code>" in lines
    assert lines[-1] == "<i>prefixd lab | ams1 | 2026-01-01T00:00:00.000Z</i>"


def test_a_telegram_message_is_cut_between_lines() -> None:
    alert = an_alert(summary="&" * 3000, title="<" * 400)
    text = body(Telegram(bot_token="1:t", chat_id="1"), alert)["text"]
    assert len(text) <= 4096
    assert text.count("<b>") == text.count("</b>")


def test_pagerduty_triggers_and_resolves_one_incident() -> None:
    target = PagerDuty(routing_key="R0key")
    assert sent(target, an_alert()).url == "https://events.pagerduty.com/v2/enqueue"
    opened, closed = body(target, an_alert()), body(target, an_alert(withdrawn()))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "mitigation-1"
    assert opened["payload"]["severity"] == "warning"
    assert opened["payload"]["custom_details"]["victim_ip"] == "192.0.2.53"
    assert (opened["payload"]["class"], opened["payload"]["group"]) == ("udp_flood", "cust_example")
    assert "payload" not in closed


def test_opsgenie_creates_and_closes_one_alert() -> None:
    target = Opsgenie(api_key="og-key", region=OpsgenieRegion.EU)
    opened, closed = sent(target, an_alert()), sent(target, an_alert(withdrawn()))
    assert opened.url == "https://api.eu.opsgenie.com/v2/alerts"
    assert opened.headers["Authorization"] == "GenieKey og-key"
    made = json.loads(opened.body)
    assert (made["alias"], made["priority"]) == ("mitigation-1", "P3")
    assert made["tags"] == ["prefixd", "mitigation.created", "ams1", "lab"]
    assert closed.url == (
        "https://api.eu.opsgenie.com/v2/alerts/mitigation-1/close?identifierType=alias"
    )


def test_an_opsgenie_message_is_never_too_long() -> None:
    got = body(Opsgenie(api_key="k"), an_alert(title="x" * 500, summary="y" * 20_000))
    assert len(got["message"]) <= 130
    assert len(got["description"]) <= 15_000


def test_generic_is_signed_over_id_time_and_body() -> None:
    target = Generic(url=URL, secret="s3cr3t", headers={"X-Key": "k"}, format=GenericFormat.V1)
    request = sent(target, an_alert())
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


VECTOR = "v1,nxppGmi7ev6oeMTw9tfER9MmG6h/PO7J9NNkut1jPoQ="


def test_configured_headers_cannot_override_ours() -> None:
    target = Generic(url=URL, headers={"Webhook-Id": "forged"})
    assert sent(target, an_alert()).headers["Webhook-Id"] == "alert-1"


def test_without_a_secret_nothing_is_signed() -> None:
    headers = sent(Generic(url=URL), an_alert()).headers
    assert not any("signature" in name.lower() for name in headers)


@pytest.mark.parametrize("target", ALL, ids=lambda each: type(each).__name__)
def test_hostile_text_is_inert(target: Target) -> None:
    subject = an_alert().subject
    assert subject is not None
    alert = an_alert(title=HOSTILE, summary=HOSTILE, subject=replace(subject, customer_id=HOSTILE))
    got = body(target, alert)
    text = json.dumps(got, ensure_ascii=False)
    match target:
        case Slack():
            for block in got["attachments"][0]["blocks"]:
                shown = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
                for part in shown:
                    if part is not None and part["type"] == "mrkdwn":
                        assert "<" not in part["text"]
        case Discord():
            assert got["allowed_mentions"] == {"parse": []}
            assert "\\\\*x\\\\*" in text
        case Teams():
            assert "[a](" not in text
        case Telegram():
            tags = set(re.findall(r"</?(\w+)", got["text"]))
            assert tags <= {"b", "i", "a", "code"}
            assert "@everyone" not in got["text"]
            assert got["text"].count("<b>") == got["text"].count("</b>")
        case PagerDuty() | Opsgenie() | Generic():
            assert "<!channel>" in text  # JSON for machines: kept exactly


@pytest.mark.parametrize("target", ALL, ids=lambda each: type(each).__name__)
def test_every_kind_takes_every_shape_of_alert(target: Target) -> None:
    bare = an_alert(news.StoreRestored(at_us=NOW_US))
    for alert in (bare, an_alert(withdrawn()), an_alert(summary="x" * 50_000, title="y" * 5000)):
        request = sent(target, alert, Letterhead())
        assert len(request.body) < 60_000
        assert request.method == "POST"


def test_a_request_never_prints_its_secrets() -> None:
    request = sent(Telegram(bot_token="12:abc", chat_id="1"), an_alert())
    assert "12:abc" not in repr(request)


# who is told


def test_an_empty_list_means_everything_but_what_comes_constantly() -> None:
    extended = news.MitigationExtended(
        at_us=NOW_US, mitigation=a_mitigation(), actor=activated().actor, old_expires_at_us=1
    )
    settings = some_settings()
    assert is_for(a_destination(), an_alert(), settings)
    assert not is_for(a_destination(), an_alert(extended), settings)
    named = a_destination(events=frozenset({AlertEvent.MITIGATION_EXTENDED}))
    assert is_for(named, an_alert(extended), settings)


def test_filters() -> None:
    settings, alert = some_settings(), an_alert()
    assert not is_for(a_destination(enabled=False), alert, settings)
    assert not is_for(a_destination(min_severity=Severity.CRITICAL), alert, settings)
    assert not is_for(a_destination(customers=frozenset({"other"})), alert, settings)
    assert is_for(a_destination(customers=frozenset({"cust_example"})), alert, settings)
    assert not is_for(a_destination(pops=frozenset({"fra1"})), alert, settings)
    assert is_for(a_destination(pops=frozenset({"ams1"})), alert, settings)
    general = some_settings(events=frozenset({AlertEvent.BGP_PEER_DOWN}))
    assert not is_for(a_destination(), alert, general)


def test_a_pager_hears_the_end_of_what_it_heard_begin() -> None:
    settings = some_settings()
    pager = a_destination(
        target=PagerDuty(routing_key="R0key"),
        min_severity=Severity.WARNING,
        events=frozenset({AlertEvent.MITIGATION_CREATED}),
    )
    assert is_for(pager, an_alert(withdrawn()), settings)
    assert not is_for(replace(pager, resolve=False), an_alert(withdrawn()), settings)
    assert not is_for(
        replace(pager, min_severity=Severity.CRITICAL), an_alert(withdrawn()), settings
    )


def test_a_pager_is_not_told_what_never_ends() -> None:
    pager = a_destination(target=Opsgenie(api_key="k"))
    started = an_alert(news.SystemStarted(at_us=NOW_US, version="1"))
    assert not is_for(pager, started, some_settings())
    asked = replace(pager, events=frozenset({AlertEvent.SYSTEM_STARTED}))
    assert is_for(asked, started, some_settings())
