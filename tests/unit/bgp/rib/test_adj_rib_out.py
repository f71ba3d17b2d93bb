"""Chunks: what is said, in what order, and what it costs the peer at every moment."""

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count

from prefixd.bgp.rib.adj_rib_out import Chunk, Table
from prefixd.bgp.rib.attributes import AttributeEncoder
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Pacing, RtbhTerms, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec_action import Accept, RateLimit, RedirectToAddress
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC, IPV6_UNICAST
from tests.kit.speaking import DISCARD, a_route

TERMS = Terms(
    families=frozenset({IPV4_FLOWSPEC, IPV6_FLOWSPEC}),
    local_as=65000,
    internal=True,
    profile=PROFILES["bird"],
    policy=ExportPolicy(),
    pacing=Pacing(batch_s=0.0, quiet_s=0.0),
)
LIMIT = FlowSpecActions((RateLimit(1e6),))


class Desk:
    """A fan-out with a clock of its own."""

    def __init__(self) -> None:
        self.loc = LocRib()
        self.distribution = Distribution(self.loc)
        self.distribution.ready()
        self._clock = count(1000.0, 1.0)

    def up(self, *names: str, terms: Terms = TERMS) -> None:
        for name in names:
            self.distribution.peer_up(name, terms, ProbeSettings(wanted=False), probe_usable=False)
        for name in names:
            self.chunks(name)

    def put(self, *routes: Route) -> None:
        self.distribution.changed(self.loc.put(routes), next(self._clock))

    def remove(self, *ids: str) -> None:
        self.distribution.changed(self.loc.remove(ids), next(self._clock))

    def chunks(self, name: str) -> list[Chunk]:
        now = next(self._clock)
        found: list[Chunk] = []
        while (
            chunk := self.distribution.next_chunk(name, now)
        ) is not None or self.distribution.judging(name):
            if chunk is not None:
                found.append(chunk)
        return found


def messages(chunk: Chunk) -> list[bytes]:
    buffer = bytearray(chunk.octets)
    context = WireContext(families=TERMS.families)
    found: list[bytes] = []
    while (message := cut_message(buffer, context)) is not None:
        found.append(message)
    assert not buffer
    return found


def hosts(number: int, start: int = 0) -> list[Route]:
    return [
        a_route(f"dst 198.18.{n >> 8}.{n & 255}/32 proto udp dport 53", f"r{n}", since_us=n)
        for n in range(start, start + number)
    ]


def test_peers_in_step_get_the_same_octets() -> None:
    desk = Desk()
    desk.up("a", "b", "c")
    desk.put(*hosts(500))
    first = desk.chunks("a")
    assert [id(chunk) for chunk in desk.chunks("b")] == [id(chunk) for chunk in first]
    assert [id(chunk) for chunk in desk.chunks("c")] == [id(chunk) for chunk in first]
    assert desk.distribution.group_count() == 1


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


def test_the_best_rules_are_told_first() -> None:
    desk = Desk()
    desk.put(*hosts(1500), a_route("dst 192.0.2.1/32", "urgent", priority=9))
    desk.distribution.peer_up("a", TERMS, ProbeSettings(wanted=False), probe_usable=False)
    first, *_ = desk.chunks("a")
    assert a_route("dst 192.0.2.1/32").nlri in first.octets


def test_end_of_rib_waits_for_a_complete_table() -> None:
    desk = Desk()
    desk.distribution = Distribution(desk.loc)  # not ready yet
    desk.distribution.peer_up("a", TERMS, ProbeSettings(wanted=False), probe_usable=False)
    assert desk.chunks("a") == []
    desk.put(*hosts(1))
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 1
    desk.distribution.ready()
    [chunk] = desk.chunks("a")
    assert chunk.octets.hex().count("800f03000") == 2


def test_end_of_rib_waits_for_a_paced_dump() -> None:
    desk = Desk()
    desk.put(*hosts(300))
    terms = replace(TERMS, pacing=Pacing(rules_per_second=100))
    desk.distribution.peer_up("a", terms, ProbeSettings(wanted=False), probe_usable=False)
    advertised = 0
    while advertised < 300:
        assert desk.distribution.wake_at("a", 0.0) is not None
        for chunk in desk.chunks("a"):
            assert chunk.announced or advertised == 300, "End-of-RIB too early"
            advertised += chunk.announced
    assert desk.distribution.member("a") is not None


def test_a_large_change_is_judged_in_slices_and_told_in_full() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(2000))
    assert desk.distribution.judging("a")
    assert desk.distribution.synced_revision("a") < desk.loc.revision
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 2000
    assert desk.distribution.synced_revision("a") == desk.loc.revision


def test_a_slow_peer_leaves_its_group_and_comes_back() -> None:
    desk = Desk()
    desk.up("fast", "slow")
    for number in range(80):
        desk.put(*hosts(1, start=number))
        desk.chunks("fast")
    desk.distribution.detach_slow(1000.0)
    slow = desk.distribution.member("slow")
    assert slow is not None
    assert not slow.in_step
    [chunk] = desk.chunks("slow")
    assert chunk.announced == 80  # coalesced, not eighty chunks
    assert slow.in_step
    assert desk.distribution.advertised("slow") == desk.distribution.advertised("fast")


