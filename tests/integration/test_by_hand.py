"""What operators do, through the same path as detectors."""

import asyncio

from prefixd.decision.manual import ManualRequest
from prefixd.domain.news import MitigationActivated
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import Outcome
from prefixd.domain.rule import Discard, Match, Police, PortRange
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.engine.answers import (
    Created,
    Extended,
    NotFound,
    NotLive,
    Refused,
    Withdrawn,
)
from tests.kit.builders import NOW_US, a_playbook, a_police_step, a_prefix, some_rules
from tests.kit.engine import ALICE, WIDE_OPEN, a_snapshot, an_engine, wide_inventory


def one_step(**settings):
    rules = some_rules(
        a_playbook(steps=[a_police_step()]), limits=WIDE_OPEN, inventory=wide_inventory()
    )
    return a_snapshot(rules, **settings)


def a_request(victim: str = "10.0.0.7", **changes) -> ManualRequest:
    asked = {
        "victim": a_prefix(victim),
        "match": Match(dst=a_prefix(victim), protocol=17, dst_ports=(PortRange(123, 123),)),
        "action": Police(5_000_000),
        "ttl_s": 300,
        "reason": "noc ticket 7781",
    }
    return ManualRequest(**{**asked, **changes})


def an_entry(prefix: str) -> SafelistEntry:
    return SafelistEntry(
        prefix=a_prefix(prefix), source=EntrySource.API, added_at_us=NOW_US, added_by="alice"
    )


async def test_create_by_hand_is_a_row_a_rule_an_audit_entry_and_news():
    async with an_engine(one_step()) as house:
        answer = await house.engine.manual.create(a_request(), ALICE)
        assert isinstance(answer, Created)
        await house.assert_wire_is_store()
        assert list(house.announcer.rules) == [answer.mitigation.mitigation_id]
        assert await house.audit_actions() == ["create"]
        assert any(isinstance(one, MitigationActivated) for one in house.notifier.news)


async def test_the_same_traffic_twice_is_one_row_with_the_new_action():
    async with an_engine(one_step()) as house:
        first = await house.engine.manual.create(a_request(), ALICE)
        second = await house.engine.manual.create(a_request(action=Discard()), ALICE)
        assert isinstance(first, Created)
        assert isinstance(second, Extended)
        (row,) = await house.live_rows()
        assert row.rule.action == Discard()
        await house.assert_wire_is_store()


async def test_guardrails_hold_for_hands_too():
    async with an_engine(one_step(), start=True) as house:
        await house.engine.safelist_add(an_entry("10.0.0.0/24"), ALICE)
        answer = await house.engine.manual.create(a_request(), ALICE)
        assert isinstance(answer, Refused)
        assert [reason.code for reason in answer.reasons] == ["safelisted"]
        assert house.announcer.rules == {}


async def test_a_preview_says_the_same_and_changes_nothing():
    async with an_engine(one_step()) as house:
        answer = await house.engine.manual.preview(a_request(), ALICE)
        assert (answer.plan, answer.reasons) == ("create", ())
        assert len(answer.export.neighbors) == 1
        assert await house.rows() == []
        assert house.engine._core.live.quotas.counts(None, 0).pop == 0


async def test_withdraw_once():
    async with an_engine(one_step()) as house:
        made = await house.report()
        first = await house.engine.manual.withdraw(made.mitigation_id, "false alarm", ALICE)
        assert isinstance(first, Withdrawn)
        assert first.mitigation.end_reason == "false alarm"
        assert house.announcer.rules == {}
        assert isinstance(
            await house.engine.manual.withdraw(made.mitigation_id, "again", ALICE), NotLive
        )
        assert isinstance(await house.engine.manual.withdraw("no-such-id", "x", ALICE), NotFound)


async def test_a_withdrawn_rule_does_not_come_back_by_the_next_report():
    async with an_engine(one_step()) as house:
        made = await house.report()
        await house.engine.manual.withdraw(made.mitigation_id, "false alarm", ALICE)
        again = await house.report(bps=1)
        assert again.outcome is Outcome.HELD
        assert again.codes == ("quiet_period",)
        await house.pass_time(100, step_s=5)
        assert house.announcer.rules == {}
        await house.pass_time(25, step_s=5)
        (row,) = await house.live_rows()  # still reported as firing, and the quiet period is over
        assert row.mitigation_id != made.mitigation_id


async def test_a_quiet_period_survives_a_restart():
    async with an_engine(one_step()) as house:
        made = await house.report()
        await house.engine.manual.withdraw(made.mitigation_id, "false alarm", ALICE)
        async with an_engine(one_step(), store=house.store, clock=house.clock) as again:
            answer = await again.report(external_id="other")
            assert answer.codes == ("quiet_period",)


