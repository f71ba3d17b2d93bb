"""Rows of mitigations: what goes in comes out, one live row per scope, nothing is revived."""

import asyncio

import pytest
from msgspec.structs import replace

from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import (
    Mitigation,
    Origin,
    Status,
    acknowledge,
    expire,
    extend,
    revise,
    withdraw,
)
from prefixd.domain.page import Cursor, MitigationFilter, PageRequest
from prefixd.domain.prefix import Address
from prefixd.domain.record import QuotaLimits
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Fragment,
    Mark,
    Match,
    Police,
    PortRange,
    Redirect,
    Rule,
    TcpFlags,
)
from prefixd.domain.vector import Vector
from prefixd.errors import Conflict
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store
from tests.kit.rows import T0_US, a_mitigation, a_prefix, a_rule, a_store, a_victim

HOP = Address.parse("2001:db8::1")


async def save(store: Store, *mitigations: Mitigation) -> None:
    async with store.transaction() as tx:
        for mitigation in mitigations:
            tx.mitigations.insert(mitigation)


async def update(store: Store, mitigation: object) -> None:
    assert isinstance(mitigation, Mitigation)
    async with store.transaction() as tx:
        tx.mitigations.update(mitigation)


@pytest.mark.parametrize(
    "action",
    [
        Discard(),
        Police(10_000_000),
        Redirect(route_target="64500:666"),
        Redirect(next_hop=HOP),
        Mark(46),
        Blackhole(),
        Blackhole(communities=("64500:1",), next_hop=HOP),
    ],
    ids=str,
)
async def test_every_action_comes_back(settings: StoreSettings, action: Action) -> None:
    match = Match(
        dst=a_prefix("2001:db8:0:1::7"),
        src=a_prefix("198.51.100.0/24"),
        protocol=6,
        dst_ports=(PortRange(22, 22), PortRange(1000, 2000)),
        src_ports=(PortRange(53, 53),),
        tcp_flags=TcpFlags(2, 18),
        fragments=(Fragment.IS_FRAGMENT,),
        packet_lengths=(PortRange(0, 60),),
    )
    stored = a_mitigation(rule=Rule(match, action), victim=a_prefix("2001:db8:0:1::7"))
    async with await a_store(settings) as store:
        await save(store, stored)
        assert await store.mitigations.get(stored.mitigation_id) == stored


async def test_every_field_comes_back(settings: StoreSettings) -> None:
    stored = a_mitigation(
        status=Status.ESCALATED,
        customer_id=None,
        service_id=None,
        contributing_vectors=(Vector.UDP_FLOOD, Vector.DNS_AMPLIFICATION),
        origin=Origin.MANUAL,
        group_id=GroupId("group-1"),
        playbook="udp",
        playbook_version=7,
        step=1,
        priority=3,
        confidence=0.875,
        sources=("akvorado", "fastnetmon"),
        pinned=True,
        dry_run=True,
        escalated_at_us=T0_US + 1,
        escalated_from_id=MitigationId("older"),
        acknowledged_at_us=T0_US + 2,
        acknowledged_by="alice",
        reason="Ünïcode ⚡ 'quoted' \"twice\"",
    )
    async with await a_store(settings) as store:
        await save(store, stored)
        assert await store.mitigations.get(stored.mitigation_id) == stored
        assert await store.mitigations.get("no such id") is None


async def test_a_scope_has_one_live_row_per_pop(settings: StoreSettings) -> None:
    victim = a_victim()
    async with await a_store(settings) as store:
        first = a_mitigation(victim=victim)
        await save(store, first)
        with pytest.raises(Conflict) as refused:
            await save(store, a_mitigation(victim=victim))
        assert (refused.value.what, refused.value.key) == ("scope", first.scope_hash)
        await save(store, a_mitigation(victim=victim, pop="fra1"))
        await save(store, a_mitigation(victim=victim, dry_run=True))
        await update(store, withdraw(first, "done", "alice", T0_US + 1))
        await save(store, a_mitigation(victim=victim))


