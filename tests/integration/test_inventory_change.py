"""The inventory changes while rules stand: nobody's victims keep what they have and get no more."""

from dataclasses import replace

from prefixd.domain.group import GroupState
from prefixd.domain.inventory import Customer
from prefixd.domain.mitigation import Status
from prefixd.domain.record import Outcome
from prefixd.domain.signal import SignalKind
from prefixd.engine.settings import Snapshot
from tests.kit.builders import a_customer, a_prefix, an_inventory, some_rules
from tests.kit.engine import ALICE, WIDE_OPEN, House, a_snapshot, an_engine


def owning(*customers: Customer) -> Snapshot:
    return a_snapshot(some_rules(limits=WIDE_OPEN, inventory=an_inventory(*customers)))


OURS = owning(a_customer())
STRANGERS = owning(a_customer(prefixes=(a_prefix("203.0.113.0/24"),), services=()))


async def reload(house: House, snapshot: Snapshot) -> None:
    await house.engine.reload(replace(snapshot, loaded_at_us=house.clock.now_us()), ALICE)
    await house.settle()


async def test_a_customer_leaves_and_the_rule_ends_at_its_time() -> None:
    async with an_engine(OURS) as house:
        made = await house.report()
        await house.pass_time(60)
        await reload(house, STRANGERS)
        await house.assert_wire_is_store()
        (row,) = await house.live_rows()
        assert row.mitigation_id == made.mitigation_id
        again = await house.report(bps=7)
        assert (again.outcome, again.codes) == (Outcome.IGNORED, ("unowned",))
        await house.pass_time(61)
        assert await house.live_rows() == []
        assert house.announcer.rules == {}
        (ended,) = await house.rows()
        assert ended.status is Status.EXPIRED
        (group,) = house.engine.queries.live_groups()
        assert group.state is GroupState.UNOWNED


async def test_a_customer_comes_back_in_time_and_the_rule_lives_on() -> None:
    async with an_engine(OURS) as house:
        made = await house.report()
        await reload(house, STRANGERS)
        await house.pass_time(60)
        await reload(house, OURS)
        again = await house.report(bps=7)
        assert (again.outcome, again.mitigation_id) == (Outcome.REFRESHED, made.mitigation_id)
        await house.pass_time(100)
        assert len(await house.live_rows()) == 1


async def test_an_all_clear_still_ends_the_rule_of_a_customer_who_left() -> None:
    async with an_engine(OURS) as house:
        made = await house.report()
        await reload(house, STRANGERS)
        over = await house.report(kind=SignalKind.CLEARED)
        assert over.outcome is Outcome.CLEARING
        await house.pass_time(61)
        (row,) = await house.rows()
        assert (row.mitigation_id, row.status) == (made.mitigation_id, Status.WITHDRAWN)


async def test_a_victim_that_changes_hands_keeps_its_rule() -> None:
    async with an_engine(OURS) as house:
        made = await house.report()
        await reload(house, owning(a_customer(customer_id="heir")))
        again = await house.report(bps=7)
        assert (again.outcome, again.mitigation_id) == (Outcome.REFRESHED, made.mitigation_id)
