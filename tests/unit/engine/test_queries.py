"""Questions that the live state answers, alone or together with the store."""

from tests.kit.engine import ALICE, a_snapshot, an_engine
from tests.kit.rows import T0_US, a_corroboration


async def test_live_rows_come_newest_first_and_every_change_moves_the_revision() -> None:
    async with an_engine() as house:
        queries = house.engine.queries
        before = queries.revision
        one = await house.report(victim="10.0.0.1", external_id="1")
        house.clock.advance(1)
        two = await house.report(victim="10.0.0.2", external_id="2")
        assert [row.mitigation_id for row in queries.live()] == [
            two.mitigation_id,
            one.mitigation_id,
        ]
        assert queries.revision == before + 2


async def test_an_ended_row_and_a_closed_group_are_found_in_the_store() -> None:
    async with an_engine() as house:
        made = await house.report()
        assert made.mitigation_id is not None
        assert made.group_id is not None
        await house.engine.manual.withdraw(made.mitigation_id, "over", ALICE)
        await house.engine.manual.dismiss_group(made.group_id, "over", ALICE)
        found = await house.engine.queries.mitigation(made.mitigation_id)
        assert found is not None
        assert found.end_reason == "over"
        groups = await house.engine.queries.groups_of([made.group_id, "unknown"])
        assert list(groups) == [made.group_id]
        text = await house.engine.queries.latest_decision_text(made.group_id)
        assert text is not None
        assert text.startswith("Acted: ")
        assert await house.engine.queries.latest_decision_text("unknown") is None


async def test_waiting_corroborations_are_shown_until_they_expire_newest_first() -> None:
    async with an_engine(a_snapshot()) as house:
        now_us = house.clock.now_us()
        shift = now_us - T0_US
        for name, received_s, expires_s in (("old", -20, 100), ("new", -10, 5), ("gone", -30, 0)):
            house.engine._core.live.keep(
                a_corroboration(
                    source=name,
                    external_id=name,
                    received_at_us=T0_US + shift + received_s * 1_000_000,
                    expires_at_us=T0_US + shift + expires_s * 1_000_000,
                )
            )
        queries = house.engine.queries

        def shown(source: str | None = None) -> list[str]:
            return [record.corroboration.source for record in queries.corroborations(source)]

        assert shown() == ["new", "old"]
        assert shown("old") == ["old"]
        house.clock.advance(5)
        assert shown() == ["old"]


async def test_the_safelist_is_empty_when_it_cannot_be_read_and_says_so() -> None:
    async with an_engine() as house:
        queries = house.engine.queries
        assert queries.safelist_readable
        snapshot = house.engine._core.snapshot
        house.engine._core.snapshot = type(snapshot)(
            settings=snapshot.settings, rules=snapshot.rules, safelist=None
        )
        assert not queries.safelist_readable
        assert queries.safelist() == ()
