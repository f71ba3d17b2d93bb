"""The store is away, slow, full of surprises: rules stay, nothing is half-done, it recovers."""

import asyncio

import pytest

from prefixd.domain.news import StoreLost, StoreRestored
from prefixd.domain.page import MitigationFilter, PageRequest
from prefixd.domain.record import Change, ChangeKind, Outcome
from prefixd.engine.answers import Busy
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.settings import StoreSettings
from prefixd.store.store import open_store
from tests.kit.builders import POP, a_playbook, a_police_step, a_signal, some_rules
from tests.kit.clock import FakeClock
from tests.kit.engine import ALICE, WIDE_OPEN, a_snapshot, an_engine, wide_inventory
from tests.kit.flaky_store import FlakyStore


def one_step(**settings):
    rules = some_rules(
        a_playbook(steps=[a_police_step()]), limits=WIDE_OPEN, inventory=wide_inventory()
    )
    return a_snapshot(rules, **settings)


async def a_flaky_store(clock: FakeClock) -> FlakyStore:
    settings = StoreSettings(connection_string="sqlite::memory:")
    return FlakyStore(await open_store(settings, clock, pop=POP, instance="one"))


async def test_gone_while_running_rules_stay_and_ingest_says_so():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        first = await house.report(victim="10.0.0.1", external_id="1")
        store.away = True
        with pytest.raises(StoreUnavailable):
            await house.report(victim="10.0.0.2", external_id="2")
        assert list(house.announcer.rules) == [first.mitigation_id]
        assert not house.engine.health().store_ok
        assert [type(n) for n in house.notifier.news if isinstance(n, StoreLost)] == [StoreLost]

        store.away = False
        again = await house.report(victim="10.0.0.2", external_id="2")
        assert again.outcome is Outcome.MITIGATED
        assert house.engine.health().store_ok
        assert any(isinstance(n, StoreRestored) for n in house.notifier.news)
        await house.assert_wire_is_store()
    await store.close()


async def test_an_outage_is_noticed_when_nothing_is_written():
    """Reads alone were answered 503 for minutes while readiness stayed 200."""
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        await house.engine.look_at_store()
        store.away = True
        await house.engine.look_at_store(ask=False)
        assert house.engine.health().store_ok
        await house.engine.look_at_store()
        assert not house.engine.health().store_ok
        store.away = False
        await house.engine.look_at_store(ask=False)  # asked all the same: it is unreachable
        assert house.engine.health().store_ok
    await store.close()


async def test_a_ttl_is_kept_on_the_wire_even_when_it_cannot_be_written():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        await house.report()
        store.away = True
        await house.pass_time(125)
        assert house.announcer.rules == {}
        (row,) = await house_rows(store)
        assert row.status == "active"
        answer = house.engine._reconciler.desired()
        assert answer == []

        store.away = False
        house.engine._core.regain_store()
        await house.pass_time(2)
        (row,) = await house_rows(store)
        assert row.status == "expired"
    await store.close()


async def house_rows(store: FlakyStore):
    return (await store._store.mitigations.page(MitigationFilter(), PageRequest())).items


async def test_a_commit_whose_answer_was_lost_is_found_by_the_next_report():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        store.lose_answers = True
        with pytest.raises(StoreUnavailable):
            await house.report()
        assert house.announcer.rules == {}
        store.lose_answers = False
        again = await house.report()
        assert again.outcome in (Outcome.REFRESHED, Outcome.EXTENDED, Outcome.MITIGATED)
        assert len(await house.live_rows()) == 1
        await house.assert_wire_is_store()
    await store.close()


async def test_a_commit_whose_answer_was_lost_is_found_by_reconcile_too():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        store.lose_answers = True
        with pytest.raises(StoreUnavailable):
            await house.report()
        store.lose_answers = False
        answer = await house.engine._reconciler.look(ask_store=False)
        assert answer is not None
        await house.assert_wire_is_store()
        assert len(house.announcer.rules) == 1
    await store.close()


