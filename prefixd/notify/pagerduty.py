"""PagerDuty, Events API v2: trigger, acknowledge and resolve under one `dedup_key`."""

from typing import assert_never

from prefixd.notify.alert import Alert, AlertStatus, format_instant
from prefixd.notify.record import Json, Letterhead, details
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import PagerDuty

MAX_SUMMARY = 1024
MAX_KEY = 255


def render(target: PagerDuty, alert: Alert, letterhead: Letterhead) -> Request:
    action = _action(alert.status)
    body: dict[str, Json] = {
        "routing_key": target.routing_key,
        "event_action": action,
        "dedup_key": alert.dedup_key[:MAX_KEY],
    }
    if action == "trigger":
        body["payload"] = _payload(alert, letterhead)
        body["client"] = f"prefixd {letterhead.environment}".rstrip()
        link = letterhead.link(alert)
        if link is not None:
            body["client_url"] = link
            body["links"] = [{"href": link, "text": "Open in prefixd"}]
    return json_request(target.events_url, body)


def _payload(alert: Alert, letterhead: Letterhead) -> Json:
    subject = alert.subject
    payload: dict[str, Json] = {
        "summary": cut(f"{alert.title}: {alert.summary}".rstrip(": "), MAX_SUMMARY),
        "source": f"prefixd {letterhead.environment}".rstrip(),
        "severity": alert.severity.value,
        "timestamp": format_instant(alert.at_us),
        "component": "prefixd",
        "custom_details": details(alert),
    }
    if subject is not None:
        payload["class"] = subject.vector
        if subject.customer_id is not None:
            payload["group"] = subject.customer_id
    return payload


def _action(status: AlertStatus) -> str:
    match status:
        case AlertStatus.FIRING | AlertStatus.NOTICE:
            return "trigger"
        case AlertStatus.ACKNOWLEDGED:
            return "acknowledge"
        case AlertStatus.RESOLVED:
            return "resolve"
        case _:
            assert_never(status)
