"""The store: typed tables over one of two databases, and the unit of work.

    store = await open_store(settings, clock, pop="ams1", instance=instance_id)
    async with store.transaction() as tx:
        tx.mitigations.insert(mitigation, limits)
        tx.audit.append(entry)
    # here both are durable, or Conflict / StoreUnavailable was raised and neither exists

Methods of `tx` only collect what will be stored; leaving the block hands it to the group commit
and waits; `tx.commit` hands it over and calls back, for callers that do not wait.
Reads (`store.mitigations.get(...)`) see what is committed. Nothing outside this package knows SQL,
and nothing inside it decides anything about attacks.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType

from prefixd.clock import Clock
from prefixd.domain.record import Change, ChangeKind, Lost
from prefixd.errors import StartupError, StoreDamaged
from prefixd.store.audit import AuditChain, AuditReads, AuditWrites
from prefixd.store.audit_anchor import AuditAnchor
from prefixd.store.commit import CommitCounts, GroupCommit
from prefixd.store.corroborations import CorroborationReads, CorroborationWrites
from prefixd.store.database import Database
from prefixd.store.decisions import DecisionReads, DecisionWrites
from prefixd.store.groups import GroupReads, GroupWrites
from prefixd.store.idempotency import IdempotencyReads, IdempotencyWrites
from prefixd.store.instances import InstanceReads, InstanceWrites
from prefixd.store.migrate import AppliedMigration, applied, migrate
from prefixd.store.mitigations import MitigationReads, MitigationWrites
from prefixd.store.notifications import NotificationReads, NotificationWrites
from prefixd.store.operators import OperatorReads, OperatorWrites
from prefixd.store.postgres import PostgresDatabase
from prefixd.store.retention import Retention
from prefixd.store.safelist import SafelistReads, SafelistWrites
from prefixd.store.settings import StoreSettings
from prefixd.store.signals import SignalReads, SignalWrites
from prefixd.store.snapshots import ConfigReads, ConfigWrites
from prefixd.store.sqlite import SqliteDatabase
from prefixd.store.stats import StatsReads, recount
from prefixd.store.tokens import TokenReads, TokenWrites
from prefixd.store.unit import Unit
from prefixd.store.unreadable import Unreadables


class Transaction:
    """One unit of work. Usable once; a block left by an exception stores nothing."""

    __slots__ = ("_commit", "_origin", "_unit")

    def __init__(self, commit: GroupCommit, origin: str) -> None:
        self._commit = commit
        self._origin = origin
        self._unit = Unit()

    # Each event makes one transaction and writes to three or four of the thirteen tables, so the
    # writers of tables are made when they are used.

    @property
    def audit(self) -> AuditWrites:
        return AuditWrites(self._unit)

    @property
    def config(self) -> ConfigWrites:
        return ConfigWrites(self._unit)

    @property
    def corroborations(self) -> CorroborationWrites:
        return CorroborationWrites(self._unit)

    @property
    def decisions(self) -> DecisionWrites:
        return DecisionWrites(self._unit)

    @property
    def groups(self) -> GroupWrites:
        return GroupWrites(self._unit)

    @property
    def idempotency(self) -> IdempotencyWrites:
        return IdempotencyWrites(self._unit)

    @property
    def instances(self) -> InstanceWrites:
        return InstanceWrites(self._unit)

    @property
    def mitigations(self) -> MitigationWrites:
        return MitigationWrites(self._unit, self._origin)

    @property
    def notifications(self) -> NotificationWrites:
        return NotificationWrites(self._unit)

    @property
    def operators(self) -> OperatorWrites:
        return OperatorWrites(self._unit, self._origin)

    @property
    def safelist(self) -> SafelistWrites:
        return SafelistWrites(self._unit, self._origin)

    @property
    def signals(self) -> SignalWrites:
        return SignalWrites(self._unit)

    @property
    def tokens(self) -> TokenWrites:
        return TokenWrites(self._unit, self._origin)

    def notify(self, kind: ChangeKind, pop: str, row_id: str) -> None:
        """Publish a change to other instances that none of the tables above publishes."""
        self._unit.changes.append(Change(kind, pop, row_id, self._origin))

    async def __aenter__(self) -> "Transaction":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self._unit.is_empty:
            await self._commit.submit(self._unit)

    def commit(self, done: Callable[[Exception | None], None]) -> None:
        """Hand the unit over without waiting. `done` is called later and once: with None when
        everything is durable, else with the Conflict or StoreUnavailable that prevented it. Raises
        StoreUnavailable when the unit cannot be accepted."""
        self._commit.put(self._unit, done)


class Store:
    def __init__(
        self, database: Database, settings: StoreSettings, *, pop: str, instance: str
    ) -> None:
        self.instance = instance
        self._database = database
        self._lock = database.instance_lock(pop)
        self._commit = GroupCommit(database, AuditChain(pop), settings)
        self._unreadables = Unreadables()
        self.audit_anchor = AuditAnchor(database, settings, pop)
        self.audit = AuditReads(database, self._unreadables, self.audit_anchor.fault)
        self.config = ConfigReads(database)
        self.corroborations = CorroborationReads(database, self._unreadables)
        self.decisions = DecisionReads(database)
        self.groups = GroupReads(database, self._unreadables)
        self.idempotency = IdempotencyReads(database)
        self.instances = InstanceReads(database)
        self.mitigations = MitigationReads(database, self._unreadables)
        self.notifications = NotificationReads(database)
        self.operators = OperatorReads(database)
        self.safelist = SafelistReads(database, self._unreadables)
        self.signals = SignalReads(database, self._unreadables)
        self.stats = StatsReads(database)
        self.tokens = TokenReads(database, self._unreadables)
        self.retention = Retention(database, self._commit, settings.retention)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgres`."""
        return self._database.name

    @property
    def damage(self) -> StoreDamaged | None:
        """Nothing is stored in a damaged file, although part of it may still answer."""
        return self._database.damage

    @property
    def commit_counts(self) -> CommitCounts:
        return self._commit.counts

    @property
    def queue_depth(self) -> int:
        return self._commit.depth

    @property
    def unreadable_counts(self) -> Mapping[str, int]:
        """Rows that could not be read, by table, since the start."""
        return self._unreadables.counts

    def transaction(self) -> Transaction:
        return Transaction(self._commit, self.instance)

    def changes(self) -> AsyncIterator[Change | Lost]:
        return self._database.changes()

    async def take_lock(self, daemon: str) -> None:
        await self._lock.hold(daemon)

    async def keep_lock(self) -> None:
        """Run while the daemon does, so that it stays the only one."""
        await self._lock.keep()

    async def migrations(self) -> list[AppliedMigration]:
        return await applied(self._database)

    async def ping(self) -> None:
        """Raises StoreUnavailable when a trivial query gets no answer, or the file is damaged."""
        await self._database.ping()

    async def recount(self) -> None:
        """Repair the live counters from the rows they count."""
        async with self._database.exclusive() as session:
            await recount(session)

    async def close(self) -> None:
        """Stores what was accepted, then closes the database."""
        await self._commit.close()
        await self._database.close()
        self._lock.release()

    async def __aenter__(self) -> "Store":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def database_for(settings: StoreSettings) -> Database:
    if settings.is_sqlite:
        return SqliteDatabase(settings)
    if settings.is_postgres:
        return PostgresDatabase(settings)
    raise StartupError(
        f"storage.connection_string {settings.where!r}: expected sqlite:///path or"
        " postgres://user@host/name"
    )


async def open_store(
    settings: StoreSettings, clock: Clock, *, pop: str, instance: str, daemon: str | None = None
) -> Store:
    """Connect, migrate, recount. StoreUnavailable when the database is unreachable (try again
    later), StartupError when this release must not use it, or when another daemon does. `daemon`
    is how that other one would name us; commands beside a daemon give none."""
    database = database_for(settings)
    store = Store(database, settings, pop=pop, instance=instance)
    await database.open()
    try:
        if daemon is not None:
            await store.take_lock(daemon)
        await migrate(database, clock)
        await store.recount()
    except BaseException:
        await store.close()
        raise
    return store
