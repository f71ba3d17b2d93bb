"""UPDATE sections and End-of-RIB."""

import pytest

from prefixd.bgp.wire.attribute import RawAttribute
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.reader import Reader
from prefixd.bgp.wire.scalar import LocalPref, Origin
from prefixd.bgp.wire.update import Update, decode_update, encode_update

CONTEXT = WireContext()
PREFIX = Prefix.parse("198.51.100.0/24")
HOST = Prefix.parse("198.51.100.10/32")


def test_three_sections() -> None:
    update = Update(withdrawn=(HOST,), attributes=(Origin(),), nlri=(PREFIX, HOST))
    octets = "0005" + "20c633640a" + "0004" + "40010100" + "18c63364" + "20c633640a"
    assert encode_update(update, CONTEXT).hex() == octets
    assert decode_update(Reader(bytes.fromhex(octets)), CONTEXT) == update


def test_bits_beyond_a_prefix_are_cleared() -> None:
    octets = bytes.fromhex("0000" + "0004" + "40010100" + "14c6336f")
    assert decode_update(Reader(octets), CONTEXT).nlri == (Prefix.parse("198.51.96.0/20"),)


@pytest.mark.parametrize(
    ("update", "family"),
    [
        (Update(), IPV4_UNICAST),
        (Update(attributes=(MpUnreach(family=IPV4_FLOWSPEC),)), IPV4_FLOWSPEC),
        (Update(attributes=(MpUnreach(family=IPV4_FLOWSPEC), Origin())), None),
        (Update(attributes=(Origin(),)), None),
        (Update(withdrawn=(HOST,)), None),
        (Update(nlri=(HOST,)), None),
        (Update(attributes=(MpUnreach(family=IPV4_UNICAST, nlri=(HOST,)),)), None),
        (Update(attributes=(MpReach(family=IPV4_FLOWSPEC, nlri=()),)), None),
    ],
)
def test_end_of_rib(update: Update, family: object) -> None:
    assert update.end_of_rib == family


def test_first() -> None:
    update = Update(attributes=(Origin(1),))
    assert update.first(Origin) == Origin(1)
    assert update.first(LocalPref) is None


def test_a_section_beyond_two_octets_of_length_is_refused() -> None:
    long = RawAttribute(0xC0, 99, bytes(40_000))
    for update in (Update(withdrawn=(HOST,) * 20_000), Update(attributes=(long, long))):
        with pytest.raises(WireError):
            encode_update(update, CONTEXT)
