"""What the engine needs from the outside, in its own words.

Three rooms fit these shapes without importing them: `store` (rows), `announce` (rules on the
wire), `notify` (people). The engine never sees SQL, BGP or HTTP.

Store. The engine decides in memory and writes once: a transaction is a unit of work whose methods
only note what shall be written. Leaving the block hands the unit to the group commit and waits
until it is durable, or raises `StoreUnavailable` (nothing of it was written) or `Conflict` (the
row had moved on, or its scope or episode exists already; nothing of *this* unit was written, its
neighbours in the same commit are not touched). A block left by an exception writes nothing.

Announcer. Synchronous: it changes what the world shall hear, in memory; peers follow by diff.
`replace` makes its rules equal to the given ones and says what differed.

Notifier. Takes news and never blocks; it owns its queue and its losses.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from prefixd.domain.audit import AuditEntry, AuditRow
from prefixd.domain.change import Change
from prefixd.domain.decision_record import DecisionRecord
from prefixd.domain.group import Group
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.page import (
    AuditFilter,
    EventFilter,
    GroupFilter,
    MitigationFilter,
    Page,
    PageRequest,
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Drift, Intent, Rule
from prefixd.domain.safelist import SafelistEntry
from prefixd.domain.signal import Corroboration
from prefixd.domain.signal_record import SignalRecord
from prefixd.domain.stats import Bucket, PopCount, Totals


class SignalWrites(Protocol):
    def insert(self, record: SignalRecord) -> None:
        """Conflict when (source, external_id, kind, episode) exists."""
        ...

    def update(self, record: SignalRecord) -> None:
        """Outcome, last_seen, refresh count and the refreshed numbers, by signal_id."""
        ...


class GroupWrites(Protocol):
    def save(self, group: Group) -> None: ...


class DecisionWrites(Protocol):
    def insert(self, record: DecisionRecord) -> None: ...


class MitigationWrites(Protocol):
    def insert(self, mitigation: Mitigation) -> None:
        """Conflict when its scope is live in its POP."""
        ...

    def update(self, mitigation: Mitigation, *, seen_version: int) -> None:
        """Conflict unless the stored row still has `seen_version`."""
        ...


class SafelistWrites(Protocol):
    def put(self, entry: SafelistEntry) -> None: ...
    def remove(self, prefix: Prefix) -> None: ...


class AuditWrites(Protocol):
    def append(self, entry: AuditEntry) -> None:
        """The store numbers the entry and chains its hash when it commits."""
        ...


class CorroborationWrites(Protocol):
    def insert(
        self, signal_id: str, value: Corroboration, attached: tuple[str, ...]
    ) -> None: ...


class Transaction(Protocol):
    @property
    def signals(self) -> SignalWrites: ...
    @property
    def groups(self) -> GroupWrites: ...
    @property
    def decisions(self) -> DecisionWrites: ...
    @property
    def mitigations(self) -> MitigationWrites: ...
    @property
    def safelist(self) -> SafelistWrites: ...
    @property
    def audit(self) -> AuditWrites: ...
    @property
    def corroborations(self) -> CorroborationWrites: ...

    def tell(self, change: Change) -> None:
        """Other instances on the same database hear of it when, and only when, it commits."""
        ...


class Unreadable(Protocol):
    """A row the store could not turn into a value: which one, and why."""

    @property
    def row_id(self) -> str: ...
    @property
    def reason(self) -> str: ...


class SignalReads(Protocol):
    async def latest(self, source: str, external_id: str, kind: str) -> SignalRecord | None: ...
    async def unfinished(self, pop: str) -> Sequence[SignalRecord]:
        """Stored and never decided: outcome `queued`."""
        ...

    async def recent(self, pop: str, since_us: int, limit: int) -> Sequence[SignalRecord]:
        """Episodes last seen since then, newest first."""
        ...

    async def page(self, wanted: EventFilter, page: PageRequest) -> Page[SignalRecord]: ...


class GroupReads(Protocol):
    async def live(self, pop: str) -> tuple[Sequence[Group], Sequence[Unreadable]]: ...
    async def get(self, group_id: str) -> Group | None: ...
    async def page(self, wanted: GroupFilter, page: PageRequest) -> Page[Group]: ...


class DecisionReads(Protocol):
    async def get(self, decision_id: str) -> DecisionRecord | None: ...
    async def of_group(self, group_id: str, limit: int) -> Sequence[DecisionRecord]: ...


class MitigationReads(Protocol):
    async def live(self, pop: str | None) -> tuple[Sequence[Mitigation], Sequence[Unreadable]]:
        """Live rows of a POP, or of all. A row that cannot be read never hides the others."""
        ...

    async def get(self, mitigation_id: str) -> Mitigation | None: ...
    async def page(self, wanted: MitigationFilter, page: PageRequest) -> Page[Mitigation]: ...


class SafelistReads(Protocol):
    async def all(self) -> Sequence[SafelistEntry]: ...


class AuditReads(Protocol):
    async def page(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditRow]: ...


class CorroborationReads(Protocol):
    async def cached(self, now_us: int) -> Sequence[tuple[str, Corroboration]]: ...


class StatsReads(Protocol):
    async def totals(self) -> Totals: ...
    async def pops(self) -> Sequence[PopCount]: ...
    async def buckets(
        self, metric: str, start_us: int, end_us: int, bucket_us: int
    ) -> Sequence[Bucket]: ...


class Store(Protocol):
    @property
    def signals(self) -> SignalReads: ...
    @property
    def groups(self) -> GroupReads: ...
    @property
    def decisions(self) -> DecisionReads: ...
    @property
    def mitigations(self) -> MitigationReads: ...
    @property
    def safelist(self) -> SafelistReads: ...
    @property
    def audit(self) -> AuditReads: ...
    @property
    def corroborations(self) -> CorroborationReads: ...
    @property
    def stats(self) -> StatsReads: ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...

    def changes(self) -> AsyncIterator[Change]:
        """What other instances commit, as it happens; a `Change` of kind LOST first whenever
        something may have been missed. Never yields on an embedded database."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailable when a trivial question gets no answer."""
        ...


class Announcer(Protocol):
    def announce(self, intents: Iterable[Intent]) -> None: ...
    def withdraw(self, mitigation_ids: Iterable[str]) -> None:
        """Unknown ids are fine: what shall be gone is gone."""
        ...

    def replace(self, intents: Sequence[Intent]) -> Drift:
        """Make the rules exactly these, and say what was missing, surplus or changed."""
        ...

    def preview(self, rule: Rule) -> Sequence[str]:
        """What each peer would be told, one line a peer; sends nothing."""
        ...

    def status(self) -> object: ...


class Notifier(Protocol):
    def tell(self, news: News) -> None: ...
