"""Lists in pages that stay consistent while rows arrive: newest first, by (time, id).

A cursor names the last row seen, time and id together, so that rows of the same microsecond are
neither lost nor repeated. A filter has one field per condition; None is no condition.
"""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector

PAGE_DEFAULT = 100
PAGE_MAX = 1000

Item = TypeVar("Item")


class Cursor(NamedTuple):
    time_us: int
    id: str


class PageRequest(Struct, frozen=True, kw_only=True):
    """`start_us` is inclusive, `end_us` exclusive, both on the ordering time."""

    limit: int = PAGE_DEFAULT
    cursor: Cursor | None = None
    start_us: int | None = None
    end_us: int | None = None


class Page(Struct, Generic[Item], frozen=True):
    """`next` is None on the last page. `unreadable` rows exist and could not become values."""

    items: tuple[Item, ...]
    next: Cursor | None = None
    unreadable: int = 0


class Unreadable(NamedTuple):
    id: str
    reason: str


class Live(Struct, Generic[Item], frozen=True):
    """Everything of a kind that is live, and the rows that could not be read."""

    rows: tuple[Item, ...]
    unreadable: tuple[Unreadable, ...] = ()


class EventFilter(Struct, frozen=True, kw_only=True):
    source: str | None = None
    victim: Prefix | None = None
    vector: Vector | None = None
    kind: str | None = None
    outcome: str | None = None
    group_id: str | None = None
    pop: str | None = None


class MitigationFilter(Struct, frozen=True, kw_only=True):
    statuses: frozenset[str] | None = None
    customer_id: str | None = None
    victim: Prefix | None = None
    vector: Vector | None = None
    pop: str | None = None
    acknowledged: bool | None = None
    group_id: str | None = None


class GroupFilter(Struct, frozen=True, kw_only=True):
    states: frozenset[str] | None = None
    vector: Vector | None = None
    victim: Prefix | None = None
    customer_id: str | None = None
    source: str | None = None
    met: bool | None = None
    has_mitigation: bool | None = None
    pop: str | None = None


class AuditFilter(Struct, frozen=True, kw_only=True):
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


class Totals(Struct, frozen=True, kw_only=True):
    active: int
    mitigations: int
    events: int
    by_action: Mapping[str, int]
    pops: tuple[PopCount, ...]
