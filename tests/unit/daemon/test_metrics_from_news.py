"""What the metrics say, read from the text that Prometheus would get."""

import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from prefixd.daemon.metrics_from_news import NewsCounter
from prefixd.domain.news import DriftRepaired, MitigationActivated, SignalReceived
from prefixd.observability.labelled import Labelled
from prefixd.observability.metrics import Metrics
from prefixd.observability.reading import Reading
from tests.kit.builders import a_mitigation, a_signal
from tests.kit.clock import FakeClock
from tests.kit.engine import ALICE

METRICS = Labelled | Reading | Counter | Histogram | Gauge
SOURCES = Path(__file__).resolve().parents[3] / "prefixd"


def test_no_metric_is_declared_that_nobody_sets() -> None:
    text = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "metrics.py")
    declared = [name for name, value in vars(Metrics()).items() if isinstance(value, METRICS)]
    assert len(declared) > 40
    assert [name for name in declared if not re.search(rf"\b{name}\b", text)] == []


def test_the_way_from_event_to_rule_is_timed() -> None:
    clock, metrics = FakeClock(), Metrics()
    counter = NewsCounter(metrics, "lab1", clock=clock)
    signal = a_signal(received_at_us=clock.now_us())
    clock.advance(0.3)
    decided = clock.now_us()
    clock.advance(0.04)
    counter.count(
        MitigationActivated(at_us=decided, mitigation=a_mitigation(), actor=ALICE, text="")
    )
    counter.count(SignalReceived(at_us=decided, signal=signal, outcome="mitigated"))
    counter.count(SignalReceived(at_us=decided, signal=signal, outcome="extended"))
    text = generate_latest(metrics.registry).decode()
    assert 'prefixd_event_to_announce_seconds_bucket{le="0.1"} 0.0' in text
    assert 'prefixd_event_to_announce_seconds_bucket{le="0.5"} 1.0' in text
    assert "prefixd_event_to_announce_seconds_count 1.0" in text
    assert 'prefixd_announcements_latency_seconds_bucket{le="0.025"} 0.0' in text
    assert 'prefixd_announcements_latency_seconds_bucket{le="0.05"} 1.0' in text


def test_drift_begins_at_zero_so_that_the_first_one_is_an_increase() -> None:
    metrics = Metrics()
    counter = NewsCounter(metrics, "lab1", clock=FakeClock())
    assert 'prefixd_drift_total{kind="surplus"} 0.0' in generate_latest(metrics.registry).decode()
    counter.count(DriftRepaired(at_us=0, missing=0, surplus=2, changed=0))
    assert 'prefixd_drift_total{kind="surplus"} 2.0' in generate_latest(metrics.registry).decode()


def test_series_known_in_advance_start_at_zero() -> None:
    metrics = Metrics()
    NewsCounter(metrics, "lab1", sources=["fastnetmon"])
    text = generate_latest(metrics.registry).decode()
    for series in (
        'prefixd_event_outcomes_total{outcome="held"}',
        'prefixd_events_rejected_total{reason="duplicate",source="fastnetmon"}',
        'prefixd_guardrail_rejections_total{reason="not_owned"}',
        'prefixd_mitigations_created_total{action_type="discard",pop="lab1"}',
        'prefixd_config_reload_total{status="error"}',
    ):
        assert f"{series} 0.0\n" in text
