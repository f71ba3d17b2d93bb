"""Counters of a neighbor survive its sessions."""

from prefixd.bgp.session.counters import CounterSet
from prefixd.bgp.wire.iana import MessageType


def test_messages_are_counted_by_name() -> None:
    counters = CounterSet()
    counters.received(MessageType.UPDATE)
    counters.received(MessageType.UPDATE)
    counters.sent(MessageType.UPDATE, 3)
    counters.sent(MessageType.KEEPALIVE)
    counters.flaps += 1
    found = counters.snapshot()
    assert sum(found.messages_in.values()) == 2
    assert sorted(found.messages_out.values()) == [1, 3]
    assert (found.flaps, found.sessions) == (1, 0)


def test_a_snapshot_does_not_change() -> None:
    counters = CounterSet()
    before = counters.snapshot()
    counters.received(MessageType.OPEN)
    counters.octets_in += 29
    assert (before.messages_in, before.octets_in) == ({}, 0)
    assert counters.snapshot().octets_in == 29


def test_all_types_count_into_the_total() -> None:
    counters = CounterSet()
    counters.received(MessageType.UPDATE)
    counters.received(MessageType.KEEPALIVE)
    assert counters.total_in == 2
