"""Events of the speaker as log lines and news; mitigations that no router can carry."""

import logging
from collections.abc import Callable, Sequence

import pytest

from prefixd.bgp.speaker.events import PeerFilling, RuleLost
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.daemon.speaker_news import InexpressibleAlert, SpeakerNews
from prefixd.domain.actor import SYSTEM
from prefixd.domain.news import (
    MitigationActivated,
    MitigationEscalated,
    MitigationExtended,
    MitigationInexpressible,
    News,
)
from tests.kit.builders import NOW_US, a_mitigation
from tests.kit.clock import FakeClock
from tests.kit.speaking import a_route


def ignore(_items: Sequence[News]) -> None:
    """These events are log lines only."""


def test_a_rule_a_router_withdrew_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    SpeakerNews(FakeClock(), ignore, ignore).on_event(
        RuleLost("edge", a_route("dst 192.0.2.1/32").key)
    )
    (record,) = caplog.records
    assert record.message == "received FlowSpec rule withdrawn"
    assert vars(record)["peer"] == "edge"
    assert vars(record)["rule"] == "dst 192.0.2.1/32"


def test_a_router_near_its_limit_of_received_routes_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    SpeakerNews(FakeClock(), ignore, ignore).on_event(PeerFilling("edge", IPV4_FLOWSPEC, 800, 1000))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert (vars(record)["held"], vars(record)["most"]) == (800, 1000)


ROW = a_mitigation()
ACTIVATED = MitigationActivated(at_us=NOW_US, mitigation=ROW, actor=SYSTEM, text="")
ESCALATED = MitigationEscalated(
    at_us=NOW_US, mitigation=ROW, actor=SYSTEM, old_rule=ROW.rule, text=""
)
EXTENDED = MitigationExtended(at_us=NOW_US, mitigation=ROW, actor=SYSTEM, old_expires_at_us=NOW_US)


class Listening:
    def __init__(self, **why: str) -> None:
        self.published: list[News] = []
        self.later: list[Callable[[], None]] = []
        self.alert = InexpressibleAlert(why.get, self.published.extend, self.later.append)


@pytest.mark.parametrize("item", [ACTIVATED, ESCALATED])
def test_an_inexpressible_rule_is_news_after_the_news_of_its_beginning(item: News) -> None:
    found = Listening(**{ROW.mitigation_id: "IPv6 packets have no don't-fragment bit"})
    found.alert.on_news(item)
    assert found.published == []
    (later,) = found.later
    later()
    (failed,) = found.published
    assert failed == MitigationInexpressible(
        at_us=NOW_US, mitigation=ROW, text="IPv6 packets have no don't-fragment bit"
    )


def test_an_extension_is_no_new_reason() -> None:
    found = Listening(**{ROW.mitigation_id: "not supported"})
    found.alert.on_news(EXTENDED)
    assert found.later == []


def test_a_rule_that_a_router_can_carry_is_no_news() -> None:
    found = Listening(other="not supported")
    found.alert.on_news(ACTIVATED)
    assert found.later == []
