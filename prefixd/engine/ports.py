"""What the engine needs from the outside, in its own words.

Three rooms fit these shapes without importing them: `store` (rows), `announce` (rules on the
wire), `notify` (people). The engine never sees SQL, BGP or HTTP.

Store. The engine decides in memory and writes once: a transaction is a unit of work whose methods
only note what shall be written. Leaving the block hands the unit to the group commit and waits
until it is durable, or raises `StoreUnavailable` (nothing of it was written) or `Conflict` (the
row had moved on, or its scope or episode exists already; nothing of *this* unit was written, its
neighbors in the same commit are not touched). A block left by an exception writes nothing.

Announcer. Synchronous: it changes what the world shall hear, in memory; peers follow by diff.
`replace` makes its rules equal to the given ones and says what differed.

Notifier. Takes news and never blocks; it owns its queue and its losses.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Protocol

from prefixd.domain.audit import AuditEntry, AuditRow
from prefixd.domain.group import Group
from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.page import (
    AuditFilter,
    Bucket,
    EventFilter,
    GroupFilter,
    Live,
    MitigationFilter,
    Page,
    PageRequest,
    PopCount,
    Totals,
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import (
    Change,
    CorroborationRecord,
    DecisionRecord,
    Lost,
    QuotaLimits,
    SignalRecord,
)
from prefixd.domain.rule import Intent, Rule
from prefixd.domain.safelist import EntrySource, SafelistEntry


class SignalWrites(Protocol):
    def insert(self, record: SignalRecord) -> None:
        """Conflict("episode") when (source, external_id, kind, episode) exists."""
        ...

    def update(self, record: SignalRecord) -> None:
        """Fate, last_seen_us, refresh count and the refreshed numbers, by signal_id."""
        ...


class GroupWrites(Protocol):
    def insert(self, group: Group) -> None: ...
    def update(self, group: Group, seen_version: int | None = ...) -> None:
        """By group_id; Conflict("version") unless the stored version is the one seen, by default
        one less."""
        ...


class DecisionWrites(Protocol):
    def insert(self, record: DecisionRecord) -> None: ...


class MitigationWrites(Protocol):
    def insert(self, mitigation: Mitigation, limits: QuotaLimits = ...) -> None:
        """Conflict("scope") when its scope is live in its POP; Conflict("quota", which) when a
        limit is reached, counted in the same transaction over all instances."""
        ...

    def update(self, mitigation: Mitigation, seen_version: int | None = ...) -> None:
        """By id; Conflict("version") unless the stored version is the one seen, by default one
        less. Leaving the live statuses gives its places in the quotas back."""
        ...

    def acknowledge(self, mitigation: Mitigation) -> None:
        """Live or ended, once; touches nothing but the acknowledgement."""
        ...


class SafelistWrites(Protocol):
    def put(self, entry: SafelistEntry) -> None: ...
    def remove(self, prefix: Prefix, source: EntrySource) -> None: ...


class AuditWrites(Protocol):
    def append(self, entry: AuditEntry) -> None:
        """Numbered and chained when it commits."""
        ...


class CorroborationWrites(Protocol):
    def put(self, record: CorroborationRecord) -> None:
        """Insert, or replace the one of the same source and external id."""
        ...


class NotificationWrites(Protocol):
    def enqueue(
        self,
        notification_id: str,
        *,
        pop: str,
        destination: str,
        event: str,
        body: str,
        created_at_us: int,
        due_at_us: int,
    ) -> None: ...


class Transaction(Protocol):
    async def __aenter__(self) -> "Transaction": ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

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
    @property
    def notifications(self) -> NotificationWrites: ...

    def commit(self, done: Callable[[Exception | None], None]) -> None:
        """Hand the unit over without waiting; `done` is called once, with what went wrong."""
        ...


class SignalReads(Protocol):
    async def get(self, signal_id: str) -> SignalRecord | None: ...
    async def latest(self, source: str, external_id: str, kind: str) -> SignalRecord | None: ...
    async def unfinished(self, pop: str) -> Sequence[SignalRecord]:
        """Stored and never decided (outcome `queued`), oldest first."""
        ...

    async def recent(self, pop: str, since_us: int, limit: int) -> Sequence[SignalRecord]:
        """Last seen since then, newest first."""
        ...

    async def page(self, wanted: EventFilter, page: PageRequest) -> Page[SignalRecord]: ...


class GroupReads(Protocol):
    async def live(self, pop: str) -> Live[Group]: ...
    async def live_of(self, pop: str, victim: Prefix) -> Sequence[Group]: ...
    async def get(self, group_id: str) -> Group | None: ...
    async def page(self, wanted: GroupFilter, page: PageRequest) -> Page[Group]: ...


class DecisionReads(Protocol):
    async def get(self, decision_id: str) -> DecisionRecord | None: ...
    async def of_group(self, group_id: str, limit: int = ...) -> Sequence[DecisionRecord]:
        """Newest first."""
        ...


class MitigationReads(Protocol):
    async def live(self, pop: str | None) -> Live[Mitigation]:
        """Live rows of a POP, or of all. A row that cannot be read never hides the others."""
        ...

    async def live_versions(self, pop: str) -> Sequence[tuple[MitigationId, int]]:
        """Id and version of each live row, readable or not: cheap enough to ask often."""
        ...

    async def live_elsewhere(self, pop: str) -> Mapping[str | None, int]:
        """How many live rows the other POPs have, by customer (None: of nobody's)."""
        ...

    async def get(self, mitigation_id: str) -> Mitigation | None: ...
    async def page(self, wanted: MitigationFilter, page: PageRequest) -> Page[Mitigation]: ...


class SafelistReads(Protocol):
    async def all(self) -> Sequence[SafelistEntry]:
        """Every entry. Raises rather than leaving one out: a hole here lets a rule through."""
        ...


class AuditReads(Protocol):
    async def page(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditRow]: ...


class CorroborationReads(Protocol):
    async def cached(self, pop: str, now_us: int) -> Sequence[CorroborationRecord]:
        """Not yet expired, oldest first."""
        ...


class StatsReads(Protocol):
    async def totals(self) -> Totals: ...
    async def pops(self) -> Sequence[PopCount]: ...
    async def buckets(
        self, metric: str, start_us: int, end_us: int, bucket_us: int
    ) -> Sequence[Bucket]: ...


class Store(Protocol):
    @property
    def instance(self) -> str:
        """Our name in the changes we cause."""
        ...

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

    def transaction(self) -> Transaction: ...

    def changes(self) -> AsyncIterator[Change | Lost]:
        """What anyone commits here, as it happens; `Lost` whenever something may be missing."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailable when a trivial question gets no answer."""
        ...


class Drift(Protocol):
    """How the RIB differed from what it should hold, as mitigation ids."""

    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def surplus(self) -> Sequence[str]: ...
    @property
    def changed(self) -> Sequence[str]: ...


class Announcer(Protocol):
    @property
    def revision(self) -> int:
        """Grows with every change of the rules it holds, whoever caused it."""
        ...

    def announce(self, intents: Iterable[Intent]) -> None:
        """Add or change; a rule that cannot be expressed is kept, withheld and shown as such."""
        ...

    def withdraw(self, mitigation_ids: Iterable[str]) -> None:
        """Unknown ids are fine: what shall be gone is gone."""
        ...

    def replace(self, intents: Sequence[Intent]) -> Drift:
        """Make the rules exactly these, and say what was missing, surplus or changed."""
        ...

    def preview(self, rule: Rule) -> Sequence[str]:
        """What each peer would be told, one line a peer; sends nothing."""
        ...


class PreparedAlerts(Protocol):
    """Alerts about a change that is being saved. Dropped when the change is undone."""

    def write(self, rows: NotificationWrites) -> None:
        """Into the unit of the change, so that both are durable or neither."""
        ...

    def deliver(self) -> None:
        """The change is durable."""
        ...

    def doubt(self) -> None:
        """Nobody knows whether the change is durable."""
        ...


class Notifier(Protocol):
    def tell(self, news: News) -> None:
        """What happened and is saved nowhere."""
        ...

    def prepare(self, news: Sequence[News]) -> PreparedAlerts | None:
        """Before a change is saved; None when nobody would be told."""
        ...
