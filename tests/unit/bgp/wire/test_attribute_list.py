"""The list of attributes: framing, order, faults. Prices: test_errors_of_attributes.py."""

import pytest

from prefixd.bgp.wire.as_path import as_sequence
from prefixd.bgp.wire.attribute import Attribute, RawAttribute
from prefixd.bgp.wire.attribute_list import decode_attributes, encode_attributes, encode_frame
from prefixd.bgp.wire.community import (
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
    LargeCommunities,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, WireError
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.mp_reach import MpReach
from prefixd.bgp.wire.reader import Reader
from prefixd.bgp.wire.scalar import (
    Aggregator,
    As4Aggregator,
    AtomicAggregate,
    ClusterList,
    LocalPref,
    MultiExitDisc,
    NextHop,
    OnlyToCustomer,
    Origin,
    OriginatorId,
)

CONTEXT = WireContext(families=frozenset({IPV4_FLOWSPEC}))
OLD = WireContext(four_octet_as=False)
ADDRESS = bytes((192, 0, 2, 1))


def read(octets: str, context: WireContext = CONTEXT) -> tuple[tuple[Attribute, ...], list[Fault]]:
    faults: list[Fault] = []
    return decode_attributes(Reader(bytes.fromhex(octets)), context, faults), faults


@pytest.mark.parametrize(
    ("octets", "value", "context"),
    [
        ("40010102", Origin(2), CONTEXT),
        ("400200", as_sequence(), CONTEXT),
        ("400304c0000201", NextHop(ADDRESS), CONTEXT),
        ("80040400000007", MultiExitDisc(7), CONTEXT),
        ("40050400000064", LocalPref(100), CONTEXT),
        ("400600", AtomicAggregate(), CONTEXT),
        ("c00708fa56ea01c0000201", Aggregator(4200000001, ADDRESS), CONTEXT),
        ("c00706fde9c0000201", Aggregator(65001, ADDRESS), OLD),
        ("c01208fa56ea01c0000201", As4Aggregator(4200000001, ADDRESS), OLD),
        ("800904c0000201", OriginatorId(0xC0000201), CONTEXT),
        ("800a080000000100000002", ClusterList((1, 2)), CONTEXT),
        ("c023040000fde9", OnlyToCustomer(65001), CONTEXT),
        ("e063020102", RawAttribute(0xE0, 99, b"\x01\x02"), CONTEXT),
        ("d06300020102", RawAttribute(0xD0, 99, b"\x01\x02"), CONTEXT),
        ("c56300", RawAttribute(0xC5, 99, b""), CONTEXT),
    ],
)
def test_both_ways(octets: str, value: Attribute, context: WireContext) -> None:
    assert read(octets, context) == ((value,), [])
    assert encode_attributes([value], context).hex() == octets


def test_an_old_peer_sees_as_trans_for_a_large_aggregator() -> None:
    assert encode_attributes([Aggregator(4200000001, ADDRESS)], OLD).hex() == "c007065ba0c0000201"


def test_a_short_value_may_have_a_long_length() -> None:
    """FRR writes AS_PATH so, ExaBGP End-of-RIB."""
    assert read("5002000602010000fde9") == ((as_sequence(65001),), [])


def test_the_order_of_arrival_means_nothing() -> None:
    attributes = [Communities((1,)), Origin(), MpReach(family=IPV4_FLOWSPEC, nlri=()), LocalPref(1)]
    octets = encode_attributes(attributes, CONTEXT)
    assert octets.hex() == "800e050001850000" + "40010100" + "40050400000001" + "c0080400000001"
    backwards = "c0080400000001" + "40050400000001" + "40010100" + "800e050001850000"
    assert read(backwards) == read(octets.hex())


def test_faults_point_into_the_message_and_quote_the_attribute() -> None:
    attributes, [first, second] = read("40010100" + "4003020102" + "8005" + "0400000064")
    assert attributes == (Origin(), LocalPref(100))
    assert (first.offset, first.field, first.data.hex()) == (7, "NEXT_HOP", "4003020102")
    assert (second.offset, second.field, second.data.hex()) == (9, "LOCAL_PREF", "80050400000064")


def test_a_partial_bit_is_no_fault() -> None:
    assert read("e0080400000001") == ((Communities((1,)),), [])


@pytest.mark.parametrize(
    ("size", "header"), [(0, "c06300"), (255, "c063ff"), (256, "d0630100"), (4000, "d0630fa0")]
)
def test_the_long_length_only_where_it_is_needed(size: int, header: str) -> None:
    octets = encode_frame(0xC0, 99, bytes(size))
    assert octets.hex() == header + "00" * size


def test_a_value_beyond_two_octets_of_length_is_refused() -> None:
    with pytest.raises(WireError):
        encode_frame(0xC0, 99, bytes(65536))


@pytest.mark.parametrize(
    "attribute",
    [
        NextHop(b""),
        NextHop(bytes(16)),
        Aggregator(1, bytes(3)),
        ClusterList(()),
        Communities(()),
        LargeCommunities(()),
        ExtendedCommunities(()),
        ExtendedCommunities((bytes(8), bytes(7))),
        Ipv6ExtendedCommunities((bytes(8),)),
        MpReach(family=IPV4_FLOWSPEC, nlri=(), next_hop=bytes(5)),
    ],
)
def test_what_a_receiver_would_call_malformed_is_not_written(attribute: Attribute) -> None:
    with pytest.raises(WireError):
        encode_attributes([attribute], CONTEXT)
