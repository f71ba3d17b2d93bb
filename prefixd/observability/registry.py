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
from typing import Generic, TypeVar

OTHER = "other"
DEFAULT_LIMIT = 1000


class Counter:
    __slots__ = ("value",)
    kind = "counter"

    def __init__(self) -> None:
        self.value: float = 0

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def lines(self, name: str, labels: str) -> Iterator[str]:
        yield f"{name}{_braced(labels)} {_number(self.value)}"


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

    def lines(self, name: str, labels: str) -> Iterator[str]:
        yield f"{name}{_braced(labels)} {_number(self.value)}"


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

    def lines(self, name: str, labels: str) -> Iterator[str]:
        lead = f"{labels}," if labels else ""
        running = 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            running += count
            yield f'{name}_bucket{{{lead}le="{_number(bound)}"}} {running}'
        running += self._counts[-1]
        yield f'{name}_bucket{{{lead}le="+Inf"}} {running}'
        yield f"{name}_sum{_braced(labels)} {_number(self._sum)}"
        yield f"{name}_count{_braced(labels)} {running}"


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
        self._heads: dict[tuple[str, ...], str] = {}
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

    def render(self) -> Iterator[str]:
        if not self._children:
            return
        yield f"# HELP {self.name} {_escaped_help(self.help)}"
        yield f"# TYPE {self.name} {self.kind}"
        for values, child in self._children.items():
            yield from child.lines(self.name, self._heads[values])

    def _add(self, values: tuple[str, ...]) -> Child:
        child = self._make()
        self._children[values] = child
        self._heads[values] = ",".join(
            f'{label}="{_escaped(value)}"'
            for label, value in zip(self.label_names, values, strict=True)
        )
        return child


class Registry:
    """Every family, in the order of declaration."""

    def __init__(self) -> None:
        self._families: dict[str, Family[Counter] | Family[Gauge] | Family[Histogram]] = {}
        self._readers: list[Callable[[], None]] = []

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

    def before_render(self, reader: Callable[[], None]) -> None:
        """Called before each rendering, to set what is a reading and not a count."""
        self._readers.append(reader)

    def render(self) -> bytes:
        for reader in self._readers:
            reader()
        lines: list[str] = []
        for family in self._families.values():
            lines.extend(family.render())
        lines.append("")
        return "\n".join(lines).encode()

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
