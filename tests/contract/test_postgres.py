"""PostgreSQL when things go wrong: absent, refusing, killed, restarted, slow, read-only."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from prefixd.domain.page import EventFilter, PageRequest
from prefixd.domain.record import Change, Lost
from prefixd.errors import StoreUnavailable
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store
from tests.kit.postgres import Cluster, new_cluster, remove, shared_cluster
from tests.kit.rows import a_mitigation, a_record, a_store, an_entry


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A server of this test's own, to be killed."""
    cluster = new_cluster()
    yield cluster
    remove(cluster)


def at(url: str) -> StoreSettings:
    return StoreSettings(connection_string=url, connect_timeout_s=2, write_timeout_s=5)


async def write(store: Store) -> str:
    record = a_record()
    async with store.transaction() as tx:
        tx.signals.insert(record)
        tx.audit.append(an_entry(target_id=record.signal_id))
    return record.signal_id


async def count(store: Store) -> int:
    return len((await store.signals.page(EventFilter(), PageRequest(limit=1000))).items)


async def test_absent_at_start_says_where_without_the_secret() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await a_store(at("postgres://prefixd:hunter2@127.0.0.1:1/prefixd"))
    assert "cannot be reached" in str(refused.value)
    assert "127.0.0.1:1/prefixd" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_a_wrong_database_name_is_named() -> None:
    url = shared_cluster().url.replace("/postgres?", "/no_such?")
    with pytest.raises(StoreUnavailable, match="no database of that name"):
        await a_store(at(url))


async def test_killed_while_running_and_back_without_a_restart(cluster: Cluster) -> None:
    async with await a_store(at(cluster.schema_url())) as store:
        before = await write(store)
        await asyncio.to_thread(cluster.kill)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await write(store)
            with pytest.raises(StoreUnavailable):
                await store.signals.get(before)
        await asyncio.to_thread(cluster.start)
        after = await write(store)
        assert await store.signals.get(before) is not None
        assert await store.signals.get(after) is not None
        (report,) = await store.audit.verify()
        assert report.fault is None


async def test_killed_again_and_again_under_load(cluster: Cluster) -> None:
    """What was answered is there; what was not answered is whole or absent."""
    settings = at(cluster.schema_url())
    answered: list[str] = []
    async with await a_store(settings) as store:
        stop = False

        async def keep_writing() -> None:
            while not stop:
                try:
                    answered.append(await write(store))
                except StoreUnavailable:
                    await asyncio.sleep(0.02)

        writers = [asyncio.create_task(keep_writing()) for _ in range(20)]
        for _ in range(3):
            goal = len(answered) + 200
            while len(answered) < goal:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(cluster.kill)
            await asyncio.to_thread(cluster.start)
        stop = True
        await asyncio.gather(*writers)
        assert len(answered) >= 600
        rows = await store._database.fetch_all("SELECT event_id FROM events")
        stored = {row[0] for row in rows}
        assert set(answered) <= stored
        rows = await store._database.fetch_all("SELECT target_id FROM audit_log")
        assert {row[0] for row in rows} == stored
        (report,) = await store.audit.verify()
        assert (report.rows, report.fault) == (len(stored), None)


async def test_listeners_are_told_what_they_may_have_missed(cluster: Cluster) -> None:
    async with await a_store(at(cluster.schema_url())) as store:
        heard: list[Change | Lost] = []

        async def listen() -> None:
            async for change in store.changes():
                heard.append(change)

        listening = asyncio.create_task(listen())
        while not heard:
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation())
            await asyncio.sleep(0.01)
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(cluster.start)
        while Lost() not in heard:
            await asyncio.sleep(0.05)
        row = a_mitigation()
        async with store.transaction() as tx:
            tx.mitigations.insert(row)
        while not any(isinstance(c, Change) and c.id == row.mitigation_id for c in heard):
            await asyncio.sleep(0.01)
        listening.cancel()


async def test_a_line_cut_without_a_word_is_found() -> None:
    """The listener's backend is frozen: its line is open and says nothing, as behind a firewall
    that forgot it."""
    cluster = shared_cluster()
    settings = replace(at(cluster.schema_url()), read_timeout_s=1.0)
    async with await a_store(settings) as store:
        store._database.listen_check_s = 0.1  # type: ignore[attr-defined] # because ten seconds are long
        heard: list[Change | Lost] = []

        async def listen() -> None:
            async for change in store.changes():
                heard.append(change)

        listening = asyncio.create_task(listen())
        while not heard:
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation())
            await asyncio.sleep(0.01)
        pid = int(
            cluster.sql(
                "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'prefixd listener'"
            )
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            while Lost() not in heard:
                await asyncio.sleep(0.02)
        finally:
            os.kill(pid, signal.SIGCONT)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_lock_held_elsewhere_is_waited_for_only_so_long() -> None:
    url = shared_cluster().schema_url()
    settings = replace(at(url), lock_timeout_s=0.2)
    async with await a_store(settings) as store, await a_store(settings) as other:
        async with other._database.exclusive() as session:
            await session.lock("events")
            with pytest.raises(StoreUnavailable, match="too long"):
                await write(store)
        await write(store)
        assert await count(store) == 1


async def test_a_slow_answer_is_given_up() -> None:
    settings = replace(at(shared_cluster().schema_url()), read_timeout_s=1.0)
    async with await a_store(settings) as store:
        with pytest.raises(StoreUnavailable, match="too long"):
            await store._database.fetch_all("SELECT pg_sleep(30)")
        assert await count(store) == 0


async def test_a_standby_is_recognised() -> None:
    url = shared_cluster().schema_url()
    async with await a_store(at(url)):
        pass
    async with await a_store(at(url)) as store:
        writer = await store._database._connected_writer()  # type: ignore[attr-defined] # because only the server knows
        await writer.execute("SET default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable, match="read-only"):
            await write(store)


async def test_two_instances_never_deadlock_on_counters() -> None:
    """Both touch the same customers in opposite orders, many at a time."""
    url = shared_cluster().schema_url()
    async with (
        await a_store(at(url), pop="ams1", instance="a") as ams,
        await a_store(at(url), pop="fra1", instance="b") as fra,
    ):

        async def one(store: Store, pop: str, number: int) -> None:
            customer = f"c{number % 17 if pop == 'ams1' else 17 - number % 17}"
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(pop=pop, customer_id=customer))

        work = [
            one(store, pop, number)
            for number in range(150)
            for store, pop in ((ams, "ams1"), (fra, "fra1"))
        ]
        await asyncio.gather(*work)
        totals = await ams.stats.totals()
        assert totals.active == 300
        assert ams.commit_counts.failures == fra.commit_counts.failures == 0
