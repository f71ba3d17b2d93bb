"""Takes the secrets of a destination out of any text before it is logged, stored or shown.

Everything that could be used to send in our name counts: webhook addresses (whole, and their paths
alone), tokens, keys, and the values of configured headers, each also as it is spelled in an
address or in JSON.
"""

import json
from urllib.parse import quote, urlsplit

from prefixd.notify.settings import (
    Discord,
    Generic,
    Opsgenie,
    PagerDuty,
    Slack,
    Target,
    Teams,
    Telegram,
)

STARS = "***"
SHORTEST = 4  # anything shorter would star half the language


def secrets_of(target: Target) -> tuple[str, ...]:
    """Longest first, so that a part never spoils the whole."""
    plain: list[str] = []
    match target:
        case Slack(webhook_url=url) | Discord(webhook_url=url) | Teams(webhook_url=url):
            plain += _parts(url)
        case Telegram(bot_token=token):
            plain += [token, *token.split(":")[1:]]
        case PagerDuty(routing_key=key):
            plain.append(key)
        case Opsgenie(api_key=key):
            plain.append(key)
        case Generic(url=url, secret=secret, headers=headers):
            plain += [*_parts(url), *headers.values(), *((secret and [secret]) or [])]
            plain += [value.split(" ", 1)[1] for value in headers.values() if " " in value]
    spelled = {
        form for text in plain for form in (text, quote(text, safe=""), json.dumps(text)[1:-1])
    }
    return tuple(sorted((text for text in spelled if len(text) >= SHORTEST), key=len, reverse=True))


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, STARS)
    return text


def _parts(url: str) -> list[str]:
    """The address, and what follows its host: host names alone are not secret."""
    parts = urlsplit(url)
    tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    return [url, tail, parts.path.strip("/"), parts.path.rpartition("/")[2], *values]