async def test_of_two_updates_of_one_version_one_wins(settings: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(settings) as store:
        await save(store, row)
        extended = extend(row, T0_US + 900_000_000, T0_US + 1)
        withdrawn = withdraw(row, "false alarm", "alice", T0_US + 1)
        results = await asyncio.gather(
            update(store, extended), update(store, withdrawn), return_exceptions=True
        )
        lost = [result for result in results if result is not None]
        assert [getattr(result, "what", result) for result in lost] == ["version"]
        now = await store.mitigations.get(row.mitigation_id)
        assert now in (extended, withdrawn)


async def test_an_ended_row_is_never_revived(settings: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(settings) as store:
        await save(store, row)
        ended = expire(row, row.expires_at_us)
        assert isinstance(ended, Mitigation)
        await update(store, ended)
        # Even somebody who knows the newest version cannot write a live status back.
        for status in (Status.ACTIVE, Status.WITHDRAWN):
            with pytest.raises(Conflict, match="version"):
                await update(store, replace(ended, status=status, version=ended.version + 1))
        assert await store.mitigations.get(row.mitigation_id) == ended


async def test_an_ended_row_can_be_acknowledged_once(settings: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(settings) as store:
        await save(store, row)
        ended = expire(row, row.expires_at_us)
        assert isinstance(ended, Mitigation)
        await update(store, ended)
        seen = acknowledge(ended, "alice", row.expires_at_us)
        assert isinstance(seen, Mitigation)
        async with store.transaction() as tx:
            tx.mitigations.acknowledge(seen)
        assert await store.mitigations.get(row.mitigation_id) == seen
        with pytest.raises(Conflict, match="version"):
            async with store.transaction() as tx:
                tx.mitigations.acknowledge(replace(seen, version=seen.version + 1))
        assert (await store.stats.totals()).active == 0  # its places were given back once


async def test_a_change_of_scope_meets_the_same_index(settings: StoreSettings) -> None:
    victim = a_victim()
    one = a_mitigation(victim=victim)
    other = a_mitigation(victim=victim, rule=a_rule(victim, port=123))
    async with await a_store(settings) as store:
        await save(store, one, other)
        moved = revise(other, one.rule, T0_US + 1, T0_US + 1)
        with pytest.raises(Conflict) as refused:
            await update(store, moved)
        assert refused.value.what == "scope"
        assert await store.mitigations.get(other.mitigation_id) == other


async def test_a_unit_may_name_the_version_it_saw(settings: StoreSettings) -> None:
    row = a_mitigation()
    async with await a_store(settings) as store:
        await save(store, row)
        once = extend(row, T0_US + 400_000_000, T0_US + 1)
        assert isinstance(once, Mitigation)
        twice = withdraw(once, "over", "system", T0_US + 1)
        assert isinstance(twice, Mitigation)
        async with store.transaction() as tx:
            tx.mitigations.update(twice, seen_version=row.version)
        assert await store.mitigations.get(row.mitigation_id) == twice


async def test_live_is_by_pop_and_whole(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        mine = [a_mitigation() for _ in range(1203)]  # more than two steps of reading
        async with store.transaction() as tx:
            for row in mine:
                tx.mitigations.insert(row)
        foreign = a_mitigation(pop="fra1")
        ended = a_mitigation(status=Status.REJECTED, rejection_reason="quota")
        await save(store, foreign, ended)
        assert set((await store.mitigations.live("ams1")).rows) == set(mine)
        assert set((await store.mitigations.live(None)).rows) == {*mine, foreign}
        versions = await store.mitigations.live_versions("ams1")
        assert sorted(versions) == sorted((row.mitigation_id, row.version) for row in mine)


async def test_live_rows_of_other_pops_are_counted_by_customer(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        ended = a_mitigation(pop="fra1", status=Status.REJECTED, rejection_reason="quota")
        theirs = [a_mitigation(pop=pop, customer_id="c9") for pop in ("fra1", "fra1", "lon1")]
        nobodys = a_mitigation(pop="fra1", customer_id=None)
        await save(store, a_mitigation(customer_id="c9"), ended, *theirs, nobodys)
        assert await store.mitigations.live_elsewhere("ams1") == {"c9": 3, None: 1}


async def test_pages_keep_rows_of_one_microsecond_apart(settings: StoreSettings) -> None:
    rows = [a_mitigation(created_at_us=T0_US + number // 5) for number in range(23)]
    async with await a_store(settings) as store:
        await save(store, *rows)
        seen: list[Mitigation] = []
        cursor: Cursor | None = None
        while True:
            page = await store.mitigations.page(
                MitigationFilter(), PageRequest(limit=4, cursor=cursor)
            )
            seen += page.items
            if (cursor := page.next) is None:
                break
        expected = sorted(rows, key=lambda r: (r.created_at_us, r.mitigation_id), reverse=True)
        assert seen == expected
        window = PageRequest(start_us=T0_US + 1, end_us=T0_US + 3)
        page = await store.mitigations.page(MitigationFilter(), window)
        assert {row.created_at_us for row in page.items} == {T0_US + 1, T0_US + 2}
        assert page.next is None


async def test_filters(settings: StoreSettings) -> None:
    victim = a_victim()
    async with await a_store(settings) as store:
        plain = a_mitigation()
        special = a_mitigation(
            victim=victim,
            pop="fra1",
            customer_id="cust_b",
            group_id=GroupId("group-1"),
            vector=Vector.SYN_FLOOD,
            contributing_vectors=(Vector.SYN_FLOOD,),
            acknowledged_at_us=T0_US,
            status=Status.ESCALATED,
        )
        await save(store, plain, special)
        for wanted in (
            MitigationFilter(victim=victim),
            MitigationFilter(pop="fra1"),
            MitigationFilter(customer_id="cust_b"),
            MitigationFilter(group_id="group-1"),
            MitigationFilter(vector=Vector.SYN_FLOOD),
            MitigationFilter(acknowledged=True),
            MitigationFilter(statuses=frozenset({"escalated", "expired"})),
        ):
            assert (await store.mitigations.page(wanted, PageRequest())).items == (special,)
        nothing = MitigationFilter(statuses=frozenset())
        assert (await store.mitigations.page(nothing, PageRequest())).items == ()


async def test_quotas_hold_exactly_under_a_crowd(settings: StoreSettings) -> None:
    limits = QuotaLimits(customer=7, pop=20, everywhere=1000)

    async def ask(store: Store, customer: str) -> str:
        try:
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(customer_id=customer), limits)
        except Conflict as conflict:
            return f"{conflict.what} {conflict.key}"
        return "stored"

    async with await a_store(settings) as store:
        answers = await asyncio.gather(*(ask(store, f"c{i % 4}") for i in range(200)))
        assert answers.count("stored") == 20
        assert {answer for answer in answers if answer != "stored"} <= {
            "quota live:pop:ams1",
            *(f"quota live:customer:c{i}" for i in range(4)),
        }
        live = (await store.mitigations.live("ams1")).rows
        assert len(live) == 20
        counts = await store.stats.customer_counts()
        assert max(counts.values()) <= 7
        assert sum(counts.values()) == 20


async def test_each_unit_is_held_to_its_own_limit(settings: StoreSettings) -> None:
    """A reload changes a limit while units decided under the old one are on their way."""

    async def ask(store: Store, limit: int) -> bool:
        try:
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(), QuotaLimits(everywhere=limit))
        except Conflict:
            return False
        return True

    async with await a_store(settings) as store:
        stored = await asyncio.gather(*(ask(store, 1000 if i % 2 else 5) for i in range(40)))
        assert all(stored[1::2])
        assert sum(stored[::2]) <= 5


async def test_quotas_hold_across_two_instances(shared: StoreSettings) -> None:
    limits = QuotaLimits(everywhere=25)

    async def ask(store: Store, pop: str) -> bool:
        try:
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(pop=pop), limits)
        except Conflict:
            return False
        return True

    async with (
        await a_store(shared, pop="ams1", instance="a") as ams,
        await a_store(shared, pop="fra1", instance="b") as fra,
    ):
        asked = [
            ask(store, pop) for _ in range(40) for store, pop in ((ams, "ams1"), (fra, "fra1"))
        ]
        assert sum(await asyncio.gather(*asked)) == 25
        assert len((await ams.mitigations.live(None)).rows) == 25


async def test_a_place_is_given_back_and_taken_again(settings: StoreSettings) -> None:
    limits = QuotaLimits(customer=1)
    first, second = a_mitigation(), a_mitigation()
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.mitigations.insert(first, limits)
        with pytest.raises(Conflict, match="quota"):
            async with store.transaction() as tx:
                tx.mitigations.insert(second, limits)
        longer = extend(first, T0_US + 900_000_000, T0_US + 1)
        assert isinstance(longer, Mitigation)
        await update(store, longer)
        with pytest.raises(Conflict, match="quota"):  # still living, still counted
            async with store.transaction() as tx:
                tx.mitigations.insert(second, limits)
        await update(store, withdraw(longer, "over", "alice", T0_US + 2))
        async with store.transaction() as tx:
            tx.mitigations.insert(second, limits)
        assert await store.stats.customer_counts() == {"cust_example": 1}


async def test_a_limit_of_none_left_refuses_the_first(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        with pytest.raises(Conflict, match="quota"):
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(), QuotaLimits(pop=0))
        assert (await store.mitigations.live(None)).rows == ()


async def test_rehearsed_rows_use_no_real_places(settings: StoreSettings) -> None:
    limits = QuotaLimits(everywhere=1)
    async with await a_store(settings) as store:
        for dry_run in (True, False):
            async with store.transaction() as tx:
                tx.mitigations.insert(a_mitigation(dry_run=dry_run), limits)
        assert (await store.stats.totals()).active == 1
