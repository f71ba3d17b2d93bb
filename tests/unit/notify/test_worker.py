"""One destination through good and bad nights, on a clock that the test moves."""

import logging

import pytest
from msgspec.structs import replace

from prefixd.domain import news
from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.settings import (
    AlertEvent,
    Opsgenie,
    PagerDuty,
    Slack,
    Telegram,
)
from tests.kit.alerts import (
    Night,
    a_destination,
    activated,
    many_mitigations,
    some_settings,
    withdrawn,
)
from tests.kit.builders import NOW_US, SECOND, a_mitigation


async def test_500_then_200_is_delivered_on_the_second_attempt() -> None:
    night = Night(answers=[Answer(500)])
    night.dispatcher.tell(activated())
    assert await night.until_idle() == pytest.approx(2.0)
    night.clock.advance(1.9)
    assert await night.until_idle() == pytest.approx(0.1)
    assert len(night.sender.sent) == 1
    night.clock.advance(0.1)
    assert await night.until_idle() is None
    assert len(night.sender.sent) == 2
    first, second = night.sender.sent
    assert first.headers["Webhook-Id"] == second.headers["Webhook-Id"]
    assert second.headers["X-Attempt"] == "2"


async def test_retry_after_wins_and_holds_everything_for_that_destination() -> None:
    night = Night(answers=[Answer(429, "7")])
    first, second = many_mitigations(2)
    night.dispatcher.tell(activated(first))
    night.dispatcher.tell(activated(second))
    assert await night.until_idle() == pytest.approx(7.0)
    night.clock.advance(6.9)
    await night.until_idle()
    assert len(night.sender.sent) == 1
    night.clock.advance(0.2)
    assert await night.until_idle() is None
    assert len(night.sender.sent) == 3


async def test_a_permanent_failure_is_tried_once() -> None:
    night = Night(answers=[Answer(400)])
    night.dispatcher.tell(activated())
    assert await night.until_idle() is None
    assert len(night.sender.sent) == 1
    assert night.dispatcher.waiting == 0
    assert night.counts == [("hook", "error")]


async def test_an_alert_is_given_up_when_it_is_too_old() -> None:
    night = Night(a_destination(max_age_s=60), answers=[Unreachable("no")] * 50)
    night.dispatcher.tell(activated())
    while (wait_s := await night.until_idle()) is not None:
        night.clock.advance(wait_s)
    assert night.dispatcher.waiting == 0
    # at 0, 2, 6, 14 and 30 s; then the breaker is open until 90 s, when the alert is too old
    assert len(night.sender.sent) == 5


async def test_a_message_that_always_fails_does_not_hold_up_others() -> None:
    night = Night(answers=[Answer(500), Answer(200)])
    first, second = many_mitigations(2)
    night.dispatcher.tell(activated(first))
    night.dispatcher.tell(activated(second))
    await night.until_idle()
    assert [each["mitigation"]["id"] for each in night.sender.bodies] == [
        "mitigation-0", "mitigation-1",
    ]  # fmt: skip
    assert night.dispatcher.waiting == 1


async def test_an_end_waits_behind_its_beginning() -> None:
    night = Night(answers=[Answer(500)])
    night.dispatcher.tell(activated())
    await night.until_idle()
    night.dispatcher.tell(withdrawn())
    await night.until_idle()
    assert night.sender.events == ["mitigation.created"]
    night.clock.advance(2.0)
    await night.until_idle()
    assert night.sender.events == [
        "mitigation.created",
        "mitigation.created",
        "mitigation.withdrawn",
    ]


async def test_after_five_failures_the_destination_rests_and_the_others_get_an_alert() -> None:
    other = a_destination("other")
    night = Night(a_destination(), other, answers=[Unreachable("no connection")] * 6)
    for mitigation in many_mitigations(6):
        night.dispatcher.tell(activated(mitigation))
    assert await night.until_idle() == pytest.approx(60.0)
    assert len(night.sender.sent) == 5
    assert night.dispatcher.status()[0].failing
    told = [each.alert.event for each in night.dispatcher._workers["other"].waiting]
    assert told.count(AlertEvent.DESTINATION_FAILING) == 1
    night.clock.advance(60.0)
    assert await night.until_idle() == pytest.approx(60.0)  # one probe, still dead
    assert len(night.sender.sent) == 6
    night.clock.advance(60.0)
    assert await night.until_idle() is None
    told = [each.alert.event for each in night.dispatcher._workers["other"].waiting]
    assert told.count(AlertEvent.DESTINATION_RECOVERED) == 1


async def test_a_full_queue_gives_up_the_oldest_of_the_least_severe() -> None:
    night = Night()
    night.dispatcher.apply(some_settings(queue_limit=3))
    peers = [news.PeerDown(at_us=NOW_US, peer=f"p{n}", address="", reason="x") for n in range(2)]
    night.dispatcher.tell(news.SystemStarted(at_us=NOW_US, version="1"))
    night.dispatcher.tell(peers[0])
    night.dispatcher.tell(activated())
    night.dispatcher.tell(peers[1])
    events = [each.alert.event for each in night.worker.waiting]
    assert events == ["bgp.peer_down", "mitigation.created", "bgp.peer_down"]
    assert night.counts == [("hook", "dropped")]
    for number in range(5):
        night.dispatcher.tell(
            news.PeerDown(at_us=NOW_US, peer=f"q{number}", address="", reason="x")
        )
    assert len(night.worker.waiting) == 3
    assert night.counts.count(("hook", "dropped")) == 6


