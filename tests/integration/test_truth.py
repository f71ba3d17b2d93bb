"""Store and wire, after restarts, drift, reloads and a clock that was set."""

from dataclasses import replace

from msgspec import structs

from prefixd.domain.news import ClockJumped, DriftRepaired
from prefixd.domain.record import Outcome
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.engine.due_heap import Due
from prefixd.engine.settings import Mode
from tests.kit.builders import (
    NOW_US,
    a_discard_step,
    a_mitigation,
    a_playbook,
    a_police_step,
    a_prefix,
    a_rule,
    some_rules,
)
from tests.kit.engine import ALICE, WIDE_OPEN, a_snapshot, an_engine, wide_inventory


def one_step(**settings):
    rules = some_rules(
        a_playbook(steps=[a_police_step()]), limits=WIDE_OPEN, inventory=wide_inventory()
    )
    return a_snapshot(rules, **settings)


async def test_a_restart_announces_what_the_store_holds_and_expires_what_is_over():
    async with an_engine(one_step()) as house:
        short = await house.report(victim="10.0.0.1", external_id="1")
        house.clock.advance(60)
        lasting = await house.report(victim="10.0.0.2", external_id="2")
        house.clock.advance(90)  # down meanwhile: the first is over, the second not
        async with an_engine(one_step(), store=house.store, clock=house.clock) as again:
            assert list(again.announcer.rules) == [lasting.mitigation_id]
            rows = {row.mitigation_id: row.status for row in await again.rows()}
            assert rows[short.mitigation_id] == "expired"
            extended = await again.report(victim="10.0.0.2", external_id="2", bps=1)
            assert extended.outcome is Outcome.REFRESHED
            await again.pass_time(121)
            assert again.announcer.rules == {}


async def test_reconcile_heals_the_wire_in_both_directions_and_tells():
    async with an_engine(one_step()) as house:
        for n in range(3):
            await house.report(victim=f"10.0.0.{n + 1}", external_id=f"{n}")
        lost, changed, kept = list(house.announcer.intents)
        del house.announcer.intents[lost]
        intent = house.announcer.intents[changed]
        house.announcer.intents[changed] = structs.replace(intent, rule=a_rule("10.0.0.9"))
        stranger = structs.replace(intent, mitigation_id="stranger")
        house.announcer.intents["stranger"] = stranger
        answer = await house.engine.reconcile(ALICE)
        assert (answer.missing, answer.surplus, answer.changed) == (1, 1, 1)
        await house.assert_wire_is_store()
        assert kept in house.announcer.rules
        assert [n.missing for n in house.notifier.news if isinstance(n, DriftRepaired)] == [1]
        clean = await house.engine.reconcile()
        assert clean.clean


async def test_a_rule_whose_end_is_being_saved_is_no_drift():
    async with an_engine(one_step()) as house:
        await house.report()
        (row,) = await house.live_rows()
        house.clock.advance((row.expires_at_us - house.clock.now_us()) / 1e6 + 0.5)
        answer = await house.engine.reconcile()  # its time is over, and nobody has said so yet
        assert house.announcer.rules == {}
        assert answer.surplus == 0
        assert not [n for n in house.notifier.news if isinstance(n, DriftRepaired)]
        await house.settle()
        assert await house.live_rows() == []


async def test_the_periodic_look_costs_nothing_when_nothing_moved():
    async with an_engine(one_step()) as house:
        await house.report()
        reconciler = house.engine._reconciler
        assert await reconciler.look(ask_store=False) is not None
        replaced = house.announcer.replaced
        assert await reconciler.look(ask_store=True) is None
        assert house.announcer.replaced == replaced


async def test_rows_changed_behind_our_back_are_followed():
    async with an_engine(one_step()) as house:
        answer = await house.report()
        row = a_mitigation(a_rule("10.0.0.77"), mitigation_id="elsewhere", group_id=None)
        async with house.store.transaction() as tx:
            tx.mitigations.insert(row)
        await house.engine._reconciler.look(ask_store=True)
        assert set(house.announcer.rules) == {answer.mitigation_id, "elsewhere"}


