"""Counters, gauges and histograms, and their Prometheus text.

Why not the client library: its text rendering takes 18 ms for a thousand series and holds the event
loop, and with it every BGP keepalive, for all of them (docs/adr/0007). Here a child is a plain
object with a plain attribute, its line's head is formatted once, and a thousand series render in
well under a millisecond. Children are looked up once and kept by whoever counts.

Labels are bounded. A family holds at most `limit` children; whatever comes after that is counted
under the label value `other`, so a detector that makes up names cannot fill the memory.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

OTHER = "other"
DEFAULT_LIMIT = 1000
SLICE_LINES = 500


class Counter:
    __slots__ = ("value",)
    kind = "counter"

    def __init__(self) -> None:
        self.value: float = 0

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def heads(self, name: str, labels: str) -> tuple[str, ...]:
        """What stands in front of each reading."""
        return (f"{name}{_braced(labels)} ",)

    def readings(self) -> tuple[float, ...]:
        return (self.value,)


class Gauge:
    __slots__ = ("value",)
    kind = "gauge"

    def __init__(self) -> None:
        self.value: float = 0

    def set(self, value: float) -> None:
        self.value = value

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def dec(self, amount: float = 1) -> None:
        self.value -= amount

    def heads(self, name: str, labels: str) -> tuple[str, ...]:
        return (f"{name}{_braced(labels)} ",)

    def readings(self) -> tuple[float, ...]:
        return (self.value,)


class Histogram:
    __slots__ = ("_bounds", "_counts", "_sum")
    kind = "histogram"

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def heads(self, name: str, labels: str) -> tuple[str, ...]:
        lead = f"{labels}," if labels else ""
        bounds = [*map(_number, self._bounds), "+Inf"]
        return (
            *(f'{name}_bucket{{{lead}le="{bound}"}} ' for bound in bounds),
            f"{name}_sum{_braced(labels)} ",
            f"{name}_count{_braced(labels)} ",
        )

    def readings(self) -> tuple[float, ...]:
        running = tuple(accumulate(self._counts))
        return (*running, self._sum, running[-1])


Child = TypeVar("Child", bound=Counter | Gauge | Histogram)


class Family(Generic[Child]):
    """All children of one metric name. `labels()` finds or makes a child; keep what it returns."""

    __slots__ = ("_children", "_heads", "_make", "help", "label_names", "limit", "name")

    def __init__(
        self,
        name: str,
        text: str,
        label_names: tuple[str, ...],
        make: Callable[[], Child],
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.name = name
        self.help = text
        self.label_names = label_names
        self.limit = limit
        self._make: Callable[[], Child] = make
        self._children: dict[tuple[str, ...], Child] = {}
        self._heads: dict[tuple[str, ...], tuple[str, ...]] = {}
        if not label_names:
            self.labels()

    def labels(self, *values: str) -> Child:
        child = self._children.get(values)
        if child is not None:
            return child
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} takes the labels {self.label_names}, not {values}")
        if len(self._children) >= self.limit:
            overflow = tuple(OTHER for _ in values)
            if values != overflow:
                return self.labels(*overflow) if overflow in self._children else self._add(overflow)
        return self._add(values)

    def forget(self, *values: str) -> None:
        """Drop a child whose subject is gone (a removed peer)."""
        self._children.pop(values, None)
        self._heads.pop(values, None)

    def children(self) -> Iterable[tuple[tuple[str, ...], Child]]:
        return self._children.items()

    @property
    def kind(self) -> str:
        return self._make().kind

    def render(self) -> Iterator[list[str]]:
        """Lines, in lists of a few hundred."""
        if not self._children:
            return
        lines = [
            f"# HELP {self.name} {_escaped_help(self.help)}",
            f"# TYPE {self.name} {self.kind}",
        ]
        heads = self._heads
        for values, child in list(self._children.items()):  # more may come between two lists
            for head, reading in zip(heads.get(values, ()), child.readings(), strict=False):
                lines.append(head + (str(reading) if type(reading) is int else _number(reading)))
            if len(lines) >= SLICE_LINES:
                yield lines
                lines = []
        yield lines

    def _add(self, values: tuple[str, ...]) -> Child:
        child = self._make()
        self._children[values] = child
        labels = ",".join(
            f'{label}="{_escaped(value)}"'
            for label, value in zip(self.label_names, values, strict=True)
        )
        self._heads[values] = child.heads(self.name, labels)
        return child


Reader = Callable[[], Iterable[None] | None]
"""Sets readings. One with much to look at is a generator and yields now and then."""


class Registry:
    """Every family, in the order of declaration."""

    def __init__(self) -> None:
        self._families: dict[str, Family[Counter] | Family[Gauge] | Family[Histogram]] = {}
        self._readers: list[Reader] = []

    def counter(
        self, name: str, text: str, *labels: str, limit: int = DEFAULT_LIMIT
    ) -> Family[Counter]:
        family = Family(name, text, labels, Counter, limit)
        self._register(family)
        return family

    def gauge(
        self, name: str, text: str, *labels: str, limit: int = DEFAULT_LIMIT
    ) -> Family[Gauge]:
        family = Family(name, text, labels, Gauge, limit)
        self._register(family)
        return family

    def histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...]
    ) -> Family[Histogram]:
        family = Family(name, text, labels, lambda: Histogram(buckets))
        self._register(family)
        return family

    def families(self) -> Iterable[Family[Counter] | Family[Gauge] | Family[Histogram]]:
        return self._families.values()

    def before_render(self, reader: Reader) -> None:
        """Called before each rendering, to set what is a reading and not a count."""
        self._readers.append(reader)

    def render(self) -> bytes:
        """All of it at once; while others wait, use `Exposition`."""
        return "".join(self.slices()).encode()

    def slices(self) -> Iterator[str]:
        """The text in pieces, each a fraction of a millisecond of work; some are empty, where a
        reader rests."""
        for reader in self._readers:
            for _rest in reader() or ():
                yield ""
        lines: list[str] = []
        for family in self._families.values():
            for more in family.render():
                lines += more
                if len(lines) >= SLICE_LINES:
                    yield "\n".join([*lines, ""])
                    lines.clear()
        yield "\n".join([*lines, ""])

    def _register(self, family: Family[Counter] | Family[Gauge] | Family[Histogram]) -> None:
        if family.name in self._families:
            raise ValueError(f"the metric {family.name} is declared twice")
        self._families[family.name] = family


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
