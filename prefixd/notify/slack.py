"""Slack, by incoming webhook: blocks for people, `text` for notifications and screen readers.

`& < >` are the only signs Slack gives a meaning to (mentions, links, channels), so escaping them
makes a customer called `<!channel>` harmless. Escaping comes before cutting, and a cut never
leaves half an entity.
"""

from prefixd.notify.alert import Alert
from prefixd.notify.record import CODE_LABELS, Json, Letterhead, facts
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import Severity, Slack

MAX_HEADER = 150
MAX_SECTION = 3000
MAX_FIELD = 2000
MAX_FIELDS = 10
COLOURS = {
    Severity.INFO: "#36a64f",
    Severity.WARNING: "#ff9900",
    Severity.CRITICAL: "#ff0000",
}


def render(target: Slack, alert: Alert, letterhead: Letterhead) -> Request:
    blocks: list[Json] = [
        {
            "type": "header",
            # Plain text: Slack gives no meaning to anything in it.
            "text": {"type": "plain_text", "text": cut(alert.title, MAX_HEADER), "emoji": False},
        }
    ]
    if alert.summary:
        blocks.append({"type": "section", "text": _mrkdwn(escape(alert.summary, MAX_SECTION))})
    fields: list[Json] = [_field(label, value) for label, value in facts(alert)]
    blocks.append({"type": "section", "fields": fields[:MAX_FIELDS]})
    blocks.append(
        {"type": "context", "elements": [_mrkdwn(escape(letterhead.signature(alert), MAX_FIELD))]}
    )
    link = letterhead.link(alert)
    if link is not None:
        label: Json = {"type": "plain_text", "text": "Open"}
        blocks.append(
            {"type": "actions", "elements": [{"type": "button", "text": label, "url": link}]}
        )
    body: dict[str, Json] = {
        "text": escape(f"{alert.title}: {alert.summary}".rstrip(": "), MAX_SECTION),
        "attachments": [{"color": COLOURS[alert.severity], "blocks": blocks}],
    }
    if target.channel is not None:
        body["channel"] = target.channel
    return json_request(target.webhook_url, body)


def escape(text: str, limit: int) -> str:
    escaped = _escaped(text)
    kept = len(text)
    while len(escaped) > limit:
        kept = min(kept - 1, kept - (len(escaped) - limit) // 5)
        escaped = _escaped(text[:kept]) + "…"
    return escaped


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _field(label: str, value: str) -> Json:
    if label in CODE_LABELS:
        shown = escape(value.replace("`", "'"), MAX_FIELD - 50)
        return _mrkdwn(f"*{label}:* `{shown}`")
    return _mrkdwn(f"*{label}:* {escape(value, MAX_FIELD - 50)}")


def _mrkdwn(text: str) -> dict[str, Json]:
    return {"type": "mrkdwn", "text": text}
