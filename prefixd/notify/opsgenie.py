"""Opsgenie: an alert is created, acknowledged and closed under its alias."""

from typing import assert_never
from urllib.parse import quote

from prefixd.notify.alert import Alert, AlertStatus
from prefixd.notify.record import Json, Letterhead, details
from prefixd.notify.request import Request, cut, json_request
from prefixd.notify.settings import Opsgenie, OpsgenieRegion, Severity

MAX_MESSAGE = 130
MAX_ALIAS = 512
MAX_DESCRIPTION = 15_000
MAX_TAG = 50
ROOTS = {
    OpsgenieRegion.US: "https://api.opsgenie.com",
    OpsgenieRegion.EU: "https://api.eu.opsgenie.com",
}
PRIORITIES = {Severity.INFO: "P5", Severity.WARNING: "P3", Severity.CRITICAL: "P1"}


def render(target: Opsgenie, alert: Alert, letterhead: Letterhead) -> Request:
    alerts = f"{ROOTS[target.region]}/v2/alerts"
    headers = {"Authorization": f"GenieKey {target.api_key}"}
    alias = alert.dedup_key[:MAX_ALIAS]
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
        "message": cut(alert.title, MAX_MESSAGE),
        "alias": alias,
        "description": cut(description, MAX_DESCRIPTION),
        "source": "prefixd",
        "priority": PRIORITIES[alert.severity],
        "tags": [cut(tag, MAX_TAG) for tag in tags if tag],
        "details": details(alert),
    }


def _note(alert: Alert) -> Json:
    return {"source": "prefixd", "user": cut(alert.actor, 100), "note": cut(alert.summary, 15_000)}
