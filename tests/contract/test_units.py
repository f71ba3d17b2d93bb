"""Units of work: whole or not at all, side by side, answered only when durable."""

import asyncio

import pytest
from msgspec.structs import replace

from prefixd.domain.group import CloseReason, GroupState
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.page import AuditFilter, EventFilter, PageRequest
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store
from tests.kit.rows import T0_US, a_group, a_mitigation, a_record, a_store, a_victim, an_entry


async def store_all(store: Store, victim_of: list[object], index: int) -> str:
    """One unit of three tables; the victim decides whether its scope is free."""
    try:
        async with store.transaction() as tx:
            record = a_record()
            tx.signals.insert(record)
            tx.mitigations.insert(a_mitigation(victim=victim_of[index]))
            tx.audit.append(an_entry(target_id=record.signal_id))
    except Conflict as conflict:
        return conflict.what
    return "stored"


async def test_a_refused_unit_leaves_its_neighbors_alone(settings: StoreSettings) -> None:
    """60 units at once, 20 of which want a scope that is taken or wanted by a neighbor."""
    shared = a_victim()
    victims = [shared if number % 3 == 0 else a_victim() for number in range(60)]
    async with await a_store(settings) as store:
        answers = await asyncio.gather(*(store_all(store, victims, i) for i in range(60)))
        assert answers.count("stored") == 41
        assert answers.count("scope") == 19
        # Whole or not at all: as many events, rules and audit rows as were answered "stored".
        events = await store.signals.page(EventFilter(), PageRequest(limit=1000))
        audit = await store.audit.page(AuditFilter(), PageRequest(limit=1000))
        assert len(events.items) == len(audit.items) == 41
        assert {e.signal_id for e in events.items} == {a.entry.target_id for a in audit.items}
        totals = await store.stats.totals()
        assert (totals.active, totals.events, totals.mitigations) == (41, 41, 41)
        reports = await store.audit.verify()
        assert [(report.rows, report.fault) for report in reports] == [(41, None)]


async def test_units_that_arrive_together_share_commits(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:

        async def one() -> None:
            async with store.transaction() as tx:
                tx.signals.insert(a_record())

        await asyncio.gather(*(one() for _ in range(200)))
        assert store.commit_counts.units == 200
        assert store.commit_counts.commits <= 3


async def test_a_block_left_by_an_exception_stores_nothing(settings: StoreSettings) -> None:
    record = a_record()
    async with await a_store(settings) as store:

        async def change_of_mind() -> None:
            async with store.transaction() as tx:
                tx.signals.insert(record)
                raise KeyError("changed my mind")

        with pytest.raises(KeyError):
            await change_of_mind()
        assert await store.signals.get(record.signal_id) is None


async def test_an_empty_block_costs_no_commit(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        async with store.transaction():
            pass
        assert store.commit_counts.commits == 0


async def test_a_cancelled_caller_leaves_a_whole_unit_or_none(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        records = [a_record() for _ in range(50)]

        async def one(index: int) -> None:
            async with store.transaction() as tx:
                tx.signals.insert(records[index])
                tx.audit.append(an_entry(target_id=records[index].signal_id))

        tasks = [asyncio.create_task(one(index)) for index in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with store.transaction() as tx:
            tx.signals.insert(a_record())  # the writer is well
        audited = await store.audit.page(AuditFilter(), PageRequest(limit=1000))
        stored = {entry.entry.target_id for entry in audited.items}
        for index, record in enumerate(records):
            kept = await store.signals.get(record.signal_id) is not None
            assert kept == (record.signal_id in stored)
            assert kept or index % 2 == 0


async def test_a_full_queue_refuses_at_once_and_writes_nothing(settings: StoreSettings) -> None:
    narrow = StoreSettings(connection_string=settings.connection_string, queue_limit=10)
    waits: list[int] = []
    async with await a_store(narrow) as store:

        async def one() -> bool:
            try:
                async with store.transaction() as tx:
                    tx.signals.insert(a_record())
            except StoreUnavailable as refused:
                waits.append(refused.retry_after_s)
                return False
            return True

        stored = sum(await asyncio.gather(*(one() for _ in range(100))))
        assert stored == 10
        assert min(waits) >= 1
        assert store.commit_counts.refused_full == 90
        assert (await store.stats.totals()).events == 10
        assert await one()  # and then there is room again


async def test_close_stores_what_was_accepted(shared: StoreSettings) -> None:
    store = await a_store(shared)
    record = a_record()

    async def one() -> None:
        async with store.transaction() as tx:
            tx.signals.insert(record)

    task = asyncio.create_task(one())
    await asyncio.sleep(0)
    await store.close()
    await task
    with pytest.raises(StoreUnavailable):
        await one()
    async with await a_store(shared) as again:
        assert await again.signals.get(record.signal_id) == record


async def test_a_value_no_database_takes_ends_its_unit_only(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:

        async def one(text: str) -> str:
            try:
                async with store.transaction() as tx:
                    tx.signals.insert(a_record(reason=text))
            except Conflict as conflict:
                return conflict.what
            return "stored"

        answers = await asyncio.gather(*(one(text) for text in ("a", "\ud800", "b")))
        assert answers == ["stored", "value", "stored"]


async def test_numbers_beyond_64_bits_end_their_unit_only(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:

        async def one(bps: int) -> str:
            try:
                async with store.transaction() as tx:
                    tx.signals.insert(a_record(of_bps=bps))
            except Conflict as conflict:
                return conflict.what
            return "stored"

        answers = await asyncio.gather(*(one(bps) for bps in (1, 1 << 70, 2)))
        assert answers == ["stored", "value", "stored"]


async def test_the_order_inside_a_unit_holds_even_when_it_is_long(settings: StoreSettings) -> None:
    """Twenty groups are closed and opened anew; each opening needs the closing before it."""
    async with await a_store(settings) as store:
        groups = [a_group() for _ in range(20)]
        async with store.transaction() as tx:
            for group in groups:
                tx.groups.insert(group)
        async with store.transaction() as tx:
            tx.groups.insert(a_group())  # an insert stands first: merged, all inserts would
            for group in groups:
                closed = replace(
                    group,
                    state=GroupState.CLOSED,
                    close_reason=CloseReason.ENDED,
                    closed_at_us=T0_US,
                    version=2,
                )
                tx.groups.update(closed)
                tx.groups.insert(a_group(victim=group.victim))
        assert len((await store.groups.live("ams1")).rows) == 21


async def test_a_long_unit_is_refused_as_a_whole(settings: StoreSettings) -> None:
    taken = a_mitigation()
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.mitigations.insert(taken)
        rows = [*(a_mitigation() for _ in range(30)), a_mitigation(victim=taken.victim)]
        with pytest.raises(Conflict) as refused:
            await insert_all(store, rows)
        assert (refused.value.what, refused.value.key) == ("scope", taken.scope_hash)
        assert (await store.mitigations.live(None)).rows == (taken,)


async def insert_all(store: Store, mitigations: list[Mitigation]) -> None:
    async with store.transaction() as tx:
        for mitigation in mitigations:
            tx.mitigations.insert(mitigation)
