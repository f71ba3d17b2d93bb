"""A metric whose value is looked up when Prometheus asks: a queue's depth, a session's state.

Here it is only declared. `daemon/readings.py` looks the values up and hands them to `family()`,
which makes what the client library's collectors yield.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from prefixd.observability.labelled import OTHER

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Reading:
    """`of` is the kind of family: a gauge, or a counter kept elsewhere."""

    of: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    text: str
    label_names: tuple[str, ...] = ()

    def family(self, values: Mapping[tuple[str, ...], float]) -> Family:
        family = self.of(self.name, self.text, labels=self.label_names)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family

    def single(self, value: float) -> Family:
        """Of a reading without labels."""
        return self.family({(): value})


def bounded(values: Mapping[str, float], limit: int) -> dict[tuple[str, ...], float]:
    """At most `limit` names; what is beyond is added up as `other`."""
    found: dict[tuple[str, ...], float] = {
        (name,): value for name, value in islice(values.items(), limit)
    }
    surplus = list(islice(values.values(), limit, None))
    if surplus:
        found[OTHER,] = found.get((OTHER,), 0) + sum(surplus)
    return found
