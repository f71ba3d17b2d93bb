"""Chat messages: what each provider gets, and that hostile text stays harmless."""

import json

from prefixd.notify.settings import (
    Discord,
    Slack,
    Teams,
    Telegram,
)
from tests.kit.alerts import URL, an_alert, body_for, request_for


def test_slack() -> None:
    got = body_for(Slack(webhook_url=URL, channel="#ddos"), an_alert())
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
    assert "channel" not in body_for(Slack(webhook_url=URL), an_alert())


def test_discord() -> None:
    got = body_for(Discord(webhook_url=URL), an_alert())
    assert got["allowed_mentions"] == {"parse": []}
    (embed,) = got["embeds"]
    assert embed["color"] == 16750848
    assert embed["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert {"name": "Mitigation ID", "value": "`mitigation-1`", "inline": True} in embed["fields"]
    assert embed["url"].endswith("/mitigations/mitigation-1")


def test_teams() -> None:
    got = body_for(Teams(webhook_url=URL), an_alert())
    (card,) = got["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    content = card["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert content["body"][0]["color"] == "Warning"
    assert {"title": "Victim IP", "value": "192.0.2.53"} in content["body"][2]["facts"]
    assert content["actions"][0]["type"] == "Action.OpenUrl"


def test_telegram() -> None:
    request = request_for(Telegram(bot_token="12:abc", chat_id="-100200300"), an_alert())
    assert request.url == "https://api.telegram.org/bot12:abc/sendMessage"
    got = json.loads(request.body)
    assert (got["chat_id"], got["parse_mode"]) == ("-100200300", "HTML")
    lines = got["text"].splitlines()
    assert lines[0] == "🟠 <b>UDP flood on 192.0.2.53: police to 10 Mbit/s</b>"
    assert "<b>Victim IP:</b> <code>192.0.2.53</code>" in lines
    assert lines[-1] == "<i>prefixd lab | ams1 | 2026-01-01T00:00:00.000Z</i>"


def test_a_telegram_message_is_cut_between_lines() -> None:
    alert = an_alert(summary="&" * 3000, title="<" * 400)
    text = body_for(Telegram(bot_token="1:t", chat_id="1"), alert)["text"]
    assert len(text) <= 4096
    assert text.count("<b>") == text.count("</b>")
