"""Every kind of destination, and which alerts each destination gets."""

import json
import re
from dataclasses import replace

import pytest

from prefixd.domain import news
from prefixd.notify.message import Letterhead
from prefixd.notify.render import is_for
from prefixd.notify.settings import (
    AlertEvent,
    Discord,
    Generic,
    GenericFormat,
    Opsgenie,
    PagerDuty,
    Severity,
    Slack,
    Target,
    Teams,
    Telegram,
)
from tests.kit.alerts import (
    URL,
    a_destination,
    activated,
    an_alert,
    body_for,
    request_for,
    some_settings,
    withdrawn,
)
from tests.kit.builders import NOW_US, a_mitigation

ALL: list[Target] = [
    Slack(webhook_url=URL),
    Discord(webhook_url=URL),
    Teams(webhook_url=URL),
    Telegram(bot_token="1:token", chat_id="-100"),
    PagerDuty(routing_key="R0key"),
    Opsgenie(api_key="og-key"),
    Generic(url=URL, format=GenericFormat.V1),
    Generic(url=URL, format=GenericFormat.V2),
]
HOSTILE = '<!channel> @everyone </b> <script> *x* `y` [a](http://e) | & " \\'


@pytest.mark.parametrize("target", ALL, ids=lambda each: type(each).__name__)
def test_hostile_text_is_inert(target: Target) -> None:
    subject = an_alert().subject
    assert subject is not None
    alert = an_alert(title=HOSTILE, summary=HOSTILE, subject=replace(subject, customer_id=HOSTILE))
    got = body_for(target, alert)
    text = json.dumps(got, ensure_ascii=False)
    match target:
        case Slack():
            for block in got["attachments"][0]["blocks"]:
                shown = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
                for part in shown:
                    if part is not None and part["type"] == "mrkdwn":
                        assert "<" not in part["text"]
        case Discord():
            assert got["allowed_mentions"] == {"parse": []}
            assert "\\\\*x\\\\*" in text
        case Teams():
            assert "[a](" not in text
        case Telegram():
            tags = set(re.findall(r"</?(\w+)", got["text"]))
            assert tags <= {"b", "i", "a", "code"}
            assert "@everyone" not in got["text"]
            assert got["text"].count("<b>") == got["text"].count("</b>")
        case PagerDuty() | Opsgenie() | Generic():
            assert "<!channel>" in text  # JSON for machines: kept exactly


@pytest.mark.parametrize("target", ALL, ids=lambda each: type(each).__name__)
def test_every_kind_takes_every_shape_of_alert(target: Target) -> None:
    bare = an_alert(news.StoreRestored(at_us=NOW_US))
    for alert in (bare, an_alert(withdrawn()), an_alert(summary="x" * 50_000, title="y" * 5000)):
        request = request_for(target, alert, Letterhead())
        assert len(request.body) < 60_000
        assert request.method == "POST"


# which destinations get it


def test_an_empty_list_means_everything_but_what_comes_constantly() -> None:
    extended = news.MitigationExtended(
        at_us=NOW_US, mitigation=a_mitigation(), actor=activated().actor, old_expires_at_us=1
    )
    settings = some_settings()
    assert is_for(a_destination(), an_alert(), settings)
    assert not is_for(a_destination(), an_alert(extended), settings)
    named = a_destination(events=frozenset({AlertEvent.MITIGATION_EXTENDED}))
    assert is_for(named, an_alert(extended), settings)


def test_filters() -> None:
    settings, alert = some_settings(), an_alert()
    assert not is_for(a_destination(enabled=False), alert, settings)
    assert not is_for(a_destination(min_severity=Severity.CRITICAL), alert, settings)
    assert not is_for(a_destination(customers=frozenset({"other"})), alert, settings)
    assert is_for(a_destination(customers=frozenset({"cust_example"})), alert, settings)
    assert not is_for(a_destination(pops=frozenset({"fra1"})), alert, settings)
    assert is_for(a_destination(pops=frozenset({"ams1"})), alert, settings)
    general = some_settings(events=frozenset({AlertEvent.BGP_PEER_DOWN}))
    assert not is_for(a_destination(), alert, general)


def test_a_pager_gets_the_end_of_each_incident_it_opened() -> None:
    settings = some_settings()
    pager = a_destination(
        target=PagerDuty(routing_key="R0key"),
        min_severity=Severity.WARNING,
        events=frozenset({AlertEvent.MITIGATION_CREATED}),
    )
    assert is_for(pager, an_alert(withdrawn()), settings)
    assert not is_for(replace(pager, resolve=False), an_alert(withdrawn()), settings)
    assert not is_for(
        replace(pager, min_severity=Severity.CRITICAL), an_alert(withdrawn()), settings
    )


def test_a_pager_gets_no_notice_unless_it_is_named() -> None:
    pager = a_destination(target=Opsgenie(api_key="k"))
    started = an_alert(news.SystemStarted(at_us=NOW_US, version="1"))
    assert not is_for(pager, started, some_settings())
    asked = replace(pager, events=frozenset({AlertEvent.SYSTEM_STARTED}))
    assert is_for(asked, started, some_settings())
