"""What all messages share."""

from prefixd.notify.message import Letterhead, cut, details, facts
from prefixd.notify.settings import (
    Telegram,
)
from tests.kit.alerts import HEAD, an_alert, request_for


def test_a_request_never_prints_its_secrets() -> None:
    request = request_for(Telegram(bot_token="12:abc", chat_id="1"), an_alert())
    assert "12:abc" not in repr(request)


def test_a_link_leads_to_the_mitigation_or_to_the_dashboard() -> None:
    assert HEAD.link(an_alert()) == "https://mit.example.net/mitigations/mitigation-1"
    assert HEAD.link(an_alert(subject=None)) == "https://mit.example.net/"
    assert Letterhead().link(an_alert()) is None


def test_facts_leave_out_what_is_not_known() -> None:
    labels = [label for label, _ in facts(an_alert())]
    assert labels[:2] == ["Severity", "Event"]
    assert labels[-2:] == ["POP", "Mitigation ID"]
    assert [label for label, _ in facts(an_alert(subject=None))] == ["Severity", "Event", "POP"]
    assert details(an_alert(subject=None)) == {"event_type": "mitigation.created", "pop": "ams1"}


def test_cut_text_ends_with_an_ellipsis() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