async def test_a_signal_behind_a_slow_commit_is_stored_and_answered_queued():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(answer_wait_s=0.01), store=store, clock=clock) as house:
        store.hold()
        first = asyncio.ensure_future(house.report(external_id="1"))
        while not store.waiting:
            await asyncio.sleep(0)
        second = asyncio.ensure_future(house.report(external_id="2"))
        while store.waiting < 2:  # the second is being stored as it waits too long
            await asyncio.sleep(0.001)
        store.let_go()
        assert (await second).outcome in (Outcome.QUEUED, Outcome.EXTENDED)
        assert (await first).outcome is Outcome.MITIGATED
        await house.settle()
        assert await house.store.signals.unfinished(POP) == []
        assert len(await house.live_rows()) == 1
    await store.close()


async def test_what_was_queued_is_decided_once_after_a_restart():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(answer_wait_s=0.01), store=store, clock=clock) as house:
        store.hold()
        first = asyncio.ensure_future(house.report(victim="10.0.0.1", external_id="1"))
        while not store.waiting:
            await asyncio.sleep(0)
        held, store._held = store._held, None
        second = await house.report(victim="10.0.0.1", external_id="2")
        assert second.outcome is Outcome.QUEUED
        (waiting,) = await house.store.signals.unfinished(POP)
        assert waiting.signal_id == second.signal_id

        # The process dies here: the first was never committed, its sender got no answer.
        async with an_engine(one_step(), store=store, clock=clock) as again:
            assert await again.store.signals.unfinished(POP) == []
            (row,) = await again.live_rows()
            assert row.triggering_event_id == second.signal_id
            await again.assert_wire_is_store()
        store.away = True
        held.set()
        with pytest.raises(StoreUnavailable):
            await first
        store.away = False
    await store.close()


async def test_a_full_line_refuses_and_keeps_nothing():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(victim_queue_limit=3), store=store, clock=clock) as house:
        store.hold()
        reports = [asyncio.ensure_future(house.report(external_id=f"{n}")) for n in range(6)]
        while not store.waiting:
            await asyncio.sleep(0)
        store.let_go()
        answers = await asyncio.gather(*reports, return_exceptions=True)
        assert sum(isinstance(answer, Busy) for answer in answers) >= 1
        taken = [answer for answer in answers if not isinstance(answer, Busy)]
        assert len({answer.mitigation_id for answer in taken}) == 1
    await store.close()


async def test_a_row_that_keeps_moving_is_given_up_without_harm():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        store.conflicts = [Conflict("version", "x")] * 10
        with pytest.raises(Busy):
            await house.report()
        store.conflicts = []
        assert (await house.report()).outcome is Outcome.MITIGATED
        assert house.engine._core.live.quotas.reserved == 0
    await store.close()


async def test_a_conflict_is_read_again_and_decided_again():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        store.conflicts = [Conflict("scope", "x")]
        assert (await house.report()).outcome is Outcome.MITIGATED
        assert len(await house.live_rows()) == 1
    await store.close()


async def test_gone_at_start_says_so():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    store.away = True
    with pytest.raises(StoreUnavailable):
        async with an_engine(one_step(), store=store, clock=clock):
            pass
    store.away = False
    async with an_engine(one_step(), store=store, clock=clock) as house:
        assert house.engine.health().ready
    await store.close()


async def test_an_unreadable_safelist_refuses_what_is_new_and_keeps_what_stands():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        first = await house.report(victim="10.0.0.1", external_id="1")
        real = store._store.safelist.all

        async def broken():
            raise StoreUnavailable("a row of safelist cannot be read", 60)

        store._store.safelist.all = broken
        await house.engine._others.follow(_a_safelist_change())
        assert not house.engine.queries.safelist_readable
        second = await house.report(victim="10.0.0.2", external_id="2")
        assert second.outcome is Outcome.HELD
        assert list(house.announcer.rules) == [first.mitigation_id]
        store._store.safelist.all = real
        await house.engine._others.follow(_a_safelist_change())
        assert (await house.report(victim="10.0.0.2", external_id="3")).mitigation_id is not None
    await store.close()


def _a_safelist_change():
    return Change(ChangeKind.SAFELIST, "", "x", "another")


async def test_a_batch_with_the_store_away_is_refused_whole():
    clock = FakeClock()
    store = await a_flaky_store(clock)
    async with an_engine(one_step(), store=store, clock=clock) as house:
        store.away = True
        with pytest.raises(StoreUnavailable):
            await house.tell(
                a_signal(victim="10.0.0.1", external_id="1"),
                a_signal(victim="10.0.0.2", external_id="2"),
            )
        with pytest.raises(StoreUnavailable):
            await house.engine.manual.panic("now", ALICE)
    await store.close()
