"""Discord, by webhook: one embed. `allowed_mentions` names nobody, so no text of ours can ping."""

import re

from prefixd.notify.alert import Alert, format_instant
from prefixd.notify.record import CODE_LABELS, Json, Letterhead, facts
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import Discord, Severity

MAX_TITLE = 256
MAX_DESCRIPTION = 4096
MAX_VALUE = 300  # Discord takes 1024; with 25 fields the sum must stay below 6000
MAX_FIELDS = 10
COLOURS = {Severity.INFO: 0x36A64F, Severity.WARNING: 0xFF9900, Severity.CRITICAL: 0xFF0000}
_MARKS = re.compile(r"([\\`*_~|>\[\]()#])")
MAX_SUMMARY = 2000  # title, fields, footer and this together stay below 6000


def render(target: Discord, alert: Alert, letterhead: Letterhead) -> Request:
    fields: list[Json] = [
        {"name": label, "value": _value(label, value), "inline": label != "Match"}
        for label, value in facts(alert)[:MAX_FIELDS]
    ]
    embed: dict[str, Json] = {
        "title": cut(escape(alert.title), MAX_TITLE),
        "description": cut(escape(alert.summary), MAX_SUMMARY),
        "color": COLOURS[alert.severity],
        "fields": fields,
        "footer": {"text": cut(f"prefixd {letterhead.environment}".rstrip(), MAX_VALUE)},
        "timestamp": format_instant(alert.at_us),
    }
    link = letterhead.link(alert)
    if link is not None:
        embed["url"] = link
    body: dict[str, Json] = {
        "username": "prefixd",
        "allowed_mentions": {"parse": []},
        "embeds": [embed],
    }
    return json_request(target.webhook_url, body)


def escape(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


def _value(label: str, value: str) -> str:
    if label in CODE_LABELS:
        return f"`{cut(value.replace('`', chr(39)), MAX_VALUE)}`"
    return cut(escape(value), MAX_VALUE)
