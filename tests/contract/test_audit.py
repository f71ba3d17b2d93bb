"""The audit chain proves itself, and shows the row at which it no longer does."""

import asyncio

import pytest

from prefixd.clock import SystemClock
from prefixd.domain.page import AuditFilter, PageRequest
from prefixd.store.audit import GENESIS
from prefixd.store.database import Database
from prefixd.store.settings import RetentionSettings, StoreSettings
from prefixd.store.store import Store, database_for, open_store
from tests.kit.rows import POP, T0_US, a_store, an_entry

DAY_US = 86_400_000_000


async def append(store: Store, count: int, *, at_us: int = T0_US) -> None:
    for number in range(count):
        async with store.transaction() as tx:
            tx.audit.append(an_entry(at_us=at_us + number, pop=POP))


async def by_hand(settings: StoreSettings, sql: str) -> None:
    """What somebody with a database client might do."""
    database: Database = database_for(settings)
    await database.open()
    try:
        async with database.exclusive() as session:
            await session.execute(sql)
    finally:
        await database.close()


async def test_rows_are_numbered_and_linked(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        entries = [an_entry(at_us=T0_US + number) for number in range(10)]
        async with store.transaction() as tx:
            for entry in entries:
                tx.audit.append(entry)
        rows = (await store.audit.page(AuditFilter(), PageRequest())).items[::-1]
        assert [row.entry for row in rows] == entries
        assert [row.number for row in rows] == list(range(1, 11))
        assert [row.previous_hash for row in rows] == [GENESIS, *(row.hash for row in rows[:-1])]


async def test_the_chain_goes_on_after_a_restart(shared: StoreSettings) -> None:
    for _ in range(3):
        async with await a_store(shared) as store:
            await append(store, 5)
    async with await a_store(shared) as store:
        (report,) = await store.audit.verify()
        assert (report.chain, report.rows, report.head.number) == (POP, 15, 15)
        assert report.fault is None


@pytest.mark.parametrize(
    ("tampering", "number", "reason"),
    [
        ("UPDATE audit_log SET actor_id = 'mallory' WHERE number = 4", 4, "altered"),
        ("UPDATE audit_log SET details_json = '{}' WHERE number = 1", 1, "altered"),
        ("UPDATE audit_log SET at = at + 1 WHERE number = 10", 10, "altered"),
        ("DELETE FROM audit_log WHERE number = 4", 5, "rows 4 to 4 are missing"),
        ("DELETE FROM audit_log WHERE number <= 3", 4, "rows 1 to 3 are missing"),
        ("UPDATE audit_log SET hash = previous_hash WHERE number = 4", 4, "altered"),
    ],
)
async def test_tampering_shows(
    shared: StoreSettings, tampering: str, number: int, reason: str
) -> None:
    async with await a_store(shared) as store:
        await append(store, 10)
        await by_hand(shared, tampering)
        (report,) = await store.audit.verify()
        assert report.fault is not None
        assert report.fault.number == number
        assert reason in report.fault.reason


async def test_two_processes_of_one_pop_share_the_chain(shared: StoreSettings) -> None:
    async with (
        await a_store(shared, instance="daemon") as daemon,
        await a_store(shared, instance="offline command") as offline,
    ):
        for _ in range(4):
            await asyncio.gather(append(daemon, 3), append(offline, 3))
        (report,) = await daemon.audit.verify()
        assert (report.rows, report.fault) == (24, None)


async def test_every_pop_has_its_own_chain(shared: StoreSettings) -> None:
    async with (
        await a_store(shared, pop="ams1") as ams,
        await a_store(shared, pop="fra1") as fra,
    ):
        await append(ams, 3)
        await append(fra, 2)
        reports = await ams.audit.verify()
        assert [(r.chain, r.rows, r.fault) for r in reports] == [
            ("ams1", 3, None),
            ("fra1", 2, None),
        ]


async def test_pruning_leaves_a_chain_that_proves_itself(shared: StoreSettings) -> None:
    pruned = StoreSettings(
        connection_string=shared.connection_string,
        retention=RetentionSettings(audit_days=30, batch_rows=4),
    )
    async with await open_store(pruned, SystemClock(), pop=POP, instance="i") as store:
        await append(store, 10, at_us=T0_US)
        await append(store, 5, at_us=T0_US + 20 * DAY_US)
        removed = await store.retention.run_once(T0_US + 40 * DAY_US)
        assert removed["audit_log"] == 10
        (report,) = await store.audit.verify()
        assert (report.rows, report.head.number, report.fault) == (5, 15, None)
        await store.retention.run_once(T0_US + 400 * DAY_US)
        await append(store, 1, at_us=T0_US + 400 * DAY_US)  # the chain continues
        (report,) = await store.audit.verify()
        assert (report.rows, report.head.number, report.fault) == (2, 16, None)
        await by_hand(pruned, "DELETE FROM audit_log WHERE number = 15")
        (report,) = await store.audit.verify()
        assert report.fault is not None


async def test_entries_are_filtered(settings: StoreSettings) -> None:
    special = an_entry(actor_id="bob", action="safelist_add", target_type="prefix", target_id="x")
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.audit.append(an_entry())
            tx.audit.append(special)
        for wanted in (
            AuditFilter(actor_id="bob"),
            AuditFilter(action="safelist_add"),
            AuditFilter(target_type="prefix"),
            AuditFilter(target_id="x"),
        ):
            page = await store.audit.page(wanted, PageRequest())
            assert [row.entry for row in page.items] == [special]
