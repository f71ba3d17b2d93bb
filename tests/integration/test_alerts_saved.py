"""Alerts about a change are saved with it: none is lost, none told twice, none for nothing."""

from typing import Any

import pytest

from prefixd.domain.actor import SYSTEM
from prefixd.domain.news import GuardrailRefused, News, SignalReceived
from prefixd.domain.vector import Vector
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.notify.answer import Unreachable
from prefixd.notify.dispatch import Dispatcher
from prefixd.notify.outbox import Prepared
from prefixd.notify.settings import AlertSettings, Destination, PagerDuty
from prefixd.store.store import Store
from tests.kit.alerts import FakeSender, a_destination, activated, some_settings, withdrawn
from tests.kit.builders import POP, a_mitigation, a_prefix, a_signal
from tests.kit.clock import FakeClock
from tests.kit.engine import an_engine
from tests.kit.flaky_store import FlakyStore
from tests.kit.rows import a_store

PAGER = a_destination("pager", PagerDuty(routing_key="R0key"))
CHAT = a_destination("chat", group_wait_s=30)


class Life:
    """One life of the process: a dispatcher with its own memory over a store that stays."""

    def __init__(
        self,
        store: Store,
        *destinations: Destination,
        clock: FakeClock | None = None,
        **settings: Any,
    ) -> None:
        self.store = store
        self.clock = clock or FakeClock()
        self.sender = FakeSender()
        self.counted: list[tuple[str, str]] = []
        self.dispatcher = Dispatcher(
            some_settings(*(destinations or (PAGER,)), **settings),
            POP,
            self.clock,
            sender=self.sender,
            store=store,
            count=lambda *what: self.counted.append(what),
        )

    def prepare(self, *news: News) -> Prepared:
        prepared = self.dispatcher.prepare(news)
        assert prepared is not None
        return prepared

    async def save(self, *news: News) -> Prepared:
        """As the engine does: the rows in the unit of the change."""
        prepared = self.prepare(*news)
        async with self.store.transaction() as tx:
            prepared.write(tx.notifications)
        return prepared

    def undone(self, *news: News) -> Prepared:
        """In a unit that never becomes durable."""
        prepared = self.prepare(*news)
        prepared.write(self.store.transaction().notifications)
        return prepared

    async def work(self) -> None:
        outbox = self.dispatcher._outbox
        await outbox.load()
        await outbox.resolve()
        for worker in self.dispatcher._workers.values():
            while await worker.step() == 0:
                pass
        await outbox.flush()

    async def states(self) -> list[tuple[str, str]]:
        found = await self.store._database.fetch_all(
            "SELECT event, state FROM notification_queue ORDER BY created_at, event, state"
        )
        return [(str(row[0]), str(row[1])) for row in found]


def refused() -> News:
    return GuardrailRefused(
        at_us=1,
        victim=a_prefix(),
        vector=Vector.UDP_FLOOD,
        customer_id=None,
        codes=("quota",),
        text="no room",
        actor=SYSTEM,
    )


async def test_a_crash_right_after_the_change_loses_no_alert() -> None:
    async with await a_store() as store:
        await Life(store).save(activated())
        # killed before anything was said
        second = Life(store)
        await second.work()
        assert [body["event_action"] for body in second.sender.bodies] == ["trigger"]
        assert await second.states() == [("mitigation.created", "delivered")]
        third = Life(store)
        await third.work()
        assert third.sender.sent == []


async def test_a_change_that_was_undone_sends_nothing() -> None:
    async with await a_store() as store:
        life = Life(store, a_destination("chat"))
        life.undone(activated(), refused())
        await life.work()
        assert (life.sender.sent, await life.states()) == ([], [])
        # and what is told only once in a while was not told yet
        (await life.save(refused())).deliver()
        await life.work()
        assert life.sender.events == ["guardrail.rejected"]
        assert life.dispatcher.prepare([refused()]) is None


async def test_what_is_delivered_is_sent_once_even_when_the_table_is_read_later() -> None:
    async with await a_store() as store:
        life = Life(store)
        prepared = await life.save(activated())
        prepared.deliver()
        await life.dispatcher._workers["pager"].step()
        await life.work()  # reads the table only now; the row still says `queued`
        await life.work()
        assert len(life.sender.sent) == 1
        assert await life.states() == [("mitigation.created", "delivered")]


@pytest.mark.parametrize("was_stored", [True, False])
async def test_in_doubt_the_table_decides(was_stored: bool) -> None:
    async with await a_store() as store:
        life = Life(store)
        await life.work()
        prepared = await life.save(activated()) if was_stored else life.undone(activated())
        prepared.doubt()
        await life.work()
        await life.work()
        assert len(life.sender.sent) == was_stored
        assert await life.states() == [("mitigation.created", "delivered")] * was_stored


async def test_a_running_dispatcher_resolves_doubt_by_itself() -> None:
    async with await a_store() as store:
        life = Life(store)
        outbox = life.dispatcher._outbox
        (await life.save(activated())).doubt()
        assert outbox._wake.is_set()


