"""Alerts over real HTTPS to a receiver on this machine, and through a store across restarts."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from prefixd.errors import StoreUnavailable
from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.dispatch import Dispatcher, Outcome
from prefixd.notify.generic import signature
from prefixd.notify.message import json_request
from prefixd.notify.settings import Destination, Generic, GenericFormat, PagerDuty
from prefixd.notify.transport import HttpSender, Sender
from prefixd.store.store import Store, Transaction
from tests.kit.alerts import FakeSender, a_destination, activated, some_settings, withdrawn
from tests.kit.builders import POP
from tests.kit.clock import FakeClock
from tests.kit.rows import a_store
from tests.kit.webhooks import Loopback, Receiver, receiving


def to(receiver: Receiver, path: str, id_: str = "hook") -> Destination:
    target = Generic(url=f"{receiver.url}{path}", secret="s3cr3t", format=GenericFormat.V2)
    return a_destination(id_, target)


@asynccontextmanager
async def dispatching(
    *destinations: Destination,
    sender: Sender,
    store: Store | None = None,
    clock: FakeClock | None = None,
) -> AsyncIterator[Dispatcher]:
    """A running dispatcher; leaving the block is a crash, not an orderly stop."""
    dispatcher = Dispatcher(
        some_settings(*destinations), POP, clock or FakeClock(), sender=sender, store=store
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await sender.close()


async def test_an_alert_arrives_signed(tmp_path: Path) -> None:
    async with (
        receiving(tmp_path) as receiver,
        dispatching(to(receiver, "/x"), sender=receiver.sender()) as dispatcher,
    ):
        dispatcher.tell(activated())
        await receiver.arrived.wait()
        (got,) = receiver.got
        assert json.loads(got.body)["event"] == "mitigation.created"
        moment = int(got.headers["Webhook-Timestamp"])
        expected = signature("s3cr3t", got.headers["Webhook-Id"], moment, got.body)
        assert got.headers["Webhook-Signature"] == expected


async def test_a_destination_that_hangs_delays_no_other(tmp_path: Path) -> None:
    async with (
        receiving(tmp_path) as receiver,
        dispatching(
            to(receiver, "/hang", "dead"), to(receiver, "/x", "alive"), sender=receiver.sender()
        ) as dispatcher,
    ):
        dispatcher.tell(activated())
        await receiver.hanging.wait()
        await receiver.arrived.wait()
        assert {got.path for got in receiver.got} == {"/hang", "/x"}
        waiting = {each.id: each.waiting for each in dispatcher.status()}
        assert waiting["dead"] == 1


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        async with dispatching(to(receiver, "/move"), sender=receiver.sender()) as dispatcher:
            (outcome,) = await dispatcher.test("hook")
        assert outcome == Outcome("hook", "answered HTTP 302, a redirect, which is not followed")
        assert [got.path for got in receiver.got] == ["/move"]


async def test_retry_after_comes_from_the_answer(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        sender = receiver.sender()
        receiver.answers = [web.Response(status=429, headers={"Retry-After": "7"})]
        answer = await sender.send(json_request(f"{receiver.url}/x", {}), 5)
        await sender.close()
    assert answer == Answer(429, "7", b"")


async def test_an_endless_answer_is_cut_off(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        sender = receiver.sender()
        receiver.answers = [web.Response(status=500, body=b"x" * 5_000_000)]
        answer = await sender.send(json_request(f"{receiver.url}/x", {}), 5)
        await sender.close()
    assert isinstance(answer, Answer)
    assert len(answer.body) <= 8192


async def test_a_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        receiver.tls = ssl.create_default_context()
        sender = receiver.sender()
        answer = await sender.send(json_request(f"{receiver.url}/secret-path", {}), 5)
        await sender.close()
    assert answer == Unreachable("invalid TLS certificate")
    assert receiver.got == []


async def test_a_private_address_is_refused_unless_allowed(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        strict = HttpSender(tuple, resolver=Loopback(), tls=receiver.tls)
        answer = await strict.send(json_request(f"{receiver.url}/x", {}), 5)
        await strict.close()
    assert isinstance(answer, Unreachable)
    assert answer.forbidden
    assert receiver.got == []


async def test_a_closed_port_is_reported_without_the_address(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        url, sender = receiver.url, receiver.sender()
    answer = await sender.send(json_request(f"{url}/secret-path", {}), 5)
    await sender.close()
    assert isinstance(answer, Unreachable)
    assert not answer.forbidden
    assert "secret-path" not in answer.sentence


# across a restart


async def rows(store: Store) -> list[tuple[str, str, int]]:
    found = await store._database.fetch_all(
        "SELECT event, state, attempts FROM notification_queue ORDER BY created_at, event"
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in found]


async def step_all(dispatcher: Dispatcher) -> None:
    for worker in dispatcher._workers.values():
        while await worker.step() == 0:
            pass


def dispatcher_on(
    store: Store, clock: FakeClock, sender: Sender, *destinations: Destination
) -> Dispatcher:
    return Dispatcher(some_settings(*destinations), POP, clock, sender=sender, store=store)


PAGER = a_destination("pager", PagerDuty(routing_key="R0key"))


async def test_what_waits_is_sent_after_a_restart_the_beginning_before_the_end() -> None:
    clock = FakeClock()
    async with await a_store() as store:
        first = dispatcher_on(store, clock, FakeSender(Unreachable("down")), PAGER)
        await first._outbox.load()
        first.tell(activated())
        await step_all(first)
        await first._outbox.flush()
        assert await rows(store) == [("mitigation.created", "queued", 1)]
        # the process is killed here; its memory is gone

        sender = FakeSender()
        second = dispatcher_on(store, clock, sender, PAGER)
        clock.advance(2)
        second.tell(withdrawn())  # the engine, starting, finds that it ended meanwhile
        await second._outbox.load()
        await step_all(second)
        clock.advance(60)
        await step_all(second)
        assert [body["event_action"] for body in sender.bodies] == ["trigger", "resolve"]
        assert len({body["dedup_key"] for body in sender.bodies}) == 1
        await second._outbox.flush()
        assert await rows(store) == [
            ("mitigation.created", "delivered", 2), ("mitigation.withdrawn", "delivered", 1),
        ]  # fmt: skip


async def test_what_was_delivered_is_not_sent_again() -> None:
    clock = FakeClock()
    async with await a_store() as store:
        first = dispatcher_on(store, clock, FakeSender(), PAGER)
        first.tell(activated())
        await step_all(first)
        await first._outbox.flush()
        sender = FakeSender()
        second = dispatcher_on(store, clock, sender, PAGER)
        await second._outbox.load()
        await step_all(second)
        assert sender.sent == []


async def test_what_waits_for_a_destination_that_is_gone_is_closed() -> None:
    clock = FakeClock()
    async with await a_store() as store:
        first = dispatcher_on(store, clock, FakeSender(), PAGER)
        first.tell(activated())
        await first._outbox.flush()
        second = dispatcher_on(store, clock, FakeSender(), a_destination("other"))
        await second._outbox.load()
        await second._outbox.flush()
        assert await rows(store) == [("mitigation.created", "failed", 0)]


async def test_stopping_sends_what_it_can_and_writes_down_the_rest() -> None:
    clock = FakeClock()
    sender = FakeSender(Answer(503))
    async with (
        await a_store() as store,
        dispatching(PAGER, sender=sender, store=store, clock=clock) as dispatcher,
    ):
        dispatcher.tell(activated())
        await dispatcher.stop()
        assert len(sender.sent) == 1
        assert await rows(store) == [("mitigation.created", "queued", 1)]


class Away:
    """A store that refuses transactions until told otherwise."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_away = True
        self.notifications = store.notifications

    def transaction(self) -> Transaction:
        if self.is_away:
            raise StoreUnavailable("away")
        return self._store.transaction()


