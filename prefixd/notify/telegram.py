"""Telegram, by bot: HTML, of which only `& < >` need escaping. The token is part of the address.

A message holds 4096 characters. It is cut by whole lines, so a cut never falls inside a tag.
"""

import html
from urllib.parse import quote

from prefixd.notify.alert import Alert
from prefixd.notify.record import CODE_LABELS, Json, Letterhead, facts
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import Severity, Telegram

API = "https://api.telegram.org"
MAX_TEXT = 4096
MAX_SUMMARY = 2000
MAX_VALUE = 300
ICONS = {Severity.INFO: "🟢", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}


def render(target: Telegram, alert: Alert, letterhead: Letterhead) -> Request:
    lines = [
        f"{ICONS[alert.severity]} <b>{escape(cut(alert.title, MAX_VALUE))}</b>",
        "",
        escape(cut(alert.summary, MAX_SUMMARY)),
        "",
    ]
    for label, value in facts(alert):
        shown = escape(cut(value, MAX_VALUE))
        if label in CODE_LABELS:
            shown = f"<code>{shown}</code>"
        lines.append(f"<b>{label}:</b> {shown}")
    link = letterhead.link(alert)
    if link is not None:
        lines.append(f'<a href="{html.escape(link)}">Open</a>')
    lines.append(f"<i>{escape(letterhead.signature(alert))}</i>")
    body: Json = {
        "chat_id": target.chat_id,
        "parse_mode": "HTML",
        "disable_web_page_preview": True,
        "text": fitting(lines),
    }
    token = quote(target.bot_token, safe=":")
    return json_request(f"{API}/bot{token}/sendMessage", body)


def fitting(lines: list[str]) -> str:
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > MAX_TEXT:
            break
        text += line + "\n"
    return text.rstrip("\n")


def escape(text: str) -> str:
    """Inert HTML. Telegram makes a mention of any @name, so an unseen joiner follows the @."""
    named = text.replace("@", "@\u2060")
    return (
        named.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