async def test_a_storm_becomes_a_digest_and_nothing_is_lost_in_silence() -> None:
    night = Night(a_destination(burst=2, rate_per_minute=20))
    for mitigation in many_mitigations(37):
        night.dispatcher.tell(activated(mitigation))
    assert await night.until_idle() == pytest.approx(3.0)
    night.clock.advance(3.0)
    assert await night.until_idle() is None
    bodies = night.sender.bodies
    assert [body["event"] for body in bodies] == ["mitigation.created"] * 2 + ["alerting.digest"]
    assert bodies[2]["title"] == "35 alerts, 1 victim"
    assert bodies[2]["summary"].endswith("and 25 more")
    assert bodies[2]["severity"] == "warning"


async def test_what_is_critical_is_neither_slowed_nor_summed_up() -> None:
    night = Night(a_destination(burst=1, rate_per_minute=1))
    for mitigation in many_mitigations(3):
        night.dispatcher.tell(activated(mitigation))
    for number in range(3):
        night.dispatcher.tell(
            news.PeerDown(at_us=NOW_US, peer=f"p{number}", address="", reason="x")
        )
    await night.until_idle()
    assert night.sender.events == ["bgp.peer_down"] * 3


async def test_pages_are_slowed_but_never_summed_up() -> None:
    target = PagerDuty(routing_key="R0key")
    night = Night(a_destination(target=target, burst=1, rate_per_minute=60))
    for mitigation in many_mitigations(3):
        night.dispatcher.tell(activated(mitigation))
    while (wait_s := await night.until_idle()) is not None:
        night.clock.advance(wait_s)
    keys = [body["dedup_key"] for body in night.sender.bodies]
    assert keys == ["mitigation-0", "mitigation-1", "mitigation-2"]


async def test_alerts_of_one_victim_are_collected_for_the_given_time() -> None:
    night = Night(a_destination(group_wait_s=5))
    night.dispatcher.tell(activated())
    night.clock.advance(2.0)
    night.dispatcher.tell(withdrawn())
    assert await night.until_idle() == pytest.approx(3.0)
    night.clock.advance(3.0)
    await night.until_idle()
    (body,) = night.sender.bodies
    assert body["event"] == "mitigation.withdrawn"
    assert body["severity"] == "warning"
    assert body["summary"].endswith("(before: mitigation.created)")


async def test_what_began_and_ended_before_it_was_sent_pages_no_one() -> None:
    night = Night(a_destination(target=Opsgenie(api_key="og-key")))
    night.dispatcher.tell(activated())
    night.clock.advance(3.0)
    night.dispatcher.tell(withdrawn())
    assert await night.until_idle() is None
    assert night.sender.sent == []


async def test_an_old_beginning_is_sent_with_its_end() -> None:
    night = Night(a_destination(target=PagerDuty(routing_key="R0key")))
    night.dispatcher.tell(activated())
    night.clock.advance(11.0)
    night.dispatcher.tell(withdrawn(at_us=NOW_US + 11 * SECOND))
    await night.until_idle()
    assert [body["event_action"] for body in night.sender.bodies] == ["trigger", "resolve"]


async def test_queued_extensions_are_sent_once() -> None:
    named = a_destination(events=frozenset({AlertEvent.MITIGATION_EXTENDED}))
    night = Night(named)
    for number in range(3):
        value = replace(a_mitigation(), expires_at_us=NOW_US + (number + 5) * SECOND)
        night.dispatcher.tell(
            news.MitigationExtended(
                at_us=NOW_US, mitigation=value, actor=activated().actor, old_expires_at_us=1
            )
        )
    await night.until_idle()
    (body,) = night.sender.bodies
    assert body["summary"] == "now until 00:00:07 UTC"


# secrets


async def test_no_secret_reaches_a_log_line_or_a_status(caplog: pytest.LogCaptureFixture) -> None:
    secrets = ["12345:tele-token", "T000/B000/slack-secret", "r0uting-key"]
    echo = " ".join(secrets).encode()
    night = Night(
        a_destination("t", Telegram(bot_token=secrets[0], chat_id="1")),
        a_destination("s", Slack(webhook_url=f"https://hooks.slack.example/{secrets[1]}")),
        a_destination("p", PagerDuty(routing_key=secrets[2])),
        answers=[Answer(400, None, echo)] * 3,
    )
    with caplog.at_level(logging.DEBUG):
        night.dispatcher.tell(activated())
        for worker, own in zip(night.dispatcher._workers.values(), secrets, strict=True):
            caplog.clear()
            assert await worker.step() == 0.0
            (record,) = [each for each in caplog.records if each.name.startswith("prefixd")]
            assert "***" in record.__dict__["error"]
            assert own not in str(record.__dict__)
            assert own not in repr(worker.destination)
    assert not any(own in str(night.dispatcher.status()) for own in secrets)
