"""The life of an attack, seen at the engine: one group, one rule, gone when it is over."""

from prefixd.domain.group import GroupState
from prefixd.domain.record import Outcome
from prefixd.domain.signal import SignalKind
from tests.kit.builders import a_playbook, a_police_step, a_signal, some_rules
from tests.kit.engine import ALICE, WIDE_OPEN, a_snapshot, agreeing, an_engine, wide_inventory


def two_sources(**correlation):
    rules = some_rules(
        limits=WIDE_OPEN, inventory=wide_inventory(), correlation=agreeing(2, **correlation)
    )
    return a_snapshot(rules)


async def test_a_report_becomes_a_row_and_a_rule():
    async with an_engine() as house:
        answer = await house.report()
        assert answer.outcome is Outcome.MITIGATED
        (row,) = await house.live_rows()
        assert row.mitigation_id == answer.mitigation_id
        await house.assert_wire_is_store()
        assert await house.audit_actions() == ["create"]


async def test_an_agreed_attack_is_kept_alive_by_one_source_for_an_hour():
    async with an_engine(two_sources()) as house:
        first = await house.report(source="a", external_id="a-1")
        assert first.outcome is Outcome.WAITING
        await house.pass_time(10)
        second = await house.report(source="b", external_id="b-1")
        assert second.outcome is Outcome.MITIGATED
        for _ in range(60):
            await house.pass_time(60, step_s=10)
            again = await house.report(source="a", external_id="a-1", bps=1)
            assert again.outcome in (Outcome.REFRESHED, Outcome.ESCALATED)
            assert again.group_id == first.group_id
        (row,) = await house.live_rows()
        assert row.mitigation_id == second.mitigation_id
        assert len(await house.rows()) == 1
        await house.assert_wire_is_store()


async def test_the_same_alert_next_day_is_a_new_episode_with_a_new_mitigation():
    async with an_engine() as house:
        first = await house.report(external_id="fp-1", source="alertmanager", adapter="am")
        await house.pass_time(5)
        cleared = await house.report(
            external_id="fp-1", source="alertmanager", adapter="am", kind=SignalKind.CLEARED
        )
        assert cleared.outcome is Outcome.CLEARING
        await house.pass_time(120, step_s=10)
        assert await house.live_rows() == []
        assert house.announcer.rules == {}
        await house.pass_time(86_400, step_s=3600)
        second = await house.report(external_id="fp-1", source="alertmanager", adapter="am")
        assert second.outcome is Outcome.MITIGATED
        assert second.episode == 2
        assert second.mitigation_id != first.mitigation_id


async def test_nothing_is_withdrawn_until_every_source_cleared_and_the_hold_ran():
    async with an_engine(two_sources()) as house:
        await house.report(source="a", external_id="a-1")
        await house.report(source="b", external_id="b-1")
        clear_a = await house.report(source="a", external_id="a-1", kind=SignalKind.CLEARED)
        assert clear_a.outcome is Outcome.CLEARED
        await house.pass_time(61, step_s=1)
        assert len(house.announcer.rules) == 1
        clear_b = await house.report(source="b", external_id="b-1", kind=SignalKind.CLEARED)
        assert clear_b.outcome is Outcome.CLEARING
        await house.pass_time(30)
        back = await house.report(source="b", external_id="b-1")
        assert back.mitigation_id is not None
        await house.pass_time(40)
        assert len(house.announcer.rules) == 1
        await house.report(source="b", external_id="b-1", kind=SignalKind.CLEARED)
        await house.pass_time(59)
        assert len(house.announcer.rules) == 1
        await house.pass_time(2)
        assert house.announcer.rules == {}
        (row,) = await house.rows()
        assert row.status == "withdrawn"


async def test_a_signal_just_after_the_window_opens_a_new_group():
    async with an_engine(two_sources()) as house:
        first = await house.report(source="a", external_id="a-1")
        house.clock.advance(301)  # and no timer came by
        second = await house.report(source="a", external_id="a-2")
        assert second.group_id != first.group_id
        assert second.outcome is Outcome.WAITING
        closed = await house.store.groups.get(first.group_id)
        assert closed is not None
        assert closed.state is GroupState.CLOSED


async def test_two_spellings_are_one_victim():
    async with an_engine() as house:
        first = await house.report(victim="2001:DB8:0:0::1", external_id="x-1")
        second = await house.report(victim="2001:db8::1", external_id="x-2")
        assert first.group_id == second.group_id
        mapped = await house.report(victim="::ffff:192.0.2.7", external_id="x-3")
        plain = await house.report(victim="192.0.2.7", external_id="x-4")
        assert mapped.group_id == plain.group_id


async def test_an_old_decision_keeps_its_words_when_the_threshold_changes():
    async with an_engine(two_sources()) as house:
        answer = await house.report(source="a", external_id="a-1")
        (before,) = await house.store.decisions.of_group(answer.group_id)
        stricter = some_rules(limits=WIDE_OPEN, inventory=wide_inventory(), correlation=agreeing(5))
        await house.engine.reload(a_snapshot(stricter), actor=ALICE, changes=("min_sources 2 → 5",))
        await house.settle()
        decisions = await house.store.decisions.of_group(answer.group_id)
        assert before in decisions
        assert "2" in before.text


async def test_expiry_is_on_the_wire_at_its_time():
    rules = some_rules(a_playbook(steps=[a_police_step(ttl_s=120)]), limits=WIDE_OPEN)
    async with an_engine(a_snapshot(rules)) as house:
        await house.report()
        await house.pass_time(119)
        assert len(house.announcer.rules) == 1
        await house.pass_time(1.5, step_s=0.5)
        assert house.announcer.rules == {}
        (row,) = await house.rows()
        assert row.status == "expired"
        assert await house.audit_actions() == ["create", "expire"]


async def test_a_batch_answers_each_signal_in_order():
    async with an_engine() as house:
        answers = await house.tell(
            a_signal(victim="10.0.0.1", external_id="1"),
            a_signal(victim="203.0.113.9", external_id="2"),
            a_signal(victim="10.0.0.2", external_id="3"),
        )
        assert [answer.external_id for answer in answers] == ["1", "2", "3"]
        assert [answer.outcome for answer in answers] == [
            Outcome.MITIGATED,
            Outcome.IGNORED,
            Outcome.MITIGATED,
        ]


async def test_an_attack_that_goes_on_is_escalated_in_place_by_time_alone():
    async with an_engine() as house:
        answer = await house.report()
        await house.pass_time(30)
        await house.report(bps=2)
        await house.pass_time(65)
        (row,) = await house.live_rows()
        assert row.mitigation_id == answer.mitigation_id
        assert row.status == "escalated"
        assert house.announcer.rules == {row.mitigation_id: row.rule}
        assert await house.audit_actions() == ["create", "escalate"]


async def test_one_report_and_then_silence_ends_with_the_first_step():
    async with an_engine() as house:
        await house.report()
        await house.pass_time(119)
        (row,) = await house.live_rows()
        assert row.status == "active"
        await house.pass_time(2)
        assert await house.live_rows() == []
        assert await house.audit_actions() == ["create", "expire"]
