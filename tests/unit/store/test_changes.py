"""Telling of changes: in order, bounded, and honest about what was missed."""

import asyncio

from prefixd.domain.record import Change, ChangeKind, Lost
from prefixd.store.changes import BACKLOG, ChangeHub, Mailbox, decode_change, encode_change


def a_change(number: int) -> Change:
    return Change(ChangeKind.MITIGATION, "ams1", str(number), "here")


async def test_every_listener_hears_everything_in_order() -> None:
    hub = ChangeHub()
    listeners = [hub.listen() for _ in range(2)]
    heard = [asyncio.ensure_future(anext(listener)) for listener in listeners]
    await asyncio.sleep(0)
    hub.publish([a_change(1), a_change(2)])
    assert await asyncio.gather(*heard) == [a_change(1), a_change(1)]
    assert [await anext(listener) for listener in listeners] == [a_change(2), a_change(2)]


async def test_a_listener_that_sleeps_is_told_it_missed_something() -> None:
    mailbox = Mailbox()
    for number in range(BACKLOG + 3):
        mailbox.put(a_change(number))
    mailbox.end()
    assert [change async for change in mailbox] == [
        Lost(),
        a_change(BACKLOG + 1),
        a_change(BACKLOG + 2),
    ]


async def test_who_stops_listening_is_forgotten() -> None:
    hub = ChangeHub()
    listener = hub.listen()
    first = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    hub.publish([a_change(1)])
    await first
    await listener.aclose()
    assert hub.listeners == 0


def test_the_wire_form_comes_back_and_strangers_are_passed_over() -> None:
    assert decode_change(encode_change(a_change(7))) == a_change(7)
    assert decode_change('{"kind":"a newer word","pop":"","id":"","origin":""}') is None
    assert decode_change("not json") is None
