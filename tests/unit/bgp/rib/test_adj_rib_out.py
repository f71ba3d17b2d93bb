"""Chunks: what is sent, in what order, and what it costs the peer at every moment."""

from dataclasses import replace

from prefixd.bgp.rib.adj_rib_out import Chunk
from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.distribution import LIMIT, TERMS, Desk, hosts
from tests.kit.speaking import a_route


def messages(chunk: Chunk) -> list[bytes]:
    buffer = bytearray(chunk.octets)
    context = WireContext(families=TERMS.families)
    found: list[bytes] = []
    while (message := cut_message(buffer, context)) is not None:
        found.append(message)
    assert not buffer
    return found


def test_what_came_and_went_costs_nothing() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(10))
    desk.remove(*(f"r{n}" for n in range(10)))
    assert desk.chunks("a") == []


def test_a_changed_action_is_one_announcement() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(1))
    desk.chunks("a")
    desk.put(a_route("dst 198.18.0.0/32 proto udp dport 53", "r0", action=LIMIT))
    [chunk] = desk.chunks("a")
    assert (chunk.announced, chunk.withdrawn, chunk.messages) == (1, 0, 1)


def test_withdrawals_come_first() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(3))
    desk.chunks("a")
    desk.put(*hosts(3, start=10))
    desk.remove("r0", "r1", "r2")
    [chunk] = desk.chunks("a")
    withdraw, announce = messages(chunk)
    assert withdraw[24] == 15  # MP_UNREACH_NLRI
    assert announce[24] == 14  # MP_REACH_NLRI


def test_chunks_fit_one_write_and_messages_fit_their_limit() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(5000))
    chunks = desk.chunks("a")
    assert all(len(chunk.octets) <= 65536 for chunk in chunks)
    assert max(len(m) for chunk in chunks for m in messages(chunk)) <= 4096
    assert sum(chunk.announced for chunk in chunks) == 5000
    assert sum(chunk.messages for chunk in chunks) <= 27


def test_many_actions_still_fit_one_write() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(
        *(
            a_route(f"dst 198.18.0.{n % 250}/32 dport {n}", f"r{n}",
                    action=FlowSpecActions((RateLimit(1e6 + 1000 * n),)))
            for n in range(1, 900)
        )
    )  # fmt: skip
    assert all(len(chunk.octets) <= 65536 for chunk in desk.chunks("a"))


def test_what_a_refresh_repeats_is_no_change() -> None:
    """It is sent, and it is neither worth a probe nor less certain than before."""
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(3))
    [first] = [chunk for chunk in desk.chunks("a") if chunk.announced]
    member = desk.distribution.member("a")
    assert member is not None
    certain = dict(member.table_source.recent)
    desk.distribution.refresh_requested("a", IPV4_FLOWSPEC, 1000.0, enhanced=True)
    again = [chunk for chunk in desk.chunks("a") if chunk.announced]
    assert sum(chunk.announced for chunk in again) == 3
    assert [first.changed, *(chunk.changed for chunk in again)] == [True, False]
    assert member.changed == first.seq < member.written
    assert {key: seq for key, seq in member.table_source.recent.items() if seq > first.seq} == {}
    assert set(certain.values()) <= {first.seq}


def test_new_attributes_are_a_change_although_the_action_is_the_same() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(3))
    before = desk.chunks("a")[-1]
    desk.distribution.refresh_requested("a", IPV4_FLOWSPEC, 1000.0, enhanced=True)
    desk.chunks("a")
    marked = replace(TERMS, policy=ExportPolicy(communities=(65000 << 16 | 1,)))
    desk.distribution.terms_changed("a", marked, 1000.0)
    again = [chunk for chunk in desk.chunks("a") if chunk.announced]
    assert [chunk.changed for chunk in again] == [True]
    member = desk.distribution.member("a")
    assert member is not None
    assert member.changed > before.seq
