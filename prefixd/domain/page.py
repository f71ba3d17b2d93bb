"""Lists in pages that stay true while rows arrive: newest first, by (time, id).

A cursor names the last row seen, time and id together, so that rows of the same microsecond are
neither lost nor repeated. Filters are values with one field per question; None asks nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector

PAGE_DEFAULT = 100
PAGE_MAX = 1000

Item = TypeVar("Item")


class Cursor(NamedTuple):
    time_us: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """`start_us` is inclusive, `end_us` exclusive, both on the ordering time."""

    limit: int = PAGE_DEFAULT
    cursor: Cursor | None = None
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next` is None on the last page. `unreadable` rows exist and could not become values."""

    items: tuple[Item, ...]
    next: Cursor | None = None
    unreadable: int = 0


class Unreadable(NamedTuple):
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Live(Generic[Item]):
    """Everything of a kind that is live, and the rows that hide because they cannot be read."""

    rows: tuple[Item, ...]
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    source: str | None = None
    victim: Prefix | None = None
    vector: Vector | None = None
    kind: str | None = None
    outcome: str | None = None
    group_id: str | None = None
    pop: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationFilter:
    statuses: frozenset[str] | None = None
    customer_id: str | None = None
    victim: Prefix | None = None
    vector: Vector | None = None
    pop: str | None = None
    acknowledged: bool | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFilter:
    states: frozenset[str] | None = None
    vector: Vector | None = None
    victim: Prefix | None = None
    customer_id: str | None = None
    source: str | None = None
    met: bool | None = None
    has_mitigation: bool | None = None
    pop: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    actor_id: str | None = None
    action: str | None = None
    target_type: str | None = None
    target_id: str | None = None


class PopCount(NamedTuple):
    pop: str
    active: int
    total: int


class Bucket(NamedTuple):
    start_us: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    active: int
    mitigations: int
    events: int
    by_action: Mapping[str, int]
    pops: tuple[PopCount, ...]