def test_another_peers_trouble_is_not_mine() -> None:
    desk = Desk()
    desk.up("a", "b")
    desk.put(*hosts(5))
    desk.distribution.peer_down("b")
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 5
    desk.up("b")
    advertised: Table = desk.distribution.advertised("b")
    assert len(advertised[IPV4_FLOWSPEC]) == 5


def test_attributes_of_every_kind_of_peer() -> None:
    internal, external = (
        AttributeEncoder(TERMS),
        AttributeEncoder(
            Terms(families=TERMS.families, local_as=65001, internal=False, policy=ExportPolicy())
        ),
    )
    assert internal.encode(IPV4_FLOWSPEC, DISCARD).octets.hex() == (
        "4001010040020040050400000064c010088006000000000000"
    )
    assert external.encode(IPV4_FLOWSPEC, DISCARD).octets.hex() == (
        "4001010040020602010000fde9c010088006000000000000"
    )
    assert internal.encode(IPV4_FLOWSPEC, FlowSpecActions((Accept(),))).octets.hex() == (
        "4001010040020040050400000064"
    )
    v6 = FlowSpecActions((RedirectToAddress(bytes(15) + b"\1"),))
    assert "c01914000c" in internal.encode(IPV6_FLOWSPEC, v6).octets.hex()


def test_attributes_of_a_blackhole() -> None:
    terms = Terms(
        families=frozenset({IPV4_UNICAST, IPV6_UNICAST}),
        local_as=65001,
        internal=False,
        policy=ExportPolicy(communities=(65001 << 16 | 7,), med=5),
        rtbh=RtbhTerms(next_hop_v4=IPv4Address("192.0.2.66"), large_communities=((1, 2, 3),)),
    )
    encoder = AttributeEncoder(terms)
    v4 = encoder.encode(IPV4_UNICAST, BlackholeAction())
    assert v4.octets.hex() == (
        "4001010040020602010000fde9400304c0000242" "80040400000005" "c0080c"
        + "fde90007ffff029affffff01" + "c0200c000000010000000200000003"
    )  # fmt: skip
    v6 = encoder.encode(IPV6_UNICAST, BlackholeAction((0xFFFF029A,), bytes(16)))
    assert (v6.next_hop, "400304" in v6.octets.hex()) == (bytes(16), False)


def desk_of(rules: int, at_once: int, terms: Terms = TERMS) -> Desk:
    desk = Desk()
    desk.put(*hosts(rules))
    desk.up("a", terms=terms)
    desk.distribution.at_once = at_once
    return desk


def test_new_terms_are_judged_in_slices_and_nothing_leaves_before() -> None:
    """Ten rules, three at a time: the tenth is still told while the first are looked at."""
    desk = desk_of(10, 3)
    picky = replace(TERMS, policy=ExportPolicy(owners=frozenset({"nobody"})))
    desk.distribution.terms_changed("a", picky, 2000.0)
    for _ in range(3):
        assert desk.distribution.next_chunk("a", 2000.0) is None
        assert desk.distribution.judging("a")
    assert len(desk.distribution.advertised("a")[IPV4_FLOWSPEC]) == 10
    assert sum(chunk.withdrawn for chunk in desk.chunks("a")) == 10
    assert desk.distribution.wake_at("a", 3000.0) is None


def test_a_rule_that_comes_while_new_terms_are_judged_does_not_wait() -> None:
    desk = desk_of(10, 3)
    desk.distribution.terms_changed("a", replace(TERMS, names=frozenset({"a"})), 2000.0)
    desk.put(*hosts(1, start=50))
    chunk = desk.distribution.next_chunk("a", 2000.0)
    assert chunk is not None
    assert chunk.announced == 1
    assert desk.distribution.judging("a")


def test_rules_that_stay_cost_the_routers_pace_nothing() -> None:
    """Ninety rules are looked at under new terms and not told: five a second is about telling."""
    slow = replace(TERMS, pacing=Pacing(rules_per_second=100))
    desk = desk_of(90, 250, slow)
    narrower = replace(slow, pacing=Pacing(rules_per_second=5))
    desk.distribution.terms_changed("a", narrower, 2000.0)
    assert desk.chunks("a") == []
    assert desk.distribution.wake_at("a", 2001.0) is None
    desk.put(*hosts(5, start=100))
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 5


def test_terms_that_change_twice_keep_what_the_first_change_asked_for() -> None:
    """Another community rewrites every route, also when a second change follows at once."""
    desk = desk_of(4, 1)
    rewritten = replace(TERMS, policy=ExportPolicy(communities=(1,)))
    desk.distribution.terms_changed("a", rewritten, 2000.0)
    desk.distribution.terms_changed("a", replace(rewritten, names=frozenset({"a"})), 2000.0)
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 4
