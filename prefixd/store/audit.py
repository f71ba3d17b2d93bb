"""The audit log: append-only, and chained so that a changed or missing row shows.

Each row carries the hash of the row before it and a hash over itself and that. An attacker who
alters or removes a row has to rewrite every later one; the newest hash is kept elsewhere
(`audit_anchor.py`), so that this and a cut end show as well. Rows are numbered and hashed by the
writer, inside the transaction that stores what they report, so an entry exists exactly when its act
does.

One chain per POP: instances do not wait for each other. Two processes of one POP (the daemon and
an offline command) may both append; the loser of a number reads the new head and tries again.

Retention may drop the oldest rows. It leaves a checkpoint with the last hash it dropped, so that
what remains still proves itself.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from prefixd.domain.audit import AuditEntry, AuditRow
from prefixd.domain.page import AuditFilter, Page, PageRequest
from prefixd.store.database import Database, Row
from prefixd.store.dialect import to_json
from prefixd.store.paging import Listing, Where, read_page
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

GENESIS = "0" * 64
_COLUMNS = (
    "chain, number, audit_id, at, pop, actor_type, actor_id, action, target_type, target_id,"
    " details_json, previous_hash, hash"
)
_INSERT = (
    f"INSERT INTO audit_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_HEAD = "SELECT number, hash FROM audit_log WHERE chain = ? ORDER BY number DESC LIMIT 1"
CHECKPOINT = "SELECT number, hash FROM audit_checkpoints WHERE chain = ?"
_LISTING = Listing(table="audit_log", columns=_COLUMNS, time="at", id="audit_id")
VERIFY_STEP = 2000


class AuditHead(NamedTuple):
    number: int
    hash: str


class AuditFault(NamedTuple):
    """The first row at which a chain stops proving itself."""

    chain: str
    number: int
    reason: str


class AuditReport(NamedTuple):
    chain: str
    rows: int
    head: AuditHead
    fault: AuditFault | None


def row_hash(entry: AuditEntry, chain: str, number: int, previous_hash: str) -> str:
    """SHA-256 over everything a row says, in a fixed order, and over the hash before it."""
    body = to_json(
        [
            chain,
            number,
            entry.audit_id,
            entry.at_us,
            entry.pop,
            entry.actor_type,
            entry.actor_id,
            entry.action,
            entry.target_type,
            entry.target_id,
            entry.details,
            previous_hash,
        ]
    )
    return hashlib.sha256(body.encode()).hexdigest()


class AuditChain:
    """The writer's memory of where the chain ends."""

    def __init__(self, chain: str) -> None:
        self.name = chain
        self._head: AuditHead | None = None
        self._next: AuditHead | None = None

    async def load(self, database: Database) -> None:
        if self._head is None:
            self._head = await read_head(database, self.name)

    def forget(self) -> None:
        self._head = self._next = None

    def seal(self, entries: Sequence[AuditEntry]) -> list[Statement]:
        """Rows for the entries, continuing the chain. Repeatable until `advance`."""
        assert self._head is not None, "load() comes first"
        number, previous = self._head
        statements = []
        for entry in entries:
            number += 1
            digest = row_hash(entry, self.name, number, previous)
            statements.append(_insert(entry, self.name, number, previous, digest))
            previous = digest
        self._next = AuditHead(number, previous)
        return statements

    def advance(self) -> None:
        self._head, self._next = self._next, None


async def read_head(database: Database, chain: str) -> AuditHead:
    row = await database.fetch_one(_HEAD, (chain,))
    row = row or await database.fetch_one(CHECKPOINT, (chain,))
    return AuditHead(row[0], row[1]) if row else AuditHead(0, GENESIS)


class AuditWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def append(self, entry: AuditEntry) -> None:
        self._unit.audit.append(entry)


class AuditReads:
    def __init__(
        self,
        database: Database,
        unreadables: Unreadables,
        anchor_fault: Callable[[], Awaitable[AuditFault | None]],
    ) -> None:
        self._database = database
        self._unreadables = unreadables
        self._anchor_fault = anchor_fault

    async def page(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditRow]:
        where = Where()
        where.equal("actor_id", wanted.actor_id)
        where.equal("action", wanted.action)
        where.equal("target_type", wanted.target_type)
        where.equal("target_id", wanted.target_id)
        return await read_page(self._database, _LISTING, where, page, _audit_row, self._unreadables)

    async def verify(self) -> list[AuditReport]:
        """Walks every chain from its beginning or checkpoint to its head, and compares our own with
        the head that is kept outside the table."""
        chains = await self._database.fetch_all(
            "SELECT chain FROM audit_log UNION SELECT chain FROM audit_checkpoints ORDER BY chain"
        )
        reports = {row[0]: await self._verify_chain(row[0]) for row in chains}
        fault = await self._anchor_fault()
        if fault is not None:
            emptied = AuditReport(fault.chain, 0, AuditHead(0, GENESIS), None)
            report = reports.get(fault.chain, emptied)
            reports[fault.chain] = report._replace(fault=report.fault or fault)
        return list(reports.values())

    async def _verify_chain(self, chain: str) -> AuditReport:
        start = await self._database.fetch_one(CHECKPOINT, (chain,))
        number, digest = (start[0], start[1]) if start else (0, GENESIS)
        rows = 0
        while True:
            step = await self._database.fetch_all(
                f"SELECT {_COLUMNS} FROM audit_log WHERE chain = ? AND number > ?"
                f" ORDER BY number LIMIT {VERIFY_STEP}",
                (chain, number),
            )
            for raw in step:
                row = _audit_row(raw)
                fault = _fault(row, number, digest)
                if fault is not None:
                    return AuditReport(chain, rows, AuditHead(number, digest), fault)
                number, digest = row.number, row.hash
                rows += 1
            if not step:
                return AuditReport(chain, rows, AuditHead(number, digest), None)


def _fault(row: AuditRow, number: int, digest: str) -> AuditFault | None:
    if row.number != number + 1:
        reason = f"rows {number + 1} to {row.number - 1} are missing"
    elif row.previous_hash != digest:
        reason = "it does not follow from the row before it"
    elif row.hash != row_hash(row.entry, row.chain, row.number, row.previous_hash):
        reason = "its content was altered"
    else:
        return None
    return AuditFault(row.chain, row.number, reason)


def _insert(
    entry: AuditEntry, chain: str, number: int, previous_hash: str, digest: str
) -> Statement:
    params = (
        chain,
        number,
        entry.audit_id,
        entry.at_us,
        entry.pop,
        entry.actor_type,
        entry.actor_id,
        entry.action,
        entry.target_type,
        entry.target_id,
        entry.details,
        previous_hash,
        digest,
    )
    return Statement(_INSERT, params, clash="audit", key=chain, hot=True)


def _audit_row(row: Row) -> AuditRow:
    (
        chain,
        number,
        audit_id,
        at_us,
        pop,
        actor_type,
        actor_id,
        action,
        target_type,
        target_id,
        details,
        previous_hash,
        digest,
    ) = row
    entry = AuditEntry(
        audit_id=audit_id,
        at_us=at_us,
        pop=pop,
        actor_type=actor_type,
        actor_id=actor_id,
        action=action,
        target_type=target_type,
        target_id=target_id,
        details=details,
    )
    return AuditRow(
        entry=entry, chain=chain, number=number, previous_hash=previous_hash, hash=digest
    )
