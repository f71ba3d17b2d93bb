"""News as alerts: which facts, how urgent, and under which key."""

import pytest
from msgspec.structs import replace

from prefixd.domain import news
from prefixd.domain.actor import SYSTEM
from prefixd.domain.group import HoldReason
from prefixd.domain.mitigation import escalate
from prefixd.domain.rule import Discard
from prefixd.domain.vector import Vector
from prefixd.notify.alert import AlertStatus
from prefixd.notify.compose import Composer
from prefixd.notify.settings import AlertEvent, Severity
from tests.kit.alerts import Numbers, activated, an_alert, withdrawn
from tests.kit.builders import NOW_US, POP, SECOND, a_group, a_mitigation, a_prefix, a_rule, legal

COMPOSER = Composer(POP, Numbers())


def test_the_end_of_a_mitigation_remembers_how_severe_its_beginning_was() -> None:
    plain = an_alert(withdrawn())
    assert (plain.status, plain.severity) == (AlertStatus.RESOLVED, Severity.INFO)
    assert plain.opened_as is Severity.WARNING
    harder = legal(
        escalate(a_mitigation(), a_rule(action=Discard()), 1, NOW_US + 300 * SECOND, NOW_US)
    )
    assert an_alert(withdrawn(harder)).opened_as is Severity.CRITICAL


def test_beginning_and_end_share_a_key() -> None:
    assert an_alert(activated()).dedup_key == an_alert(withdrawn()).dedup_key == "mitigation-1"
    down = an_alert(news.PeerDown(at_us=NOW_US, peer="edge1", address="", reason="x"))
    up = an_alert(news.PeerUp(at_us=NOW_US, peer="edge1", address=""))
    assert down.dedup_key == up.dedup_key
    assert up.opened_by == (down.event,)


@pytest.mark.parametrize(
    ("item", "event", "severity"),
    [
        (
            news.GuardrailRefused(
                at_us=1, victim=a_prefix(), vector=Vector.UDP_FLOOD, customer_id=None,
                codes=("safelisted",), text="it is safelisted", actor=SYSTEM,
            ),
            AlertEvent.GUARDRAIL_REJECTED, Severity.WARNING,
        ),
        (
            news.GroupHeld(at_us=1, group=a_group(), reason=HoldReason.QUOTA, text="quota"),
            AlertEvent.SIGNAL_HELD, Severity.WARNING,
        ),
        (
            news.QuotaNear(at_us=1, quota="active", current=8, limit=10),
            AlertEvent.QUOTA_NEAR_LIMIT, Severity.WARNING,
        ),
        (
            news.QuotaNear(at_us=1, quota="active", current=10, limit=10),
            AlertEvent.QUOTA_EXHAUSTED, Severity.CRITICAL,
        ),
        (news.StoreLost(at_us=1, text="away"), AlertEvent.DB_DOWN, Severity.CRITICAL),
        (news.StoreRestored(at_us=1), AlertEvent.DB_UP, Severity.INFO),
        (news.ClockJumped(at_us=1, seconds=-3.0), AlertEvent.CLOCK_SKEW, Severity.WARNING),
        (news.SystemStarted(at_us=1, version="1"), AlertEvent.SYSTEM_STARTED, Severity.INFO),
        (news.SystemStopping(at_us=1), AlertEvent.SYSTEM_STOPPING, Severity.INFO),
        (
            news.ConfigRefused(at_us=1, actor=SYSTEM, problems=("a", "b")),
            AlertEvent.CONFIG_RELOAD_FAILED, Severity.WARNING,
        ),
        (
            news.DriftRepaired(at_us=1, missing=1, surplus=2, changed=3),
            AlertEvent.DRIFT_REPAIRED, Severity.WARNING,
        ),
    ],
)  # fmt: skip
def test_each_fact_has_its_event_and_severity(
    item: news.News, event: AlertEvent, severity: Severity
) -> None:
    alert = COMPOSER.compose(item)
    assert alert is not None
    assert (alert.event, alert.severity) == (event, severity)
    assert alert.title


def test_news_only_for_the_feed_makes_no_alert() -> None:
    assert COMPOSER.compose(news.GroupOpened(at_us=1, group=a_group())) is None


def test_a_dry_run_is_marked() -> None:
    alert = an_alert(activated(replace(a_mitigation(), dry_run=True)))
    assert alert.title.startswith("[dry run] ")


@pytest.mark.parametrize(
    ("last_seen_us", "said"),
    [
        (None, "no report received since prefixd started"),
        (NOW_US, "last report received at 00:00:00 UTC"),
    ],
)
def test_a_silent_detector_names_its_last_report(last_seen_us: int | None, said: str) -> None:
    silent = news.SourceSilent(at_us=NOW_US, source="box", last_seen_us=last_seen_us)
    alert = an_alert(silent)
    assert (alert.title, alert.summary) == ("Detector box is silent", said)
    over = an_alert(news.SourceRecovered(at_us=NOW_US, source="box"))
    assert (over.dedup_key, over.status) == (alert.dedup_key, AlertStatus.RESOLVED)
