"""Any receiver of JSON, with a record it can store and a signature it can check.

Version 1 is the flat record of the earlier daemon, member for member: receivers written for it
keep working. Version 2 begins with `schema`, so that a receiver can tell the two apart. Members
that are not known are left out of version 1 and of the inner objects of version 2.

`Webhook-Signature` is `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`: the id is the same
on every attempt, so a receiver can drop repeats, and the timestamp lets it refuse old recordings.
`X-Prefixd-Signature` is the earlier daemon's: it covers the body alone, and is sent beside it
until receivers have moved on.
"""

import base64
import hashlib
import hmac

import msgspec

from prefixd.notify.alert import Alert, Subject, format_instant
from prefixd.notify.message import JSON_TYPE, USER_AGENT, Json, Letterhead, Request, known
from prefixd.notify.settings import Generic, GenericFormat

SCHEMA = "alert/2"


def generic(
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
        **target.headers,  # first: our own headers cannot be overridden
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


def record_v1(alert: Alert) -> dict[str, Json]:
    subject = alert.subject
    record: dict[str, Json] = {
        "event_type": alert.event.value,
        "severity": alert.severity.value,
        "title": alert.heading,
        "message": alert.plain_message or alert.headline,
        "source": "prefixd",
        "timestamp": format_instant(alert.at_us),
    }
    if subject is not None:
        record |= known(
            mitigation_id=subject.mitigation_id,
            victim_ip=subject.victim,
            customer_id=subject.customer_id,
            vector=subject.vector,
            action_type=subject.action,
        )
    record["pop"] = alert.pop
    return record


def record_v2(alert: Alert, letterhead: Letterhead) -> dict[str, Json]:
    subject = alert.subject
    record: dict[str, Json] = {
        "schema": SCHEMA,
        "id": alert.id,
        "event": alert.event.value,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "dedup_key": alert.dedup_key,
        "occurred_at": format_instant(alert.at_us),
        "title": alert.title,
        "summary": alert.summary,
    }
    link = letterhead.link(alert)
    if link is not None:
        record["links"] = {"dashboard": link}
    if subject is not None:
        if subject.mitigation_id is not None:
            record["mitigation"] = _mitigation(subject)
        record["target"] = known(
            ip=subject.victim,
            vector=subject.vector,
            customer_id=subject.customer_id,
            service=subject.service_id,
            pop=alert.pop,
        )
        record["decision"] = known(
            confidence=subject.confidence,
            sources=list(subject.sources),
            playbook=subject.playbook,
            group_id=subject.group_id,
        )
    record["pop"] = alert.pop
    record["actor"] = {"type": alert.actor_kind, "name": alert.actor}
    record["environment"] = letterhead.environment
    record["dry_run"] = subject is not None and subject.dry_run
    return record


def _mitigation(subject: Subject) -> dict[str, Json]:
    expires = subject.expires_at_us
    return known(
        id=subject.mitigation_id,
        action=subject.action,
        rate_bps=subject.rate_bps,
        expires_at=None if expires is None else format_instant(expires),
        match=subject.match,
    )
