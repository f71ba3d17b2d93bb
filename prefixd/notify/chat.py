"""Messages for people in a chat: Slack, Discord, Microsoft Teams and Telegram.

Each provider gives a meaning to other characters (mentions, links, markup). Every text of ours is
escaped for its provider, so a customer called `<!channel>` or `@everyone` pings no one, and cut to
the provider's limits without leaving half an escape.
"""

import html
import re
from urllib.parse import quote

from prefixd.notify.alert import Alert, format_instant
from prefixd.notify.message import (
    CODE_LABELS,
    Json,
    Letterhead,
    Request,
    cut,
    facts,
    json_request,
)
from prefixd.notify.settings import Discord, Severity, Slack, Teams, Telegram

# Slack: incoming webhook. Blocks for people, `text` for notifications and screen readers.

SLACK_HEADER = 150
SLACK_SECTION = 3000
SLACK_FIELD = 2000
SLACK_FIELDS = 10
_SLACK_COLORS = {
    Severity.INFO: "#36a64f",
    Severity.WARNING: "#ff9900",
    Severity.CRITICAL: "#ff0000",
}


def slack(target: Slack, alert: Alert, letterhead: Letterhead) -> Request:
    # The header is plain text: Slack gives no meaning to anything in it.
    title: Json = {"type": "plain_text", "text": cut(alert.title, SLACK_HEADER), "emoji": False}
    blocks: list[Json] = [{"type": "header", "text": title}]
    if alert.summary:
        blocks.append({"type": "section", "text": _mrkdwn(alert.summary, SLACK_SECTION)})
    fields: list[Json] = [_slack_field(label, value) for label, value in facts(alert)]
    blocks.append({"type": "section", "fields": fields[:SLACK_FIELDS]})
    blocks.append(
        {"type": "context", "elements": [_mrkdwn(letterhead.signature(alert), SLACK_FIELD)]}
    )
    link = letterhead.link(alert)
    if link is not None:
        label: Json = {"type": "plain_text", "text": "Open"}
        blocks.append(
            {"type": "actions", "elements": [{"type": "button", "text": label, "url": link}]}
        )
    body: dict[str, Json] = {
        "text": _slack_escaped(alert.headline, SLACK_SECTION),
        "attachments": [{"color": _SLACK_COLORS[alert.severity], "blocks": blocks}],
    }
    if target.channel is not None:
        body["channel"] = target.channel
    return json_request(target.webhook_url, body)


def _slack_field(label: str, value: str) -> Json:
    limit = SLACK_FIELD - 50
    if label in CODE_LABELS:
        shown = f"`{_slack_escaped(value.replace('`', chr(39)), limit)}`"
    else:
        shown = _slack_escaped(value, limit)
    return {"type": "mrkdwn", "text": f"*{label}:* {shown}"}


def _mrkdwn(text: str, limit: int) -> Json:
    return {"type": "mrkdwn", "text": _slack_escaped(text, limit)}


