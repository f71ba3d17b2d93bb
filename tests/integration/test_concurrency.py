"""Many at once: limits hold exactly, and one scope has one row."""

import asyncio
from dataclasses import replace

import pytest

from prefixd.domain.record import Outcome
from tests.kit.builders import (
    a_playbook,
    a_police_step,
    some_rules,
)
from tests.kit.engine import (
    ALICE,
    WIDE_OPEN,
    a_snapshot,
    an_engine,
    victim_number,
    wide_inventory,
)

CLIENTS = 200


def limited(**limits):
    rules = some_rules(
        a_playbook(steps=[a_police_step()]),
        limits=replace(WIDE_OPEN, **limits),
        inventory=wide_inventory(),
    )
    return a_snapshot(rules)


async def test_two_hundred_first_reports_of_one_attack_make_one_group_and_one_rule():
    async with an_engine(limited()) as house:
        answers = await asyncio.gather(
            *(house.report(victim="10.0.0.1", external_id=f"r-{n}") for n in range(CLIENTS))
        )
        assert {answer.outcome for answer in answers} == {Outcome.MITIGATED, Outcome.EXTENDED}
        assert len({answer.group_id for answer in answers}) == 1
        assert len({answer.mitigation_id for answer in answers}) == 1
        assert [answer.outcome for answer in answers].count(Outcome.MITIGATED) == 1
        assert len(await house.live_rows()) == 1
        await house.assert_wire_is_store()


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("max_active_per_customer", "quota_customer"),
        ("max_active_per_pop", "quota_pop"),
        ("max_active_global", "quota_global"),
        ("max_new_per_minute", "quota_new_per_minute"),
        ("max_announcements_per_peer", "quota_peer"),
    ],
)
async def test_a_quota_holds_exactly_under_two_hundred_clients(limit: str, code: str):
    async with an_engine(limited(**{limit: 50})) as house:
        answers = await asyncio.gather(
            *(
                house.report(victim=victim_number(n), external_id=f"r-{n}")
                for n in range(1, CLIENTS + 1)
            )
        )
        made = [answer for answer in answers if answer.outcome is Outcome.MITIGATED]
        held = [answer for answer in answers if answer.outcome is Outcome.HELD]
        assert len(made) == 50
        assert len(held) == 150
        assert {answer.codes for answer in held} == {(code,)}
        assert len(await house.live_rows()) == 50
        await house.assert_wire_is_store()


async def test_what_was_held_for_want_of_room_is_made_when_there_is_room():
    async with an_engine(limited(max_active_per_pop=1)) as house:
        first = await house.report(victim="10.0.0.1", external_id="1")
        second = await house.report(victim="10.0.0.2", external_id="2")
        assert second.outcome is Outcome.HELD
        await house.engine.manual.withdraw(first.mitigation_id, "enough", ALICE)
        await house.pass_time(31, step_s=1)
        (row,) = await house.live_rows()
        assert str(row.victim) == "10.0.0.2/32"


async def test_mixed_victims_and_hands_leave_one_row_per_scope():
    async with an_engine(limited()) as house:

        async def hand(n: int):
            answer = await house.report(victim=victim_number(n % 20), external_id=f"h-{n}")
            if n % 7 == 0 and answer.mitigation_id is not None:
                await house.engine.manual.withdraw(answer.mitigation_id, "by hand", ALICE)

        await asyncio.gather(*(hand(n) for n in range(CLIENTS)))
        rows = await house.live_rows()
        assert len({row.scope_hash for row in rows}) == len(rows)
        await house.assert_wire_is_store()