async def test_alerts_of_one_victim_collected_for_a_chat_are_one_row_in_the_end() -> None:
    async with await a_store() as store:
        life = Life(store, CHAT)
        one, other = a_mitigation(mitigation_id="m-1"), a_mitigation(mitigation_id="m-2")
        for value in (one, other):
            (await life.save(activated(value))).deliver()
        assert [state for _, state in await life.states()] == ["queued", "queued"]
        life.clock.advance(31)
        await life.work()
        (body,) = life.sender.bodies
        assert "before: mitigation.created" in body["summary"]
        states = [state for _, state in await life.states()]
        assert sorted(states) == ["delivered", "failed", "failed"]
        after = Life(store, CHAT, clock=life.clock)
        await after.work()
        assert after.sender.sent == []


async def test_what_began_and_ended_unseen_leaves_no_open_row() -> None:
    async with await a_store() as store:
        life = Life(store)
        for news in (activated(), withdrawn()):
            (await life.save(news)).deliver()
        await life.work()
        assert life.sender.sent == []
        assert {state for _, state in await life.states()} == {"failed"}


async def test_a_storm_costs_no_more_rows_than_its_queue_has_room_for() -> None:
    async with await a_store() as store:
        life = Life(store, queue_limit=2)
        life.sender.answers = [Unreachable("down")] * 99
        for number in range(5):
            storm = activated(a_mitigation(mitigation_id=f"m-{number}"))
            (await life.save(storm)).deliver()
        assert len(await life.states()) == 2
        assert life.counted.count(("pager", "dropped")) == 3


async def test_a_destination_removed_meanwhile_closes_its_rows() -> None:
    async with await a_store() as store:
        life = Life(store)
        prepared = await life.save(activated())
        life.dispatcher.apply(some_settings(a_destination("other")))
        prepared.deliver()
        await life.work()
        assert await life.states() == [("mitigation.created", "failed")]
        assert life.sender.sent == []


def test_news_without_a_destination_costs_no_row() -> None:
    dispatcher = Dispatcher(some_settings(), POP, FakeClock(), sender=FakeSender())
    arrival = SignalReceived(at_us=1, signal=a_signal(), outcome="waiting")
    assert dispatcher.prepare([arrival]) is None


def test_without_destinations_nothing_is_even_put_into_words() -> None:
    dispatcher = Dispatcher(AlertSettings(), POP, FakeClock(), sender=FakeSender())
    broken: Any = object()
    assert dispatcher.prepare([broken]) is None


# through the engine


async def test_a_mitigation_and_its_alert_are_one_unit() -> None:
    async with await a_store() as store:
        life = Life(store)
        async with an_engine(store=store, clock=life.clock, listener=life.dispatcher) as house:
            await house.report()
            # nothing was sent and nothing written behind: this is what a crash would leave
            assert await life.states() == [("mitigation.created", "queued")]
        second = Life(store, clock=life.clock)
        await second.work()
        assert [body["event_action"] for body in second.sender.bodies] == ["trigger"]


async def test_what_the_engine_saved_is_sent_once() -> None:
    async with await a_store() as store:
        life = Life(store)
        async with an_engine(store=store, clock=life.clock, listener=life.dispatcher) as house:
            await house.report()
            await life.work()
            await house.pass_time(121)
            await life.work()
        assert [body["event_action"] for body in life.sender.bodies] == ["trigger", "resolve"]
        assert {state for _, state in await life.states()} == {"delivered"}


async def test_a_commit_whose_answer_was_lost_is_sent_once() -> None:
    async with await a_store() as store:
        flaky = FlakyStore(store)
        life = Life(store)
        async with an_engine(store=flaky, clock=life.clock, listener=life.dispatcher) as house:  # type: ignore[arg-type]  # because it fits by shape
            flaky.lose_answers = True
            with pytest.raises(StoreUnavailable):
                await house.report()
            flaky.lose_answers = False
            await life.work()
            told = [body["payload"]["summary"] for body in life.sender.bodies]
            assert sum("UDP flood" in line for line in told) == 1
            await life.work()
            assert len(life.sender.bodies) == len(told)


async def test_a_turn_repeated_after_a_conflict_is_sent_once() -> None:
    async with await a_store() as store:
        flaky = FlakyStore(store)
        life = Life(store)
        async with an_engine(store=flaky, clock=life.clock, listener=life.dispatcher) as house:  # type: ignore[arg-type]  # because it fits by shape
            flaky.conflicts = [Conflict("version", "somebody else")]
            await house.report()
            await life.work()
        assert [body["event_action"] for body in life.sender.bodies] == ["trigger"]
        assert await life.states() == [("mitigation.created", "delivered")]


async def test_without_destinations_events_cost_no_rows() -> None:
    async with await a_store() as store:
        dispatcher = Dispatcher(AlertSettings(), POP, FakeClock(), sender=FakeSender(), store=store)
        async with an_engine(store=store, listener=dispatcher) as house:
            await house.report()
        found = await store._database.fetch_all("SELECT 1 FROM notification_queue")
        assert list(found) == []