async def test_rows_of_another_pop_are_none_of_our_business():
    async with an_engine(one_step()) as house:
        theirs = a_mitigation(a_rule("10.0.0.77"), mitigation_id="theirs", pop="fra1")
        async with house.store.transaction() as tx:
            tx.mitigations.insert(theirs)
        await house.engine.reconcile()
        await house.pass_time(200, step_s=10)
        assert house.announcer.rules == {}
        (row,) = await house.rows(pop="fra1")
        assert row.status == "active"


async def test_an_emptied_table_withdraws_nothing():
    async with an_engine(one_step()) as house:
        for n in range(12):
            await house.report(victim=f"10.0.0.{n + 1}", external_id=f"{n}")

        async def nothing(pop):
            return structs.replace(real, rows=())

        async def none(mitigation_id):
            return None

        real = await house.store.mitigations.live("ams1")
        house.store.mitigations.live = nothing
        house.store.mitigations.get = none
        answer = await house.engine.reconcile()
        assert answer.guarded
        assert len(house.announcer.rules) == 12


async def test_a_row_nobody_can_read_keeps_its_rule_and_hides_no_other():
    async with an_engine(one_step()) as house:
        broken = await house.report(victim="10.0.0.1", external_id="1")
        fine = await house.report(victim="10.0.0.2", external_id="2")
        async with house.store._database.exclusive() as session:
            await session.execute(
                "UPDATE mitigations SET match_json = 'nonsense' WHERE mitigation_id = ?",
                (broken.mitigation_id,),
            )
        answer = await house.engine.reconcile()
        assert answer.corrupt == 1
        assert set(house.announcer.rules) == {broken.mitigation_id, fine.mitigation_id}
        async with an_engine(one_step(), store=house.store, clock=house.clock) as again:
            assert set(again.announcer.rules) == {fine.mitigation_id}


async def test_dry_run_rows_never_go_live():
    async with an_engine(one_step(mode=Mode.DRY_RUN)) as house:
        made = await house.report()
        assert made.outcome is Outcome.MITIGATED
        assert made.reason.startswith("Rehearsed, not announced: ")
        assert house.announcer.rules == {}
        (row,) = await house.live_rows()
        assert row.dry_run
        assert house.engine.health().live == 0
        await house.engine.reload(one_step(mode=Mode.ENFORCED), ALICE, ("mode",))
        assert house.announcer.rules == {}
        (row,) = await house.rows()
        assert row.status == "withdrawn"
        real = await house.report(external_id="next")
        assert real.outcome is Outcome.MITIGATED
        assert list(house.announcer.rules) == [real.mitigation_id]
        assert house.engine.health().live == 1


async def test_dry_run_rows_end_when_the_daemon_comes_back_enforced():
    async with an_engine(one_step(mode=Mode.DRY_RUN)) as house:
        await house.report()
        async with an_engine(one_step(), store=house.store, clock=house.clock) as again:
            assert again.announcer.rules == {}
            assert await again.live_rows() == []


async def test_switching_to_dry_run_leaves_what_stands_until_its_end():
    async with an_engine(one_step()) as house:
        made = await house.report()
        await house.engine.reload(one_step(mode=Mode.DRY_RUN), ALICE)
        assert list(house.announcer.rules) == [made.mitigation_id]
        new = await house.report(victim="10.0.0.3", external_id="3")
        assert new.outcome is Outcome.MITIGATED
        assert list(house.announcer.rules) == [made.mitigation_id]
        await house.pass_time(121, step_s=5)
        assert house.announcer.rules == {}


