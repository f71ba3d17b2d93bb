"""A POP without an instance gets no new rows, and its old ones end."""

from msgspec.structs import replace

from prefixd.domain.mitigation import Mitigation, Status
from prefixd.engine.answers import Created, Refused
from prefixd.engine.presence import GONE_AFTER_US, KNOWN_FOR_US
from tests.kit.builders import a_mitigation, a_rule
from tests.kit.engine import ALICE, House, an_engine
from tests.unit.engine.test_manual import OTHER, a_request, two_pops

GONE_S = GONE_AFTER_US / 1_000_000
KNOWN_S = KNOWN_FOR_US / 1_000_000


async def _an_overdue_row(house: House, pop: str, number: int) -> Mitigation:
    row = a_mitigation(a_rule(f"10.0.0.{number}"), mitigation_id=f"theirs-{number}", pop=pop)
    row = replace(row, expires_at_us=house.clock.now_us() + 1_000_000)
    async with house.store.transaction() as tx:
        tx.mitigations.insert(row)
    return row


async def test_a_pop_that_no_instance_serves_is_refused_and_nothing_is_stored() -> None:
    async with an_engine() as house:
        request = a_request("ghost0", "ams1")
        preview = await house.engine.manual.preview(request, ALICE)
        assert (preview.plan, [each.code for each in preview.reasons]) == (
            "refuse",
            ["unknown_pop"],
        )
        refused = await house.engine.manual.create(request, ALICE)
        assert isinstance(refused, Refused)
        assert [(each.code, each.text) for each in refused.reasons] == [
            ("unknown_pop", "no instance of prefixd serves POP ghost0")
        ]
        assert await house.rows() == []


async def test_a_pop_is_known_for_a_day_after_its_instance_was_there() -> None:
    async with two_pops() as (here, _there):
        here.clock.advance(KNOWN_S - 1)
        assert isinstance(await here.engine.manual.create(a_request(OTHER), ALICE), Created)
        here.clock.advance(2)
        assert isinstance(await here.engine.manual.create(a_request(OTHER), ALICE), Refused)


async def test_an_instance_that_goes_on_keeps_its_pop_known() -> None:
    async with two_pops() as (here, there):
        here.clock.advance(KNOWN_S - 1)
        await there.engine._presence.step()
        here.clock.advance(KNOWN_S - 1)
        assert isinstance(await here.engine.manual.create(a_request(OTHER), ALICE), Created)


async def test_rows_of_a_pop_whose_instance_is_gone_expire_and_free_their_quota() -> None:
    async with two_pops() as (here, _there):
        theirs = await _an_overdue_row(here, OTHER, 1)
        await _an_overdue_row(here, "ghost0", 2)
        here.clock.advance(GONE_S + 1)
        await here.engine._presence.step()
        rows = {row.mitigation_id: row for row in await here.rows()}
        assert {row.status for row in rows.values()} == {Status.EXPIRED}
        assert rows[theirs.mitigation_id].ended_by == "system"
        assert await here.store.mitigations.live_elsewhere("ams1") == {}
        assert here.engine._core.live.quotas.counts(None, here.clock.now_us()).everywhere == 0
        assert (await here.audit_actions()).count("expire") == 2
        assert {pop.active for pop in await here.store.stats.pops()} == {0}


async def test_rows_of_a_pop_with_an_instance_and_rows_with_time_left_stay() -> None:
    async with two_pops() as (here, there):
        await _an_overdue_row(here, OTHER, 1)
        lasting = replace(
            a_mitigation(a_rule("10.0.0.2"), mitigation_id="lasting", pop="ghost0"),
            expires_at_us=here.clock.now_us() + 3600 * 1_000_000,
        )
        async with here.store.transaction() as tx:
            tx.mitigations.insert(lasting)
        here.clock.advance(GONE_S + 1)
        await there.engine._presence.note()
        await here.engine._presence.step()
        assert {row.status for row in await here.rows()} == {Status.ACTIVE}
