"""Microsoft Teams: an adaptive card 1.4, as the webhooks of Power Automate workflows take it."""

import re

from prefixd.notify.alert import Alert
from prefixd.notify.record import Json, Letterhead, facts
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import Severity, Teams

MAX_TITLE = 300
MAX_TEXT = 4000
MAX_FACT = 500  # a card must stay below 28 KB
COLOURS = {Severity.INFO: "Good", Severity.WARNING: "Warning", Severity.CRITICAL: "Attention"}
_MARKS = re.compile(r"([\\`*_~|\[\]()#<>])")


def render(target: Teams, alert: Alert, letterhead: Letterhead) -> Request:
    rows: list[Json] = [
        {"title": label, "value": cut(escape(value), MAX_FACT)} for label, value in facts(alert)
    ]
    body: list[Json] = [
        {
            "type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": True,
            "color": COLOURS[alert.severity], "text": cut(escape(alert.title), MAX_TITLE),
        },
        {"type": "TextBlock", "wrap": True, "text": cut(escape(alert.summary), MAX_TEXT)},
        {"type": "FactSet", "facts": rows},
        {
            "type": "TextBlock", "size": "Small", "isSubtle": True,
            "text": cut(escape(letterhead.signature(alert)), MAX_FACT),
        },
    ]  # fmt: skip
    content: dict[str, Json] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    link = letterhead.link(alert)
    if link is not None:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": link}]
    card: Json = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return json_request(target.webhook_url, {"type": "message", "attachments": [card]})


def escape(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)
