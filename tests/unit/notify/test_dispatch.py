"""The dispatcher: which destinations get what, changed settings, and test messages."""

from prefixd.domain import news
from prefixd.notify.answer import Answer
from prefixd.notify.dispatch import Outcome
from prefixd.notify.settings import (
    PagerDuty,
    Severity,
)
from tests.kit.alerts import (
    Night,
    a_destination,
    activated,
    some_settings,
)
from tests.kit.builders import NOW_US, a_mitigation


async def test_news_arrives() -> None:
    night = Night()
    night.dispatcher.tell(activated())
    assert await night.until_idle() is None
    assert night.sender.events == ["mitigation.created"]
    assert night.counts == [("hook", "success")]


async def test_a_refusal_repeated_with_every_report_is_sent_once() -> None:
    night = Night()
    refused = news.QuotaNear(at_us=1, quota="a", current=1, limit=2)
    night.dispatcher.tell(refused)
    from_guardrail = news.GuardrailRefused(
        at_us=NOW_US, victim=a_mitigation().victim, vector=a_mitigation().vector,
        customer_id=None, codes=("x",), text="safelisted", actor=activated().actor,
    )  # fmt: skip
    for _ in range(20):
        night.dispatcher.tell(from_guardrail)
    assert night.dispatcher.waiting == 2
    night.clock.advance(301)
    night.dispatcher.tell(from_guardrail)
    assert night.dispatcher.waiting == 3


async def test_new_settings_keep_what_waits_and_drop_what_has_no_destination() -> None:
    night = Night(a_destination("a"), a_destination("b"))
    night.dispatcher.tell(activated())
    night.dispatcher.apply(some_settings(a_destination("b", min_severity=Severity.CRITICAL)))
    assert [each.id for each in night.dispatcher.status()] == ["b"]
    assert night.dispatcher.waiting == 1


# test messages


async def test_a_test_message_ignores_the_filters_and_names_each_destination() -> None:
    night = Night(
        a_destination("a", min_severity=Severity.CRITICAL),
        a_destination("b"),
        answers=[Answer(200), Answer(404, None, b"who is secret-path?")],
    )
    assert await night.dispatcher.test(None) == [
        Outcome("a", None), Outcome("b", "answered HTTP 404"),
    ]  # fmt: skip
    assert night.sender.events == ["test", "test"]
    assert await night.dispatcher.test("no_one") == []


async def test_a_test_page_is_closed_again() -> None:
    night = Night(a_destination("pager", PagerDuty(routing_key="R0key")))
    assert await night.dispatcher.test("pager") == [Outcome("pager", None)]
    opened, closed = night.sender.bodies
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


async def test_only_so_many_tests_a_minute() -> None:
    night = Night()
    for _ in range(5):
        await night.dispatcher.test(None)
    assert await night.dispatcher.test(None) == [Outcome("hook", "not sent: only 5 tests a minute")]
    night.clock.advance(60)
    assert await night.dispatcher.test(None) == [Outcome("hook", None)]
