"""Numbers for the dashboard: from counters where they can be, from an index range where not.

Nothing here counts a whole table. Totals and live numbers are kept up to date by the writes they
count (`counters.py`); a time series reads the index of the range it shows.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from prefixd.domain.page import Bucket, PopCount, Totals
from prefixd.store.database import Database, Query, Row, Session

_COUNTERS: Final = "SELECT name, value FROM counters WHERE name LIKE ?"
_BY_ACTION: Final = (
    "SELECT action_type, COUNT(*) FROM mitigations"
    " WHERE status IN ('pending', 'active', 'escalated') AND NOT dry_run GROUP BY action_type"
)
_BUCKETS: Final = {
    "events": ("events", "ingested_at"),
    "mitigations": ("mitigations", "created_at"),
}
_RECOUNT: Final = (
    "INSERT INTO counters (name, value) SELECT {name}, COUNT(*) FROM mitigations"
    " WHERE status IN ('pending', 'active', 'escalated') AND {condition} GROUP BY 1"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class StatsReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals(self) -> Totals:
        live, totals, actions = await self._database.fetch_many(
            (
                Query(_COUNTERS, ("live:%",)),
                Query(_COUNTERS, ("total:%",)),
                Query(_BY_ACTION),
            )
        )
        pops = _pops(live, totals)
        events = sum(value for name, value in totals if name.startswith("total:events:"))
        return Totals(
            active=sum(pop.active for pop in pops),
            mitigations=sum(pop.total for pop in pops),
            events=events,
            by_action=dict(map(tuple, actions)),
            pops=tuple(pops),
        )

    async def pops(self) -> Sequence[PopCount]:
        live, totals = await self._database.fetch_many(
            (Query(_COUNTERS, ("live:pop:%",)), Query(_COUNTERS, ("total:mitigations:%",)))
        )
        return _pops(live, totals)

    async def customer_counts(self) -> dict[str, int]:
        """Live mitigations by customer, over all instances."""
        rows = await self._database.fetch_all(_COUNTERS, ("live:customer:%",))
        return {name.removeprefix("live:customer:"): value for name, value in rows if value}

    async def buckets(
        self, metric: str, start_us: int, end_us: int, bucket_us: int
    ) -> Sequence[Bucket]:
        """Every bucket that begins in [start, end), aligned to its size; empty ones count 0."""
        assert bucket_us > 0
        table, column = _BUCKETS[metric]
        first = start_us // bucket_us * bucket_us
        rows = await self._database.fetch_all(
            f"SELECT {column} / CAST(? AS BIGINT), COUNT(*) FROM {table}"
            f" WHERE {column} >= ? AND {column} < ? GROUP BY 1",
            (bucket_us, start_us, end_us),
        )
        found = {row[0] * bucket_us: row[1] for row in rows}
        return [Bucket(at, found.get(at, 0)) for at in range(first, end_us, bucket_us)]


def _pops(live: Sequence[Row], totals: Sequence[Row]) -> list[PopCount]:
    active: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for (prefix, counts), rows in (
        (("live:pop:", active), live),
        (("total:mitigations:", total), totals),
    ):
        for name, value in rows:
            if name.startswith(prefix):
                counts[name.removeprefix(prefix)] = value
    return [PopCount(pop, active[pop], total[pop]) for pop in sorted({*active, *total})]


async def recount(session: Session) -> None:
    """Make the live counters agree with the rows: after a restore, or a manual DELETE.

    The table is locked first: a writer that has its row but not yet its count waits for us, one
    that has both is finished before we look.
    """
    await session.lock("counters")
    await session.execute("UPDATE counters SET value = 0 WHERE name LIKE 'live:%'")
    await session.execute("UPDATE counters SET value = 0 WHERE name LIKE 'dry:%'")
    for word, dry_run in (("live", "NOT dry_run"), ("dry", "dry_run")):
        for name in (f"'{word}:global'", f"'{word}:pop:' || pop"):
            await session.execute(_RECOUNT.format(name=name, condition=dry_run))
        await session.execute(
            _RECOUNT.format(
                name=f"'{word}:customer:' || customer_id",
                condition=f"{dry_run} AND customer_id IS NOT NULL",
            )
        )
