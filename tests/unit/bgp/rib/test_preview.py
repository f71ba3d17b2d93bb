"""Questions that send nothing."""

from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.preview import Preview, preview, simulate
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.rib.verdict import Split, Withheld
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC
from tests.kit.speaking import DISCARD, a_route

LIMIT = FlowSpecActions((RateLimit(1e6),))
TERMS = Terms(
    families=frozenset({IPV4_FLOWSPEC, IPV6_FLOWSPEC}),
    local_as=65000,
    internal=True,
    profile=PROFILES["frr"],
    policy=ExportPolicy(),
)


def asked(route: Route, *held: Route) -> Preview:
    loc = LocRib()
    loc.put(held)
    return preview("edge", Distribution(loc).group_for(TERMS, 0.0), loc, route)


def test_among_others_it_says_who_decides_first() -> None:
    found = asked(
        a_route("dst 192.0.2.1/32 proto udp", action=LIMIT),
        a_route("dst 192.0.2.1/32 proto udp dport 53"),
        a_route("dst 192.0.2.0/24 proto udp"),
        a_route("dst 192.0.2.1/32 proto tcp"),
        a_route("dst 192.0.2.1/32 proto udp sport 53", action=LIMIT),
    )
    assert found.decided_earlier_by == ("dst 192.0.2.1/32 proto udp dport 53",)
    assert found.decides_before == ("dst 192.0.2.0/24 proto udp",)
    assert found.position == 3
    assert (found.rules_before, found.rules_after) == (4, 5)


def test_a_split_shows_its_parts_and_its_cost() -> None:
    found = asked(a_route("dst 192.0.2.1/32 dport 1,3,5,7,9,11"))
    assert isinstance(found.verdict, Split)
    assert len(found.verdict.parts) == 2
    assert found.rules_after == 2


def test_a_refusal_costs_nothing() -> None:
    found = asked(a_route("dst 2001:db8::/104/64"))
    assert isinstance(found.verdict, Withheld)
    assert found.rules_after == found.rules_before
    assert not found.findings[-1].passed


def test_the_first_rule_in_router_order_decides_a_packet() -> None:
    loc = LocRib()
    loc.put(
        [
            a_route("dst 192.0.2.0/24 proto udp", "wide", action=LIMIT),
            a_route("dst 192.0.2.1/32 proto udp dport 53", "narrow", action=DISCARD),
        ]
    )
    group = Distribution(loc).group_for(TERMS, 0.0)

    def packet(port: int, dst: int = 0xC0000201, protocol: int = 17) -> Packet:
        return Packet(afi=1, dst=dst, src=1, protocol=protocol, dst_port=port, src_port=9)

    assert simulate(group, packet(53)).action == DISCARD
    assert simulate(group, packet(54)).action == LIMIT
    assert simulate(group, packet(53, dst=0xC0000202)).rule == "dst 192.0.2.0/24 proto udp"
    assert simulate(group, packet(53, protocol=6)).rule is None
