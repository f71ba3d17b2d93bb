"""Old rows are deleted in small batches, through the same writer as everything else.

Each batch is an ordinary unit: it shares a commit with the events that arrive meanwhile and is
short enough that none of them waits for it. Several instances may run this at once; each finds
less to do. Only what has ended is deleted: a condition in each statement says so.

The audit log is pruned only when asked (`audit_days`), from the old end, and leaves a checkpoint
from which the rest can still be verified (`audit.py`).
"""

import asyncio
from typing import Final, NamedTuple

from prefixd.store.commit import GroupCommit
from prefixd.store.database import Database
from prefixd.store.settings import RetentionSettings
from prefixd.store.unit import Statement, Unit

_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000


class _Job(NamedTuple):
    """`condition` has one ? for the cutoff and decides what is over; `order` is indexed."""

    table: str
    id: str
    order: str
    condition: str
    age_us: int

    @property
    def sql(self) -> str:
        return (
            f"DELETE FROM {self.table} WHERE {self.id} IN (SELECT {self.id} FROM {self.table}"
            f" WHERE {self.condition} ORDER BY {self.order} LIMIT ?)"
        )


def _jobs(settings: RetentionSettings) -> list[_Job]:
    """`age_us` 0 means "as soon as it is over"; tables kept for ever are left out."""
    ended = "status IN ('expired', 'withdrawn', 'rejected')"
    aged = [
        ("events", "event_id", "ingested_at", "ingested_at < ? AND outcome <> 'queued'",
         settings.events_days),
        ("mitigations", "mitigation_id", "created_at", f"created_at < ? AND {ended}",
         settings.mitigations_days),
        ("signal_groups", "group_id", "closed_at", "closed_at < ? AND state = 'closed'",
         settings.groups_days),
        ("decisions", "decision_id", "at", "at < ?", settings.decisions_days),
        ("notification_queue", "notification_id", "created_at",
         "created_at < ? AND state <> 'queued'", settings.notifications_days),
    ]  # fmt: skip
    jobs = [
        _Job(table, key, order, condition, days * _DAY_US)
        for table, key, order, condition, days in aged
        if days
    ]
    if settings.idempotency_hours:
        age_us = settings.idempotency_hours * _HOUR_US
        jobs.append(_Job("idempotency_keys", "key_hash", "created_at", "created_at < ?", age_us))
    jobs.append(_Job("sessions", "session_hash", "expires_at", "expires_at < ?", 0))
    jobs.append(_Job("corroborating_signals", "signal_id", "expires_at", "expires_at < ?", 0))
    return jobs


class Retention:
    def __init__(
        self, database: Database, commit: GroupCommit, settings: RetentionSettings
    ) -> None:
        self._database = database
        self._commit = commit
        self._settings = settings

    async def run_once(self, now_us: int) -> dict[str, int]:
        """Delete everything that is due; returns how many rows left each table."""
        removed: dict[str, int] = {}
        for job in _jobs(self._settings):
            removed[job.table] = await self._run(job, now_us - job.age_us)
        if self._settings.audit_days:
            cutoff_us = now_us - self._settings.audit_days * _DAY_US
            removed["audit_log"] = await self._prune_audit(cutoff_us)
        return removed

    async def _run(self, job: _Job, cutoff_us: int) -> int:
        limit = self._settings.batch_rows
        total = 0
        while True:
            count = await self._delete(Statement(job.sql, (cutoff_us, limit)))
            total += count
            if count < limit:
                return total
            await asyncio.sleep(0)

    async def _delete(self, *statements: Statement) -> int:
        unit = Unit(statements=list(statements))
        await self._commit.submit(unit)
        return unit.rows[0]

    async def _prune_audit(self, cutoff_us: int) -> int:
        total = 0
        for (chain,) in await self._database.fetch_all("SELECT DISTINCT chain FROM audit_log"):
            while (count := await self._prune_chain(chain, cutoff_us)) > 0:
                total += count
        return total

    async def _prune_chain(self, chain: str, cutoff_us: int) -> int:
        """One batch from the old end. The newest row of a chain always stays."""
        rows = await self._database.fetch_all(
            "SELECT number, hash, at FROM audit_log WHERE chain = ? ORDER BY number LIMIT ?",
            (chain, self._settings.batch_rows + 1),
        )
        last = None
        for row in rows[:-1]:
            if row[2] >= cutoff_us:
                break
            last = row
        if last is None:
            return 0
        return await self._delete(
            Statement("DELETE FROM audit_log WHERE chain = ? AND number <= ?", (chain, last[0])),
            Statement(
                "INSERT INTO audit_checkpoints (chain, number, hash) VALUES (?, ?, ?)"
                " ON CONFLICT (chain) DO UPDATE SET number = excluded.number,"
                " hash = excluded.hash WHERE excluded.number > audit_checkpoints.number",
                (chain, last[0], last[1]),
            ),
        )
