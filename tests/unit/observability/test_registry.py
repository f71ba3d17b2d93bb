"""The text we render is read back by the reference parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prefixd.observability.metrics import Metrics
from prefixd.observability.registry import Registry


def samples(registry: Registry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(registry.render().decode())
        for sample in family.samples
    }


def test_counters_and_gauges_read_back() -> None:
    registry = Registry()
    events = registry.counter("events_total", "Events.", "source")
    events.labels("fast").inc()
    events.labels("fast").inc(2)
    registry.gauge("depth", "Depth.").labels().set(1.5)
    assert samples(registry) == {
        ("events_total", (("source", "fast"),)): 3.0,
        ("depth", ()): 1.5,
    }


def test_label_values_of_any_shape_survive() -> None:
    registry = Registry()
    nasty = 'a"b\\c\nd{}'
    registry.gauge("g", "G.", "name").labels(nasty).set(1)
    assert samples(registry) == {("g", (("name", nasty),)): 1.0}


def test_histogram_buckets_are_cumulative() -> None:
    registry = Registry()
    lag = registry.histogram("lag", "Lag.", buckets=(0.1, 1.0)).labels()
    for value in (0.05, 0.1, 0.5, 7):
        lag.observe(value)
    assert samples(registry) == {
        ("lag_bucket", (("le", "0.1"),)): 2.0,
        ("lag_bucket", (("le", "1"),)): 3.0,
        ("lag_bucket", (("le", "+Inf"),)): 4.0,
        ("lag_count", ()): 4.0,
        ("lag_sum", ()): pytest.approx(7.65),
    }


def test_names_made_up_by_strangers_are_bounded() -> None:
    registry = Registry()
    events = registry.counter("events_total", "Events.", "source", limit=3)
    for number in range(1000):
        events.labels(f"made-up-{number}").inc()
    seen = samples(registry)
    assert len(seen) == 4
    assert seen[("events_total", (("source", "other"),))] == 997.0


def test_a_forgotten_child_is_gone() -> None:
    registry = Registry()
    up = registry.gauge("up", "Up.", "peer")
    up.labels("edge1").set(1)
    up.forget("edge1")
    assert samples(registry) == {}


def test_wrong_number_of_labels_is_refused() -> None:
    family = Registry().counter("c_total", "C.", "a", "b")
    with pytest.raises(ValueError, match="c_total takes the labels"):
        family.labels("only one")


def test_the_same_name_twice_is_refused() -> None:
    registry = Registry()
    registry.counter("c_total", "C.")
    with pytest.raises(ValueError, match="declared twice"):
        registry.gauge("c_total", "C.")


def test_every_declared_metric_renders_and_parses() -> None:
    metrics = Metrics()
    for family in metrics.registry.families():
        family.labels(*("x" for _ in family.label_names))
    names = {family.name for family in text_string_to_metric_families(metrics.render().decode())}
    declared = {
        family.name.removesuffix("_total") if family.kind == "counter" else family.name
        for family in metrics.registry.families()
    }
    assert names == declared