async def test_a_reload_withdraws_what_the_files_now_protect():
    async with an_engine(one_step()) as house:
        await house.report(victim="10.0.0.1", external_id="1")
        entry = SafelistEntry(
            prefix=a_prefix("10.0.0.0/24"),
            source=EntrySource.CONFIG,
            added_at_us=NOW_US,
            added_by="config",
        )
        new = replace(one_step(), config_entries=(entry,))
        answer = await house.engine.reload(new, ALICE, ("safelist: +10.0.0.0/24",))
        assert answer.changed == ("safelist: +10.0.0.0/24",)
        assert house.announcer.rules == {}
        assert "reload" in await house.audit_actions()
        back = await house.engine.reload(one_step(), ALICE)
        assert back.changed == ()
        assert house.engine.queries.safelist() == ()


async def test_a_reload_makes_waiting_groups_act():
    from tests.kit.engine import agreeing

    strict = some_rules(limits=WIDE_OPEN, inventory=wide_inventory(), correlation=agreeing(2))
    async with an_engine(a_snapshot(strict)) as house:
        answer = await house.report()
        assert answer.outcome is Outcome.WAITING
        await house.engine.reload(one_step(), ALICE)
        await house.settle()
        assert len(house.announcer.rules) == 1
        await house.assert_wire_is_store()


async def test_a_clock_set_forward_ends_nothing_early():
    async with an_engine(one_step()) as house:
        await house.report()
        house.clock.jump(3600)
        house.engine._timers.follow_clock()
        await house.settle()
        assert len(house.announcer.rules) == 1
        (row,) = await house.live_rows()
        assert row.expires_at_us == NOW_US + 3720 * 1_000_000
        assert [n.seconds for n in house.notifier.news if isinstance(n, ClockJumped)] == [3600]
        await house.pass_time(119)
        assert len(house.announcer.rules) == 1
        await house.pass_time(2)
        assert house.announcer.rules == {}
        (row,) = await house.rows()
        assert row.status == "expired"


async def test_a_clock_set_back_keeps_nothing_longer():
    async with an_engine(one_step()) as house:
        await house.report()
        house.clock.jump(-3600)
        house.engine._timers.follow_clock()
        await house.pass_time(118)
        assert len(house.announcer.rules) == 1
        await house.pass_time(3)
        assert house.announcer.rules == {}


async def test_an_expiry_that_comes_too_early_comes_again_in_time():
    """When the clock was set back, a row is saved translated a moment before that is known."""
    async with an_engine(one_step()) as house:
        await house.report()
        core = house.engine._core
        (row,) = core.live.mitigations.values()
        core.live.untranslated[row.victim] = -3_600_000_000
        core.due.schedule((Due.MITIGATION, row.mitigation_id), core.live.expiry_us(row))
        assert house.engine._timers.fire_due() == 1
        del core.live.untranslated[row.victim]
        await house.settle()
        assert len(house.announcer.rules) == 1
        await house.pass_time(121)
        assert house.announcer.rules == {}
        (row,) = await house.rows()
        assert row.status == "expired"


async def test_a_jump_nobody_noticed_yet_fires_nothing():
    async with an_engine(one_step()) as house:
        await house.report()
        house.clock.jump(3600)
        await house.settle()
        assert len(house.announcer.rules) == 1
        house.clock.advance(60)
        await house.settle()
        assert len(house.announcer.rules) == 1


async def test_an_hour_of_reports_over_a_jump_keeps_one_mitigation():
    rules = some_rules(
        a_playbook(steps=[a_police_step(), a_discard_step()]),
        limits=WIDE_OPEN,
        inventory=wide_inventory(),
    )
    async with an_engine(a_snapshot(rules)) as house:
        first = await house.report()
        for n in range(20):
            if n == 7:
                house.clock.jump(-1800)
                house.engine._timers.follow_clock()
            if n == 13:
                house.clock.jump(7200)
                house.engine._timers.follow_clock()
            await house.pass_time(60, step_s=10)
            again = await house.report(bps=n)
            assert again.mitigation_id == first.mitigation_id
        assert len(await house.rows()) == 1
