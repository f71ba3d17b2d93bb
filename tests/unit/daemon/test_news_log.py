"""What an operator who reads the journal during an attack gets to see."""

import logging

import pytest
from msgspec.structs import replace

from prefixd.daemon.news_log import log_news
from prefixd.domain.news import (
    MitigationExpired,
    News,
    PeerUp,
    SourceRecovered,
    SourceSilent,
)
from tests.kit.builders import a_mitigation


@pytest.mark.parametrize(
    ("item", "level", "message", "fields"),
    [
        (SourceSilent(at_us=2, source="fnm", last_seen_us=1), logging.WARNING, "source silent",
         {"source": "fnm"}),
        (SourceRecovered(at_us=2, source="fnm"), logging.INFO, "source active again",
         {"source": "fnm"}),
    ],
)  # fmt: skip
def test_news_is_one_line(
    item: News, level: int, message: str, fields: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with caplog.at_level(logging.INFO):
        log_news(item)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (level, message)
    assert {name: getattr(record, name) for name in fields} == fields


def test_what_the_speaker_logs_itself_is_not_said_twice(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        log_news(PeerUp(at_us=1, peer="edge1", address="192.0.2.1"))
    assert caplog.records == []


def test_a_rule_is_told_with_what_applies_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    plain = a_mitigation(customer_id=None, dry_run=False)
    owned = replace(plain, customer_id="cust_example", dry_run=True)
    with caplog.at_level(logging.INFO):
        for value in (plain, owned):
            log_news(MitigationExpired(at_us=1, mitigation=value))
    first, second = caplog.records
    assert not hasattr(first, "customer")
    assert not hasattr(first, "dry_run")
    assert (second.customer, second.dry_run) == ("cust_example", True)  # type: ignore[attr-defined]  # because: given by extra
