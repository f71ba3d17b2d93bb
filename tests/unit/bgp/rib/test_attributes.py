"""Path attributes of a route action, for every kind of peer."""

from ipaddress import IPv4Address

from prefixd.bgp.rib.attributes import AttributeEncoder
from prefixd.bgp.rib.export_terms import ExportPolicy, RtbhTerms, Terms
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.wire.flowspec_action import Accept, RedirectToAddress
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC, IPV6_UNICAST
from tests.kit.distribution import TERMS
from tests.kit.speaking import DISCARD


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