async def test_while_the_database_is_unreachable_alerts_go_out_and_are_noted_later() -> None:
    clock, sender = FakeClock(), FakeSender()
    async with await a_store() as store:
        away = Away(store)
        dispatcher = Dispatcher(some_settings(PAGER), POP, clock, sender=sender, store=away)
        dispatcher.tell(activated())
        await step_all(dispatcher)
        assert len(sender.sent) == 1
        with pytest.raises(StoreUnavailable):
            await dispatcher._outbox.flush()
        away.is_away = False
        await dispatcher._outbox.flush()
        assert await rows(store) == [("mitigation.created", "delivered", 1)]


async def test_what_is_given_up_before_it_was_written_costs_no_row() -> None:
    async with await a_store() as store:
        dispatcher = dispatcher_on(store, FakeClock(), FakeSender(), PAGER)
        dispatcher.tell(activated())
        dispatcher.tell(withdrawn())  # began and ended unseen
        await dispatcher._outbox.flush()
        assert await rows(store) == []


async def test_what_is_given_up_after_it_was_written_is_closed() -> None:
    async with await a_store() as store:
        dispatcher = dispatcher_on(store, FakeClock(), FakeSender(), PAGER)
        dispatcher.tell(activated())
        await dispatcher._outbox.flush()
        dispatcher.tell(withdrawn())
        await dispatcher._outbox.flush()
        assert await rows(store) == [("mitigation.created", "failed", 0)]
