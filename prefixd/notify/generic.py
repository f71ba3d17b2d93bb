"""Any receiver of JSON, with a signature it can check.

`Webhook-Signature` is `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`: the id is the same
on every attempt, so a receiver can drop repeats, and the timestamp lets it refuse old recordings.
`X-Prefixd-Signature` is the earlier daemon's: it covers the body alone, and is sent beside it
until receivers have moved on.
"""

import base64
import hashlib
import hmac

import msgspec

from prefixd.notify.alert import Alert
from prefixd.notify.record import Json, Letterhead, record_v1, record_v2
from prefixd.notify.request import JSON_TYPE, USER_AGENT, Request
from prefixd.notify.settings import Generic, GenericFormat


def render(
    target: Generic, alert: Alert, letterhead: Letterhead, *, sent_at_s: int, attempt: int
) -> Request:
    record: Json
    match target.format:
        case GenericFormat.V1:
            record = record_v1(alert)
        case GenericFormat.V2:
            record = record_v2(alert, letterhead)
    body = msgspec.json.encode(record)
    headers = {
        **target.headers,  # first: what we say ourselves cannot be overridden
        "Content-Type": JSON_TYPE,
        "User-Agent": USER_AGENT,
        "Webhook-Id": alert.id,
        "Webhook-Timestamp": str(sent_at_s),
        "X-Event": alert.event.value,
        "X-Attempt": str(attempt),
    }
    if letterhead.environment:
        headers["X-Environment"] = one_line(letterhead.environment)
    if target.secret:
        headers["Webhook-Signature"] = signature(target.secret, alert.id, sent_at_s, body)
        if target.legacy_signature:
            headers["X-Prefixd-Signature"] = legacy_signature(target.secret, body)
    return Request(url=target.url, body=body, headers=headers)


def signature(secret: str, alert_id: str, sent_at_s: int, body: bytes) -> str:
    signed = f"{alert_id}.{sent_at_s}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def legacy_signature(secret: str, body: bytes) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def one_line(text: str) -> str:
    """A header value: no controls, and only what HTTP can carry."""
    return "".join(sign for sign in text if sign.isascii() and sign.isprintable())
