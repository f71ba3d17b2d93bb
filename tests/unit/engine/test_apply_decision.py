"""What a decision does to a group: when it is looked at again, and why it is held."""

from dataclasses import replace

from prefixd.domain.group import GroupState, HoldReason
from prefixd.domain.record import Outcome
from prefixd.engine.due_heap import Due
from prefixd.guardrails.limits import Limits
from tests.kit.builders import SECOND, a_playbook, a_police_step, some_rules
from tests.kit.engine import (
    WIDE_OPEN,
    House,
    a_snapshot,
    agreeing,
    an_engine,
    wide_inventory,
)


def settings(limits: Limits = WIDE_OPEN, held_retry_s: float = 30.0):  # type: ignore[no-untyped-def]  # as in the kit
    rules = some_rules(
        a_playbook(steps=[a_police_step()]),
        limits=limits,
        inventory=wide_inventory(),
        correlation=agreeing(1, window_s=900),
    )
    return a_snapshot(rules, held_retry_s=held_retry_s)


ONE_RULE = replace(WIDE_OPEN, max_active_per_pop=1)


def looks_at(house: House) -> dict[str, float]:
    """Seconds until each group is looked at."""
    live, now_us = house.engine._core.live, house.clock.now_us()
    return {
        group.victim.victim_text(): (live.looks[group_id] - now_us) / SECOND
        for group_id, group in live.groups.items()
        if group_id in live.looks
    }


async def test_a_group_held_for_a_full_quota_is_asked_again_after_the_retry_time() -> None:
    async with an_engine(settings(ONE_RULE, held_retry_s=20.0)) as house:
        await house.report(victim="10.0.0.1", external_id="1")
        held = await house.report(victim="10.0.0.2", external_id="2")
        assert (held.outcome, held.codes) == (Outcome.HELD, ("quota_pop",))
        assert looks_at(house)["10.0.0.2"] == 20.0
        key = (Due.GROUP, held.group_id)
        moment = house.engine._core.live.next_moment_us(key)  # type: ignore[arg-type]
        assert moment == house.clock.now_us() + 20 * SECOND
        await house.pass_time(19)
        assert looks_at(house)["10.0.0.2"] == 1.0


async def test_a_held_group_that_is_no_longer_reported_stays_held_for_the_same_reason() -> None:
    async with an_engine(settings(ONE_RULE, held_retry_s=60.0)) as house:
        await house.report(victim="10.0.0.1", external_id="1")
        await house.report(victim="10.0.0.2", external_id="2")
        for minute in range(5):  # the first attack goes on and keeps its place
            await house.pass_time(60)
            await house.report(victim="10.0.0.1", external_id="1", bps=minute + 1)
        (held,) = [
            group for group in house.engine.queries.live_groups() if group.state is GroupState.HELD
        ]
        assert held.hold_reason is HoldReason.QUOTA
        assert looks_at(house)["10.0.0.2"] > 0, "the look ended in an error"
        assert len(house.announcer.rules) == 1


async def test_a_look_is_never_due_at_once() -> None:
    async with an_engine(settings(ONE_RULE, held_retry_s=0.0)) as house:
        await house.report(victim="10.0.0.1", external_id="1")
        await house.report(victim="10.0.0.2", external_id="2")
        assert looks_at(house)["10.0.0.2"] == 1.0
