"""Paging: one incident is opened, acknowledged and closed under one key."""

import json

from prefixd.notify.settings import (
    Opsgenie,
    OpsgenieRegion,
    PagerDuty,
)
from tests.kit.alerts import an_alert, body_for, request_for, withdrawn


def test_pagerduty_triggers_and_resolves_one_incident() -> None:
    target = PagerDuty(routing_key="R0key")
    assert request_for(target, an_alert()).url == "https://events.pagerduty.com/v2/enqueue"
    opened, closed = body_for(target, an_alert()), body_for(target, an_alert(withdrawn()))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "mitigation-1"
    assert opened["payload"]["severity"] == "warning"
    assert opened["payload"]["custom_details"]["victim_ip"] == "192.0.2.53"
    assert (opened["payload"]["class"], opened["payload"]["group"]) == ("udp_flood", "cust_example")
    assert "payload" not in closed


def test_opsgenie_creates_and_closes_one_alert() -> None:
    target = Opsgenie(api_key="og-key", region=OpsgenieRegion.EU)
    opened, closed = request_for(target, an_alert()), request_for(target, an_alert(withdrawn()))
    assert opened.url == "https://api.eu.opsgenie.com/v2/alerts"
    assert opened.headers["Authorization"] == "GenieKey og-key"
    made = json.loads(opened.body)
    assert (made["alias"], made["priority"]) == ("mitigation-1", "P3")
    assert made["tags"] == ["prefixd", "mitigation.created", "ams1", "lab"]
    assert closed.url == (
        "https://api.eu.opsgenie.com/v2/alerts/mitigation-1/close?identifierType=alias"
    )


def test_an_opsgenie_message_is_never_too_long() -> None:
    got = body_for(Opsgenie(api_key="k"), an_alert(title="x" * 500, summary="y" * 20_000))
    assert len(got["message"]) <= 130
    assert len(got["description"]) <= 15_000
