"""What the tables need of a database, and what both databases promise.

Two implementations exist, `sqlite.py` and `postgres.py`; nothing above this file knows which one
it has. Reads go to connections of their own and never wait for the writer. Writes arrive as whole
batches of units from the one writer (`commit.py`): each unit is stored completely or not at all,
the refusal of one does not touch the others, and when `apply` returns everything it did not
refuse is on disk.

Every error of a driver becomes one of ours here: `StoreUnavailable` when the database is
unreachable, full, locked or slow (nothing of the batch is stored), `Conflict` as a unit's
outcome.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from prefixd.domain.audit import AuditEntry
from prefixd.domain.record import Change, Lost
from prefixd.errors import StoreDamaged
from prefixd.store.unit import Statement, Unit, Value


class Row(Protocol):
    """A row as the driver gives it. Its columns are typed by the one translator of its table."""

    def __getitem__(self, key: Any) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


class Query(NamedTuple):
    sql: str
    params: Sequence[Value] = ()


# Turns the audit entries of the units that passed into chained rows (`audit.py`). It runs inside
# the transaction, because only there is it known which units passed.
Seal = Callable[[Sequence[AuditEntry]], Sequence[Statement]]

Outcome = Exception | None


class ChainMoved(Exception):
    """Another process has appended to our audit chain: read its head and apply again."""


class Session(Protocol):
    """One transaction held by one task: migrations and repairs only."""

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> None: ...

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]: ...

    async def lock(self, table: str) -> None:
        """Wait for running writers of the table, and keep others out until this ends."""
        ...


class InstanceLock(Protocol):
    async def hold(self, owner: str) -> None:
        """Raises StartupError, which names the holder, when another instance has it."""
        ...

    async def keep(self) -> None:
        """Runs while the daemon does."""
        ...

    def release(self) -> None: ...


class Database(Protocol):
    @property
    def name(self) -> str:
        """`sqlite` or `postgres`."""
        ...

    @property
    def damage(self) -> StoreDamaged | None:
        """The file was found damaged, and no check since then found it whole."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailable when a trivial query gets no answer, or the file is damaged."""
        ...

    async def open(self) -> None:
        """Connect; raises StoreUnavailable with a sentence an operator can act on."""
        ...

    async def close(self) -> None: ...

    async def fetch_all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]: ...

    async def fetch_one(self, sql: str, params: Sequence[Value] = ()) -> Row | None: ...

    async def fetch_many(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Several queries of one state of the database."""
        ...

    async def apply(self, units: Sequence[Unit], seal: Seal) -> list[Outcome]:
        """Store a batch: one commit, one outcome per unit (None: stored)."""
        ...

    def instance_lock(self, pop: str) -> InstanceLock:
        """The lock of the daemon that serves this POP here."""
        ...

    def exclusive(self) -> AbstractAsyncContextManager[Session]:
        """A transaction that no other instance's `exclusive` overlaps."""
        ...

    def changes(self) -> AsyncIterator[Change | Lost]:
        """What other writers, and we, have committed since the iteration began."""
        ...
