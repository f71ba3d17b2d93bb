"""Series are bounded, removed with their subject, and read back by the library's own parser."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from prefixd.observability.labelled import OTHER, PART, Labelled


def samples(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def counter(registry: CollectorRegistry, limit: int = 1000) -> Labelled[Counter]:
    metric = Counter("events_total", "Events.", ("source",), registry=None)
    return Labelled(metric, ("source",), limit, registry)


def test_counters_read_back() -> None:
    registry = CollectorRegistry()
    events = counter(registry)
    events.labels("fast").inc()
    events.labels("fast").inc(2)
    events.labels("slow").inc()
    read = samples(registry)
    assert read["events_total", (("source", "fast"),)] == 3
    assert read["events_total", (("source", "slow"),)] == 1


def test_label_values_of_any_shape_survive() -> None:
    registry = CollectorRegistry()
    nasty = 'a"b\\c\nd{}'
    counter(registry).labels(nasty).inc()
    assert samples(registry) == {("events_total", (("source", nasty),)): 1}


def test_buckets_carry_the_labels_of_their_series() -> None:
    registry = CollectorRegistry()
    metric = Histogram("lag", "Lag.", ("queue",), buckets=(0.1, 1.0), registry=None)
    lag = Labelled(metric, ("queue",), 10, registry).labels("in")
    for value in (0.05, 0.1, 0.5, 7):
        lag.observe(value)
    read = samples(registry)
    assert read["lag_bucket", (("le", "0.1"), ("queue", "in"))] == 2
    assert read["lag_bucket", (("le", "+Inf"), ("queue", "in"))] == 4
    assert read["lag_sum", (("queue", "in"),)] == pytest.approx(7.65)


def test_values_beyond_the_bound_are_counted_as_other() -> None:
    registry = CollectorRegistry()
    events = counter(registry, limit=3)
    for number in range(1000):
        events.labels(f"made-up-{number}").inc()
    read = samples(registry)
    assert len(read) == 4
    assert read["events_total", (("source", OTHER),)] == 997


def test_a_known_series_is_there_before_it_counts() -> None:
    registry = CollectorRegistry()
    counter(registry).start_at_zero(("fast",), ("slow",))
    assert set(samples(registry).values()) == {0.0}


def test_a_removed_series_is_gone_and_starts_again_at_zero() -> None:
    registry = CollectorRegistry()
    events = counter(registry)
    events.labels("edge1").inc()
    events.labels("edge2").inc()
    events.remove_unless(lambda values: values == ("edge2",))
    assert samples(registry) == {("events_total", (("source", "edge2"),)): 1}
    events.labels("edge1").inc()
    assert samples(registry)["events_total", (("source", "edge1"),)] == 1


def test_the_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="label count"):
        counter(CollectorRegistry()).labels("one", "two")


def test_the_same_name_twice_is_refused() -> None:
    registry = CollectorRegistry()
    counter(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        counter(registry)


def test_a_large_family_comes_in_parts() -> None:
    registry = CollectorRegistry()
    metric = Gauge("depth", "Depth.", ("name",), registry=None)
    depth = Labelled(metric, ("name",), 1000, registry)
    for number in range(2 * PART + 1):
        depth.labels(f"n{number}").set(number)
    parts = list(depth.collect())
    assert [len(part.samples) for part in parts] == [PART, PART, 1]
    assert {part.name for part in parts} == {"depth"}
