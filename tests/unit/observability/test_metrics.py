"""Names, kinds and labels are what dashboards and alert rules were written for."""

from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from prefixd.observability.labelled import Labelled
from prefixd.observability.metrics import Metrics

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics.txt"


def test_no_public_name_kind_or_label_has_changed() -> None:
    """Each line of the golden file: kind, name, labels. A new metric is a new line there."""
    declared = [
        " ".join((metric.kind, metric.name, *metric.label_names)) for metric in Metrics().declared
    ]
    assert sorted(declared) == sorted(GOLDEN.read_text().splitlines())


def test_the_text_has_the_declared_names_kinds_and_labels() -> None:
    metrics = Metrics()
    declared = {metric.name: metric for metric in metrics.declared}
    for value in vars(metrics).values():
        if isinstance(value, Labelled):
            (name,) = (found.name for found in value.describe())
            metric = declared.get(name) or declared[f"{name}_total"]
            value.labels(*("x" for _ in metric.label_names))
    ours = {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        if family.name.startswith("prefixd_")
    }
    read = {reading.name for reading in metrics.readings}
    for name, metric in declared.items():
        if name in read:
            continue
        family = ours.pop(name.removesuffix("_total") if metric.kind == "counter" else name)
        assert family.type == metric.kind
        assert {*family.samples[0].labels} - {"le"} == {*metric.label_names}
        if metric.kind == "counter":
            assert family.samples[0].name == name
    assert ours == {}


def test_no_second_series_tells_when_a_counter_was_made() -> None:
    metrics = Metrics()
    metrics.drift.labels("missing").inc()
    assert b"prefixd_drift_created" not in generate_latest(metrics.registry)


def test_process_platform_and_garbage_collector_report_themselves() -> None:
    text = generate_latest(Metrics().registry).decode()
    assert "\nprocess_resident_memory_bytes " in text
    assert "\npython_info{" in text
    assert "\npython_gc_collections_total{" in text


def test_two_daemons_in_one_process_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.feed_resyncs.inc()
    assert b"prefixd_feed_resyncs_total 0.0\n" in generate_latest(second.registry)
