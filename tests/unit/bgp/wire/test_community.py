"""Lists of communities of the four sizes, both ways."""

import pytest

from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.attribute_list import decode_attributes, encode_attributes
from prefixd.bgp.wire.community import (
    BLACKHOLE,
    NO_EXPORT,
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
    LargeCommunities,
    format_community,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.reader import Reader

CONTEXT = WireContext()


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        ("c00808ffff029affffff01", Communities((BLACKHOLE, NO_EXPORT))),
        ("c010088006000000000000", ExtendedCommunities((bytes.fromhex("8006000000000000"),))),
        ("c01914" + "000c" + "20" * 18, Ipv6ExtendedCommunities((b"\x00\x0c" + b"\x20" * 18,))),
        ("c0200c0000fde90000000100000002", LargeCommunities(((65001, 1, 2),))),
        ("d0080100" + "00010002" * 64, Communities((65538,) * 64)),
    ],
)
def test_both_ways(octets: str, value: Attribute) -> None:
    assert decode_attributes(Reader(bytes.fromhex(octets)), CONTEXT, []) == (value,)
    assert encode_attributes([value], CONTEXT).hex() == octets


def test_text() -> None:
    assert format_community(BLACKHOLE) == "BLACKHOLE"
    assert format_community(65001 << 16 | 666) == "65001:666"
