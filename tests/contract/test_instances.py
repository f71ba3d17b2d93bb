"""Which POPs have an instance, and the rows of those that have none, on every database."""

from msgspec.structs import replace

from prefixd.domain.mitigation import Status
from prefixd.store.settings import StoreSettings
from tests.kit.rows import POP, T0_US, a_mitigation, a_store

MINUTE_US = 60_000_000


async def test_the_last_time_of_each_pop_is_known(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        for pop, at_us in (("ams1", 5), ("fra1", 7), ("ams1", 9), ("ams1", 3)):
            async with store.transaction() as tx:
                tx.instances.seen(pop, at_us)
        assert await store.instances.pops_since(7) == {"ams1", "fra1"}
        assert await store.instances.pops_since(8) == {"ams1"}
        assert await store.instances.pops_since(10) == set()


async def test_orphans_are_overdue_live_rows_of_pops_without_an_instance(
    settings: StoreSettings,
) -> None:
    now_us = T0_US + 300_000_000
    orphan = a_mitigation(pop="ghost0", expires_at_us=now_us)
    others = [
        a_mitigation(pop=POP, expires_at_us=now_us),
        a_mitigation(pop="fra1", expires_at_us=now_us),
        a_mitigation(pop="ghost0", expires_at_us=now_us + 1),
        a_mitigation(pop="ghost0", expires_at_us=now_us, status=Status.EXPIRED),
    ]
    gone = a_mitigation(pop="zrh1", expires_at_us=now_us)
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for row in (orphan, *others, gone):
                tx.mitigations.insert(row)
            tx.instances.seen("fra1", now_us - MINUTE_US)
            tx.instances.seen("zrh1", now_us - 10 * MINUTE_US)
        since_us = now_us - 5 * MINUTE_US
        found = await store.mitigations.orphaned(POP, now_us, since_us, 10)
        assert {row.mitigation_id for row in found} == {orphan.mitigation_id, gone.mitigation_id}
        assert len(await store.mitigations.orphaned(POP, now_us, since_us, 1)) == 1
        async with store.transaction() as tx:
            tx.mitigations.update(replace(orphan, status=Status.EXPIRED, version=2))
        assert await store.mitigations.orphaned(POP, now_us, since_us, 10) == [gone]
