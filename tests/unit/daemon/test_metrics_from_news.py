"""What the metrics say, read from the text that Prometheus would get."""

import re
from pathlib import Path

from prefixd.daemon.metrics_from_news import NewsCounter
from prefixd.daemon.readings import set_exactly
from prefixd.domain.news import DriftRepaired, MitigationActivated, SignalReceived
from prefixd.observability.metrics import Metrics
from prefixd.observability.registry import Family
from tests.kit.builders import a_mitigation, a_signal
from tests.kit.clock import FakeClock
from tests.kit.engine import ALICE

SOURCES = Path(__file__).resolve().parents[3] / "prefixd"


def test_no_metric_is_declared_that_nobody_sets() -> None:
    text = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "metrics.py")
    declared = [name for name, value in vars(Metrics()).items() if isinstance(value, Family)]
    assert len(declared) > 40
    assert [name for name in declared if not re.search(rf"\b{name}\b", text)] == []


def test_the_way_from_event_to_rule_is_timed() -> None:
    clock, metrics = FakeClock(), Metrics()
    counter = NewsCounter(metrics, clock)
    signal = a_signal(received_at_us=clock.now_us())
    clock.advance(0.3)
    decided = clock.now_us()
    clock.advance(0.04)
    counter.count(
        MitigationActivated(at_us=decided, mitigation=a_mitigation(), actor=ALICE, text="")
    )
    counter.count(SignalReceived(at_us=decided, signal=signal, outcome="mitigated"))
    counter.count(SignalReceived(at_us=decided, signal=signal, outcome="extended"))
    text = metrics.render().decode()
    assert 'prefixd_event_to_announce_seconds_bucket{le="0.1"} 0' in text
    assert 'prefixd_event_to_announce_seconds_bucket{le="0.5"} 1' in text
    assert "prefixd_event_to_announce_seconds_count 1" in text
    assert 'prefixd_announcements_latency_seconds_bucket{le="0.025"} 0' in text
    assert 'prefixd_announcements_latency_seconds_bucket{le="0.05"} 1' in text


def test_drift_begins_at_zero_so_that_the_first_one_is_an_increase() -> None:
    metrics = Metrics()
    counter = NewsCounter(metrics, FakeClock())
    assert 'prefixd_drift_total{kind="surplus"} 0' in metrics.render().decode()
    counter.count(DriftRepaired(at_us=0, missing=0, surplus=2, changed=0))
    assert 'prefixd_drift_total{kind="surplus"} 2' in metrics.render().decode()


def test_what_is_gone_reads_zero() -> None:
    metrics = Metrics()
    set_exactly(metrics.mitigations_active, {("police", "a"): 3, ("discard", "a"): 1})
    set_exactly(metrics.mitigations_active, {("discard", "a"): 2})
    text = metrics.render().decode()
    assert 'prefixd_mitigations_active{action_type="police",pop="a"} 0' in text
    assert 'prefixd_mitigations_active{action_type="discard",pop="a"} 2' in text
