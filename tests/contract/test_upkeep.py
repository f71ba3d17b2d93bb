"""Migrations, retention, statistics, changes, and rows that cannot be read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from msgspec import structs

from prefixd.clock import SystemClock
from prefixd.domain.group import CloseReason, GroupState
from prefixd.domain.mitigation import Mitigation, Status, expire, withdraw
from prefixd.domain.page import Bucket, GroupFilter, MitigationFilter, PageRequest, PopCount
from prefixd.domain.record import Change, ChangeKind, Lost, Outcome
from prefixd.errors import StartupError, StoreUnavailable
from prefixd.store.migrate import Migration, applied, migrate, shipped
from prefixd.store.settings import RetentionSettings, StoreSettings
from prefixd.store.store import Store, database_for, open_store
from tests.contract.test_audit import by_hand
from tests.kit.rows import (
    POP,
    T0_US,
    a_decision,
    a_group,
    a_mitigation,
    a_record,
    a_store,
)

DAY_US = 86_400_000_000
NEXT = len(shipped()) + 1
SECOND = Migration(NEXT, "second", "-- a remark; with a semicolon\nCREATE TABLE second (a TEXT);")
BROKEN = Migration(NEXT, "broken", "CREATE TABLE half (a TEXT);\nCREATE TABLE oops oops;")


# --- migrations ---------------------------------------------------------------------------------


async def test_instances_that_start_together_agree(shared: StoreSettings) -> None:
    stores = await asyncio.gather(*(a_store(shared, instance=str(n)) for n in range(4)))
    for store in stores:
        migrations = await store.migrations()
        assert [(m.version, m.name) for m in migrations] == [(m.version, m.name) for m in shipped()]
        await store.close()


async def test_a_migration_is_whole_or_absent(shared: StoreSettings) -> None:
    async with await a_store(shared):
        database = database_for(shared)
        await database.open()
        with pytest.raises(StoreUnavailable):
            await migrate(database, SystemClock(), [*shipped(), BROKEN])
        assert [m.version for m in await applied(database)] == list(range(1, NEXT))
        # The half that worked was undone, so the mended script runs from the beginning.
        mended = replace(BROKEN, script="CREATE TABLE half (a TEXT);")
        assert await migrate(database, SystemClock(), [*shipped(), mended]) == [mended]
        assert await migrate(database, SystemClock(), [*shipped(), mended]) == []
        await database.close()


async def test_a_newer_schema_is_refused(shared: StoreSettings) -> None:
    database = database_for(shared)
    await database.open()
    await migrate(database, SystemClock(), [*shipped(), SECOND])
    await database.close()
    with pytest.raises(StartupError, match="written by a newer prefixd"):
        await a_store(shared)


async def test_an_edited_migration_is_refused(shared: StoreSettings) -> None:
    async with await a_store(shared):
        pass
    await by_hand(shared, "UPDATE schema_migrations SET checksum = 'x'")
    with pytest.raises(StartupError, match="another text"):
        await a_store(shared)


# --- retention ----------------------------------------------------------------------------------


async def test_only_what_has_ended_ages(settings: StoreSettings) -> None:
    kept = StoreSettings(
        connection_string=settings.connection_string,
        retention=RetentionSettings(
            events_days=10, mitigations_days=10, groups_days=10, decisions_days=10, batch_rows=3
        ),
    )
    async with await open_store(kept, SystemClock(), pop=POP, instance="i") as store:
        live = a_mitigation()
        ended = [
            a_mitigation(status=Status.REJECTED, created_at_us=T0_US + number)
            for number in range(8)
        ]
        open_group = a_group()
        closed = a_group(
            state=GroupState.CLOSED, close_reason=CloseReason.ENDED, closed_at_us=T0_US
        )
        queued = a_record(outcome=Outcome.QUEUED)
        async with store.transaction() as tx:
            for mitigation in (live, *ended):
                tx.mitigations.insert(mitigation)
            tx.groups.insert(open_group)
            tx.groups.insert(closed)
            tx.signals.insert(queued)
            for _ in range(7):
                tx.signals.insert(a_record())
            tx.decisions.insert(a_decision())
        early = await store.retention.run_once(T0_US + 10 * DAY_US)
        assert sum(early.values()) == 0
        removed = await store.retention.run_once(T0_US + 11 * DAY_US)
        assert removed["mitigations"] == 8
        assert removed["events"] == 7
        assert removed["signal_groups"] == 1
        assert removed["decisions"] == 1
        assert (await store.mitigations.live(None)).rows == (live,)
        assert (await store.groups.page(GroupFilter(), PageRequest())).items == (open_group,)
        assert await store.signals.unfinished(POP) == [queued]


async def test_nought_days_keep_for_ever(settings: StoreSettings) -> None:
    for_ever = StoreSettings(
        connection_string=settings.connection_string,
        retention=RetentionSettings(events_days=0),
    )
    async with await open_store(for_ever, SystemClock(), pop=POP, instance="i") as store:
        async with store.transaction() as tx:
            tx.signals.insert(a_record())
        removed = await store.retention.run_once(T0_US + 10_000 * DAY_US)
        assert "events" not in removed
        assert "audit_log" not in removed


# --- statistics ---------------------------------------------------------------------------------


async def test_totals_follow_the_rows(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        rows = [a_mitigation() for _ in range(3)] + [a_mitigation(pop="fra1")]
        async with store.transaction() as tx:
            for row in rows:
                tx.mitigations.insert(row)
            tx.signals.insert(a_record())
        ended = withdraw(rows[0], "over", "alice", T0_US + 1)
        assert isinstance(ended, Mitigation)
        async with store.transaction() as tx:
            tx.mitigations.update(ended)
        totals = await store.stats.totals()
        assert (totals.active, totals.mitigations, totals.events) == (3, 4, 1)
        assert totals.by_action == {"police": 3}
        assert totals.pops == (PopCount("ams1", 2, 3), PopCount("fra1", 1, 1))
        assert await store.stats.pops() == list(totals.pops)


async def test_recount_mends_wrong_counters(shared: StoreSettings) -> None:
    async with await a_store(shared) as store:
        gone = a_mitigation(customer_id="cust_gone")
        async with store.transaction() as tx:
            tx.mitigations.insert(gone)
            tx.mitigations.insert(a_mitigation())
            tx.mitigations.insert(a_mitigation(dry_run=True))
    await by_hand(shared, "DELETE FROM mitigations WHERE customer_id = 'cust_gone'")
    await by_hand(shared, "UPDATE counters SET value = 99 WHERE name = 'live:pop:ams1'")
    async with await a_store(shared) as store:  # opening recounts
        assert (await store.stats.totals()).active == 1
        assert await store.stats.customer_counts() == {"cust_example": 1}


async def test_a_wrong_counter_does_not_keep_a_rule_alive(shared: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(shared) as store:
        async with store.transaction() as tx:
            tx.mitigations.insert(row)
        await by_hand(shared, "UPDATE counters SET value = 0")
        ended = expire(row, row.expires_at_us)
        assert isinstance(ended, Mitigation)
        async with store.transaction() as tx:
            tx.mitigations.update(ended)
        assert (await store.stats.totals()).active == 0


async def test_buckets_are_aligned_and_complete(settings: StoreSettings) -> None:
    minute = 60_000_000
    start = T0_US // minute * minute
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for offset in (0, 1, 2 * minute):
                tx.signals.insert(a_record(of_received_at_us=start + offset))
            tx.mitigations.insert(a_mitigation(created_at_us=start + minute))
        events = await store.stats.buckets("events", start, start + 4 * minute, minute)
        assert events == [
            Bucket(start + number * minute, count) for number, count in enumerate((2, 0, 1, 0))
        ]
        rules = await store.stats.buckets("mitigations", start, start + 2 * minute, minute)
        assert [bucket.number for bucket in rules] == [0, 1]


# --- changes ------------------------------------------------------------------------------------


async def test_changes_reach_every_instance_after_commit(shared: StoreSettings) -> None:
    async with (
        await a_store(shared, pop="ams1", instance="a") as ams,
        await a_store(shared, pop="fra1", instance="b") as fra,
    ):
        listener = (fra if fra.kind == "postgres" else ams).changes()
        heard: list[Change | Lost] = []
        listening = asyncio.create_task(collect(listener, heard, 3))
        await until_listening(ams, heard)
        row = a_mitigation(pop="fra1")
        async with ams.transaction() as tx:
            tx.mitigations.insert(row)
            tx.notify(ChangeKind.CONFIG, "fra1", "7")
        await asyncio.wait_for(listening, 10)
        assert heard[1:] == [
            Change(ChangeKind.MITIGATION, "fra1", row.mitigation_id, "a"),
            Change(ChangeKind.CONFIG, "fra1", "7", "a"),
        ]


async def test_what_was_refused_is_not_told(settings: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(settings) as store:
        heard: list[Change | Lost] = []
        listening = asyncio.create_task(collect(store.changes(), heard, 2))
        await until_listening(store, heard)
        for mitigation in (row, structs.replace(row, version=9)):
            try:
                async with store.transaction() as tx:
                    tx.mitigations.insert(mitigation)
            except Exception as error:  # noqa: BLE001 - which one is tested elsewhere
                refused = error
        assert str(refused).startswith("scope")
        await asyncio.wait_for(listening, 10)
        assert [change.id for change in heard[1:] if isinstance(change, Change)] == [
            row.mitigation_id
        ]


async def collect(
    listener: AsyncIterator[Change | Lost], heard: list[Change | Lost], count: int
) -> None:
    async for change in listener:
        if change != Change(ChangeKind.GROUP, "", "are you there", "a") or not heard:
            heard.append(change)
        if len(heard) == count:
            return


async def until_listening(store: Store, heard: list[Change | Lost]) -> None:
    """Listening begins in the background: speak until somebody hears it."""
    while not heard:
        async with store.transaction() as tx:
            tx._unit.changes.append(Change(ChangeKind.GROUP, "", "are you there", "a"))
        await asyncio.sleep(0.01)


# --- rows that cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "vector = 'no such vector'",
        "match_json = '{'",
        'match_json = \'{"dst_prefix":"192.0.2.1/24"}\'',
        "match_json = '{\"dst_ports\":[[5,4]]}'",
        "match_json = '{\"surprise\":1}'",
        "action_params_json = '{}'",
        "victim_ip = 'nonsense'",
        "details_json = '[]'",
    ],
)
async def test_one_damaged_row_hides_nothing_else(shared: StoreSettings, damage: str) -> None:
    rows = [a_mitigation(created_at_us=T0_US + number) for number in range(6)]
    bad = rows[3]
    async with await a_store(shared) as store:
        async with store.transaction() as tx:
            for row in rows:
                tx.mitigations.insert(row)
        await by_hand(
            shared, f"UPDATE mitigations SET {damage} WHERE mitigation_id = '{bad.mitigation_id}'"
        )
        live = await store.mitigations.live(POP)
        assert set(live.rows) == {row for row in rows if row is not bad}
        assert [unreadable.id for unreadable in live.unreadable] == [bad.mitigation_id]
        # Paging walks over it: three pages of two, one of them shorter, none the last too early.
        seen, sizes, cursor = [], [], None
        while True:
            page = await store.mitigations.page(
                MitigationFilter(), PageRequest(limit=2, cursor=cursor)
            )
            seen += page.items
            sizes.append((len(page.items), page.unreadable))
            if (cursor := page.next) is None:
                break
        assert seen == [row for row in reversed(rows) if row is not bad]
        assert sizes == [(2, 0), (1, 1), (2, 0)]
        assert store.unreadable_counts["mitigations"] == 2
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            await store.mitigations.get(bad.mitigation_id)


async def test_a_damaged_safelist_row_is_an_error_not_a_hole(shared: StoreSettings) -> None:
    async with await a_store(shared) as store:
        await by_hand(
            shared,
            "INSERT INTO safelist (prefix, source, added_at, added_by) VALUES ('x', 'api', 0, '')",
        )
        with pytest.raises(StoreUnavailable):
            await store.safelist.all()