async def test_withdrawing_and_extending_at_once_never_revives():
    async with an_engine(one_step()) as house:
        made = await house.report()
        await asyncio.gather(
            house.engine.manual.withdraw(made.mitigation_id, "x", ALICE),
            house.engine.manual.extend(made.mitigation_id, 300, ALICE),
            house.report(bps=5),
        )
        rows = await house.rows()
        assert [row.status for row in rows if row.mitigation_id == made.mitigation_id] == [
            "withdrawn"
        ]
        await house.assert_wire_is_store()


async def test_bulk_withdraw_tells_each():
    async with an_engine(one_step()) as house:
        one = await house.report(victim="10.0.0.1", external_id="1")
        two = await house.report(victim="10.0.0.2", external_id="2")
        ids = [one.mitigation_id, "no-such", two.mitigation_id, one.mitigation_id]
        answers = await house.engine.manual.bulk_withdraw(ids, "storm over", ALICE)
        assert [answer.problem for answer in answers] == [None, "not found", None, "not active"]
        assert house.announcer.rules == {}


async def test_extend_is_bounded_by_the_guardrails():
    async with an_engine(one_step()) as house:
        made = await house.report()
        longer = await house.engine.manual.extend(made.mitigation_id, 600, ALICE)
        assert isinstance(longer, Extended)
        assert longer.mitigation.expires_at_us == house.clock.now_us() + 600_000_000
        too_long = await house.engine.manual.extend(made.mitigation_id, 999_999, ALICE)
        assert isinstance(too_long, Refused)
        await house.pass_time(300, step_s=10)
        assert len(house.announcer.rules) == 1
        assert "extend" in await house.audit_actions()


async def test_acknowledge_live_and_ended_rows_once():
    async with an_engine(one_step()) as house:
        live = await house.report(victim="10.0.0.1", external_id="1")
        ended = await house.report(victim="10.0.0.2", external_id="2")
        await house.engine.manual.withdraw(ended.mitigation_id, "x", ALICE)
        ids = [live.mitigation_id, ended.mitigation_id, "no-such", live.mitigation_id]
        answers = await house.engine.manual.acknowledge(ids, ALICE)
        assert [answer.problem for answer in answers] == [
            None,
            None,
            "not found",
            "already acknowledged",
        ]
        again = await house.report(victim="10.0.0.1", external_id="1", bps=7)
        assert again.mitigation_id == live.mitigation_id
        rows = {row.mitigation_id: row for row in await house.rows()}
        assert rows[live.mitigation_id].acknowledged_by == "alice"
        assert rows[ended.mitigation_id].status == "withdrawn"


async def test_panic_withdraws_everything_of_the_pop():
    async with an_engine(one_step()) as house:
        for n in range(5):
            await house.report(victim=f"10.0.0.{n + 1}", external_id=f"{n}")
        answers = await house.engine.manual.panic("wrong detector", ALICE)
        assert [answer.problem for answer in answers] == [None] * 5
        assert house.announcer.rules == {}
        assert await house.live_rows() == []
        assert (await house.audit_actions()).count("panic") == 1


async def test_a_safelist_entry_takes_back_what_it_covers():
    async with an_engine(one_step()) as house:
        covered = await house.report(victim="10.0.0.1", external_id="1")
        other = await house.report(victim="10.9.0.1", external_id="2")
        withdrawn = await house.engine.safelist_add(an_entry("10.0.0.0/24"), ALICE)
        assert withdrawn == [covered.mitigation_id]
        assert list(house.announcer.rules) == [other.mitigation_id]
        again = await house.report(victim="10.0.0.1", external_id="3")
        assert again.outcome is Outcome.HELD
        removed = await house.engine.safelist_remove(_prefix("10.0.0.0/24"), ALICE)
        assert removed
        assert not await house.engine.safelist_remove(_prefix("10.0.0.0/24"), ALICE)
        assert "safelist_add" in await house.audit_actions()
        assert "safelist_remove" in await house.audit_actions()
        back = await house.report(victim="10.0.0.1", external_id="4")
        assert back.outcome is Outcome.MITIGATED


async def test_a_dismissed_group_is_closed_and_its_audit_says_who():
    async with an_engine(one_step()) as house:
        answer = await house.report(victim="203.0.113.1")
        assert answer.outcome is Outcome.IGNORED
        assert await house.engine.manual.dismiss_group(answer.group_id, "not ours", ALICE)
        assert not await house.engine.manual.dismiss_group(answer.group_id, "not ours", ALICE)
        assert await house.audit_actions() == ["dismiss"]


def _prefix(text: str) -> Prefix:
    return a_prefix(text)
