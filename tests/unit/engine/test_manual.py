"""Manual operations on rows of another POP, and on rows that ended meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefixd.decision.manual import ManualRequest
from prefixd.domain.rule import Discard, Match, Police
from prefixd.engine.answers import (
    Created,
    Extended,
    NotFound,
    NotLive,
    Refused,
    Withdrawn,
)
from tests.kit.builders import SECOND, a_prefix, some_rules
from tests.kit.engine import (
    ALICE,
    WIDE_OPEN,
    House,
    a_snapshot,
    an_engine,
    wide_inventory,
)

OTHER = "fra2"


def a_request(
    *pops: str, action: Police | Discard | None = None, ttl_s: int = 300
) -> ManualRequest:
    victim = a_prefix("10.0.0.7")
    return ManualRequest(
        victim=victim,
        match=Match(dst=victim, protocol=17),
        action=action or Police(5_000_000),
        ttl_s=ttl_s,
        reason="ticket 7",
        pops=pops,
    )


@asynccontextmanager
async def two_pops() -> AsyncIterator[tuple[House, House]]:
    rules = some_rules(limits=WIDE_OPEN, inventory=wide_inventory())
    async with (
        an_engine(a_snapshot(rules)) as here,
        an_engine(
            a_snapshot(rules, pop=OTHER), store=here.store, clock=here.clock, instance="two"
        ) as there,
    ):
        yield here, there


async def follow(house: House) -> None:
    """Read again what the other instance changed."""
    await house.engine.reconcile()


async def test_a_rule_for_another_pop_is_saved_here_and_announced_there() -> None:
    async with two_pops() as (here, there):
        made = await here.engine.manual.create(a_request(OTHER), ALICE)
        assert isinstance(made, Created)
        assert made.mitigation.pop == OTHER
        assert here.announcer.rules == {}
        await follow(there)
        assert list(there.announcer.rules) == [made.mitigation.mitigation_id]


async def test_the_same_request_for_another_pop_extends_and_another_action_changes_its_row() -> (
    None
):
    async with two_pops() as (here, there):
        made = await here.engine.manual.create(a_request(OTHER), ALICE)
        assert isinstance(made, Created)
        longer = await here.engine.manual.create(a_request(OTHER, ttl_s=900), ALICE)
        assert isinstance(longer, Extended)
        assert longer.mitigation.expires_at_us == here.clock.now_us() + 900 * SECOND
        harder = await here.engine.manual.create(a_request(OTHER, action=Discard()), ALICE)
        assert isinstance(harder, Extended)
        (row,) = await here.live_rows(OTHER)
        assert row.mitigation_id == made.mitigation.mitigation_id
        assert row.rule.action == Discard()
        await follow(there)
        assert there.announcer.rules == {row.mitigation_id: row.rule}
        assert await here.audit_actions() == ["create", "extend", "revise"]


async def test_every_pop_named_gets_a_row_and_the_notes_say_so() -> None:
    async with two_pops() as (here, _):
        made = await here.engine.manual.create(a_request("ams1", OTHER), ALICE)
        assert isinstance(made, Created)
        (theirs,) = await here.live_rows(OTHER)
        (ours,) = await here.live_rows()
        assert made.mitigation == ours
        assert made.notes == (f"{OTHER}: created {theirs.mitigation_id}",)


async def test_a_row_of_another_pop_is_extended_and_withdrawn_from_here() -> None:
    async with two_pops() as (here, there):
        made = await there.engine.manual.create(a_request(), ALICE)
        assert isinstance(made, Created)
        identity = made.mitigation.mitigation_id
        longer = await here.engine.manual.extend(identity, 900, ALICE)
        assert isinstance(longer, Extended)
        gone = await here.engine.manual.withdraw(identity, "wrong", ALICE)
        assert isinstance(gone, Withdrawn)
        assert isinstance(await here.engine.manual.extend(identity, 900, ALICE), NotLive)
        assert here.engine._core.live.withdrawals_of(a_prefix("10.0.0.7")) == ()
        await follow(there)
        assert there.announcer.rules == {}


async def test_a_row_that_ended_after_it_was_found_is_not_live() -> None:
    async with an_engine() as house:
        made = await house.engine.manual.create(a_request(), ALICE)
        assert isinstance(made, Created)
        identity = made.mitigation.mitigation_id
        answers = await asyncio.gather(
            house.engine.manual.withdraw(identity, "one", ALICE),
            house.engine.manual.withdraw(identity, "two", ALICE),
        )
        assert isinstance(answers[0], Withdrawn)
        assert isinstance(answers[1], NotLive)
        assert isinstance(await house.engine.manual.extend("unknown", 60, ALICE), NotFound)


async def test_a_preview_has_the_reasons_of_a_refusal() -> None:
    async with an_engine() as house:
        request = a_request(action=Police(1))
        preview = await house.engine.manual.preview(request, ALICE)
        refused = await house.engine.manual.create(request, ALICE)
        assert isinstance(refused, Refused)
        assert (preview.plan, preview.reasons) == ("refuse", refused.reasons)
        assert [reason.code for reason in refused.reasons] == ["rate_too_low"]
        assert await house.rows() == []
