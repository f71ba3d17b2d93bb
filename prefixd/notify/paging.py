"""Incidents that page a person: PagerDuty and Opsgenie.

An alert opens, acknowledges and closes one incident under its `dedup_key`. A notice opens one that
only a person closes.
"""

from typing import assert_never
from urllib.parse import quote

from prefixd.notify.alert import Alert, AlertStatus, format_instant
from prefixd.notify.message import Json, Letterhead, Request, cut, details, json_request
from prefixd.notify.settings import Opsgenie, OpsgenieRegion, PagerDuty, Severity

# PagerDuty, Events API v2

PAGERDUTY_SUMMARY = 1024
PAGERDUTY_KEY = 255
_ACTIONS = {
    AlertStatus.FIRING: "trigger",
    AlertStatus.NOTICE: "trigger",
    AlertStatus.ACKNOWLEDGED: "acknowledge",
    AlertStatus.RESOLVED: "resolve",
}


def pagerduty(target: PagerDuty, alert: Alert, letterhead: Letterhead) -> Request:
    action = _ACTIONS[alert.status]
    body: dict[str, Json] = {
        "routing_key": target.routing_key,
        "event_action": action,
        "dedup_key": alert.dedup_key[:PAGERDUTY_KEY],
    }
    if action == "trigger":
        body["payload"] = _payload(alert, letterhead)
        body["client"] = letterhead.sender
        link = letterhead.link(alert)
        if link is not None:
            body["client_url"] = link
            body["links"] = [{"href": link, "text": "Open in prefixd"}]
    return json_request(target.events_url, body)


def _payload(alert: Alert, letterhead: Letterhead) -> Json:
    subject = alert.subject
    payload: dict[str, Json] = {
        "summary": cut(alert.headline, PAGERDUTY_SUMMARY),
        "source": letterhead.sender,
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


# Opsgenie, Alert API

OPSGENIE_MESSAGE = 130
OPSGENIE_ALIAS = 512
OPSGENIE_DESCRIPTION = 15_000
OPSGENIE_TAG = 50
OPSGENIE_USER = 100
_ROOTS = {
    OpsgenieRegion.US: "https://api.opsgenie.com",
    OpsgenieRegion.EU: "https://api.eu.opsgenie.com",
}
_PRIORITIES = {Severity.INFO: "P5", Severity.WARNING: "P3", Severity.CRITICAL: "P1"}


def opsgenie(target: Opsgenie, alert: Alert, letterhead: Letterhead) -> Request:
    alerts = f"{_ROOTS[target.region]}/v2/alerts"
    headers = {"Authorization": f"GenieKey {target.api_key}"}
    alias = alert.dedup_key[:OPSGENIE_ALIAS]
    one = f"{alerts}/{quote(alias, safe='')}"
    match alert.status:
        case AlertStatus.FIRING | AlertStatus.NOTICE:
            return json_request(alerts, _created(alert, alias, letterhead), headers)
        case AlertStatus.ACKNOWLEDGED:
            address = f"{one}/acknowledge?identifierType=alias"
            return json_request(address, _note(alert), headers)
        case AlertStatus.RESOLVED:
            return json_request(f"{one}/close?identifierType=alias", _note(alert), headers)
        case _:
            assert_never(alert.status)


def _created(alert: Alert, alias: str, letterhead: Letterhead) -> Json:
    link = letterhead.link(alert)
    description = alert.summary if link is None else f"{alert.summary}\n\n{link}"
    tags = ["prefixd", alert.event.value, alert.pop, letterhead.environment]
    return {
        "message": cut(alert.title, OPSGENIE_MESSAGE),
        "alias": alias,
        "description": cut(description, OPSGENIE_DESCRIPTION),
        "source": "prefixd",
        "priority": _PRIORITIES[alert.severity],
        "tags": [cut(tag, OPSGENIE_TAG) for tag in tags if tag],
        "details": details(alert),
    }


def _note(alert: Alert) -> Json:
    return {
        "source": "prefixd",
        "user": cut(alert.actor, OPSGENIE_USER),
        "note": cut(alert.summary, OPSGENIE_DESCRIPTION),
    }
