"""Alerts are stored in the units of the changes they tell of, many units in one commit."""

import asyncio

from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store
from tests.kit.rows import POP, T0_US, a_mitigation, a_store


async def save(store: Store, number: int, notification_id: str) -> None:
    async with store.transaction() as tx:
        tx.mitigations.insert(a_mitigation())
        tx.notifications.enqueue(
            notification_id,
            pop=POP,
            destination="noc",
            event="mitigation.created",
            body="{}",
            created_at_us=T0_US + number,
            due_at_us=T0_US + number,
        )


async def test_units_with_alerts_are_stored_together(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        before = store.commit_counts.commits
        await asyncio.gather(*(save(store, number, f"n{number}") for number in range(30)))
        assert store.commit_counts.commits - before <= 2
        rows = await store.notifications.due(POP, T0_US + 100)
        assert [row.notification_id for row in rows] == [f"n{number}" for number in range(30)]
        assert {(row.state, row.attempts, row.last_error) for row in rows} == {("queued", 0, None)}
        assert len((await store.mitigations.live(POP)).rows) == 30


async def test_an_alert_that_is_there_already_keeps_nothing_from_being_stored(
    settings: StoreSettings,
) -> None:
    async with await a_store(settings) as store:
        await asyncio.gather(*(save(store, number, f"n{number % 4}") for number in range(8)))
        assert await store.notifications.depth(POP) == 4
        assert len((await store.mitigations.live(POP)).rows) == 8


async def test_what_was_settled_once_stays_settled_whatever_shares_its_commit(
    settings: StoreSettings,
) -> None:
    async with await a_store(settings) as store:
        await asyncio.gather(*(save(store, number, f"n{number}") for number in range(6)))

        async def settle(*numbers: int) -> None:
            async with store.transaction() as tx:
                for number in numbers:
                    tx.notifications.retry(f"n{number}", 1, T0_US + 500, "503")
                    tx.notifications.delivered(f"n{number}", 2, T0_US + 600)
                    tx.notifications.retry(f"n{number}", 3, T0_US + 700, "too late")

        await asyncio.gather(settle(0, 1), save(store, 6, "n6"), settle(2), settle(2, 9))
        left = await store.notifications.due(POP, T0_US + 1000)
        assert [row.notification_id for row in left] == ["n3", "n4", "n5", "n6"]
