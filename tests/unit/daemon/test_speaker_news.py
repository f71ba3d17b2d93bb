"""What the speaker tells reaches the log."""

import logging

import pytest

from prefixd.bgp.rib.route import Key
from prefixd.bgp.speaker_event import RuleLost
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.daemon.speaker_news import SpeakerNews
from tests.kit.clock import FakeClock


def test_a_rule_a_router_took_back_is_seen_without_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    SpeakerNews(FakeClock()).hear(RuleLost("edge", Key(IPV4_FLOWSPEC, b"\x01")))
    (record,) = caplog.records
    assert (vars(record)["peer"], vars(record)["change"]) == ("edge", "lost")
