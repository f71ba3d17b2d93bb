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
    code_of,
    format_community,
    format_extended,
    is_transitive,
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


SHOWN = {
    "0002fde900000064": "rt:65001:100",
    "0102c00002010064": "rt:192.0.2.1:100",
    "0202000100010064": "rt:65537:100",
    "0003fde900000064": "ro:65001:100",
    "8006000000000000": "0x8006000000000000",
    "000d20010db80000000000000000000000010064": "0x000d:2001:db8::1:100",
    "0102": "0x0102",
}


@pytest.mark.parametrize("octets", SHOWN)
def test_extended_communities_as_text(octets: str) -> None:
    assert format_extended(bytes.fromhex(octets)) == SHOWN[octets]


def test_code_and_scope() -> None:
    assert code_of(bytes.fromhex("800c000000000000")) == 0x800C
    assert is_transitive(bytes.fromhex("07020000fde94001"))
    assert not is_transitive(bytes.fromhex("47020000fde94001"))
