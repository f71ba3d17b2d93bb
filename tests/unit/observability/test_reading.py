"""Families made of values that were looked up."""

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from prefixd.observability.labelled import OTHER
from prefixd.observability.reading import Reading, bounded


def test_a_family_has_a_sample_for_each_value() -> None:
    reading = Reading(GaugeMetricFamily, "up", "Up.", ("peer",))
    samples = reading.family({("edge1",): 1, ("edge2",): 0}).samples
    assert [(each.labels, each.value) for each in samples] == [
        ({"peer": "edge1"}, 1),
        ({"peer": "edge2"}, 0),
    ]


def test_a_counter_that_is_looked_up_keeps_its_name() -> None:
    (sample,) = Reading(CounterMetricFamily, "runs_total", "Runs.").single(3).samples
    assert (sample.name, sample.value) == ("runs_total", 3)


def test_names_beyond_the_bound_are_added_up() -> None:
    values = {f"source{number}": 1.0 for number in range(10)}
    found = bounded(values, 4)
    assert len(found) == 5
    assert found[OTHER,] == 6
    assert bounded(values, 10) == {(name,): 1.0 for name in values}
