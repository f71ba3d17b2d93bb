"""What the speaker tells reaches the log."""

import logging
from collections.abc import Sequence

import pytest

from prefixd.bgp.speaker.events import PeerFilling, RuleLost
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.daemon.speaker_news import SpeakerNews
from prefixd.domain.news import News
from tests.kit.clock import FakeClock
from tests.kit.speaking import a_route


def ignore(_items: Sequence[News]) -> None:
    """These events are log lines only."""


def test_a_rule_a_router_took_back_is_seen_without_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    SpeakerNews(FakeClock(), ignore).on_event(RuleLost("edge", a_route("dst 192.0.2.1/32").key))
    (record,) = caplog.records
    assert (vars(record)["peer"], vars(record)["change"]) == ("edge", "lost")
    assert vars(record)["rule"] == "dst 192.0.2.1/32"


def test_a_router_that_tells_nearly_too_much_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    SpeakerNews(FakeClock(), ignore).on_event(PeerFilling("edge", IPV4_FLOWSPEC, 800, 1000))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert (vars(record)["held"], vars(record)["most"]) == (800, 1000)