def _slack_escaped(text: str, limit: int) -> str:
    """`& < >` are the only signs with a meaning. Escaped first, then cut between entities."""
    escaped = html.escape(text, quote=False)
    kept = len(text)
    while len(escaped) > limit:
        kept = min(kept - 1, kept - (len(escaped) - limit) // 5)
        escaped = html.escape(text[:kept], quote=False) + "…"
    return escaped


# Discord: webhook. One embed; `allowed_mentions` is empty, so no text can ping.

DISCORD_TITLE = 256
DISCORD_SUMMARY = 2000  # title, fields, footer and this together must stay below 6000
DISCORD_VALUE = 300
DISCORD_FIELDS = 10
_DISCORD_COLORS = {Severity.INFO: 0x36A64F, Severity.WARNING: 0xFF9900, Severity.CRITICAL: 0xFF0000}
_DISCORD_MARKS = re.compile(r"([\\`*_~|>\[\]()#])")


def discord(target: Discord, alert: Alert, letterhead: Letterhead) -> Request:
    fields: list[Json] = [
        {"name": label, "value": _discord_value(label, value), "inline": label != "Match"}
        for label, value in facts(alert)[:DISCORD_FIELDS]
    ]
    embed: dict[str, Json] = {
        "title": cut(_marked(_DISCORD_MARKS, alert.title), DISCORD_TITLE),
        "description": cut(_marked(_DISCORD_MARKS, alert.summary), DISCORD_SUMMARY),
        "color": _DISCORD_COLORS[alert.severity],
        "fields": fields,
        "footer": {"text": cut(letterhead.sender, DISCORD_VALUE)},
        "timestamp": format_instant(alert.at_us),
    }
    link = letterhead.link(alert)
    if link is not None:
        embed["url"] = link
    mentions: Json = {"parse": []}
    body: Json = {"username": "prefixd", "allowed_mentions": mentions, "embeds": [embed]}
    return json_request(target.webhook_url, body)


def _discord_value(label: str, value: str) -> str:
    if label in CODE_LABELS:
        return f"`{cut(value.replace('`', chr(39)), DISCORD_VALUE)}`"
    return cut(_marked(_DISCORD_MARKS, value), DISCORD_VALUE)


def _marked(marks: re.Pattern[str], text: str) -> str:
    return marks.sub(r"\\\1", text)


# Microsoft Teams: an adaptive card 1.4, as the webhooks of Power Automate workflows take it.

TEAMS_TITLE = 300
TEAMS_TEXT = 4000
TEAMS_FACT = 500  # a card must stay below 28 KB
_TEAMS_COLORS = {Severity.INFO: "Good", Severity.WARNING: "Warning", Severity.CRITICAL: "Attention"}
_TEAMS_MARKS = re.compile(r"([\\`*_~|\[\]()#<>])")


def teams(target: Teams, alert: Alert, letterhead: Letterhead) -> Request:
    def shown(text: str, limit: int) -> str:
        return cut(_marked(_TEAMS_MARKS, text), limit)

    rows: list[Json] = [
        {"title": label, "value": shown(value, TEAMS_FACT)} for label, value in facts(alert)
    ]
    body: list[Json] = [
        {
            "type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": True,
            "color": _TEAMS_COLORS[alert.severity], "text": shown(alert.title, TEAMS_TITLE),
        },
        {"type": "TextBlock", "wrap": True, "text": shown(alert.summary, TEAMS_TEXT)},
        {"type": "FactSet", "facts": rows},
        {
            "type": "TextBlock", "size": "Small", "isSubtle": True,
            "text": shown(letterhead.signature(alert), TEAMS_FACT),
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


# Telegram: bot. HTML, of which only `& < > "` need escaping. The token is part of the address.

TELEGRAM_API = "https://api.telegram.org"
TELEGRAM_TEXT = 4096
TELEGRAM_SUMMARY = 2000
TELEGRAM_VALUE = 300
_TELEGRAM_ICONS = {Severity.INFO: "🟢", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}


def telegram(target: Telegram, alert: Alert, letterhead: Letterhead) -> Request:
    lines = [
        f"{_TELEGRAM_ICONS[alert.severity]} <b>{_inert(cut(alert.title, TELEGRAM_VALUE))}</b>",
        "",
        _inert(cut(alert.summary, TELEGRAM_SUMMARY)),
        "",
    ]
    for label, value in facts(alert):
        shown = _inert(cut(value, TELEGRAM_VALUE))
        lines.append(
            f"<b>{label}:</b> " + (f"<code>{shown}</code>" if label in CODE_LABELS else shown)
        )
    link = letterhead.link(alert)
    if link is not None:
        lines.append(f'<a href="{html.escape(link)}">Open</a>')
    lines.append(f"<i>{_inert(letterhead.signature(alert))}</i>")
    body: Json = {
        "chat_id": target.chat_id,
        "parse_mode": "HTML",
        "disable_web_page_preview": True,
        "text": whole_lines(lines, TELEGRAM_TEXT),
    }
    token = quote(target.bot_token, safe=":")
    return json_request(f"{TELEGRAM_API}/bot{token}/sendMessage", body)


def whole_lines(lines: list[str], limit: int) -> str:
    """As many lines as fit: a cut inside a line could fall inside a tag."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > limit:
            break
        text += line + "\n"
    return text.rstrip("\n")


def _inert(text: str) -> str:
    """Telegram makes a mention of any @name, so an invisible joiner follows the @."""
    named = text.replace("@", "@\u2060")
    return html.escape(named, quote=False).replace('"', "&quot;")
