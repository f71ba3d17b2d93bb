"""A metric with labels whose number of series is bounded.

The client library makes a series for every label value it is given. Detectors choose their own
names, so we hold at most `limit` series of a metric: label values beyond it are counted in the one
series whose every label says `other`. Children are kept here by their label values, because finding
one through the library takes a lock and costs as much as counting.

A metric with thousands of series is collected in parts (several `Metric` of one name), so that the
event loop can do other work between them; `exposition.py` writes them under one head.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

# A switch of the whole process: no second series for each counter that says when it was made.
disable_created_metrics()  # type: ignore[no-untyped-call]  # because: the library has no types here

OTHER: Final = "other"
PART: Final = 80
"""Series or buckets in a part: about a millisecond to collect, and one to write."""

Child = TypeVar("Child", Counter, Gauge, Histogram)


class Labelled(Collector, Generic[Child]):
    __slots__ = ("_children", "_limit", "_metric", "_names")

    def __init__(
        self, metric: Child, names: tuple[str, ...], limit: int, registry: CollectorRegistry
    ) -> None:
        self._metric: Child = metric
        self._names = names
        self._limit = limit
        self._children: dict[tuple[str, ...], Child] = {}
        registry.register(self)

    def labels(self, *values: str) -> Child:
        child = self._children.get(values)
        if child is not None:
            return child
        if len(self._children) >= self._limit:
            values = (OTHER,) * len(self._names)
        child = self._metric.labels(*values)  # refuses a wrong number of values
        self._children[values] = child
        return child

    def start_at_zero(self, *label_sets: tuple[str, ...]) -> None:
        """Make the series known in advance, so that the first occurrence is an increase."""
        for values in label_sets:
            self.labels(*values)

    def remove_unless(self, keep: Callable[[tuple[str, ...]], bool]) -> None:
        """Remove the series whose subject is gone (a neighbor no longer configured)."""
        for values in [values for values in self._children if not keep(values)]:
            del self._children[values]
            self._metric.remove(*values)

    def describe(self) -> Iterable[Metric]:
        return self._metric.describe()

    def collect(self) -> Iterator[Metric]:
        (part,) = self._metric.describe()
        for values, child in list(self._children.items()):  # others may come between two parts
            labels = dict(zip(self._names, values, strict=True))
            for series in child.collect():
                for sample in series.samples:
                    part.add_sample(sample.name, labels | sample.labels, sample.value)
            if len(part.samples) >= PART:
                yield part
                (part,) = self._metric.describe()
        yield part
