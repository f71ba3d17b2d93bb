"""Prefixes: one value per prefix, whatever the spelling."""

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.prefix import Prefix, encode_prefix, read_prefix
from prefixd.bgp.wire.reader import Reader


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("192.0.2.0/24", "18c00002"),
        ("0.0.0.0/0", "00"),
        ("198.51.100.10/32", "20c633640a"),
        ("2001:db8::/33", "2120010db800"),
        ("::/0", "00"),
    ],
)
def test_text_and_octets(text: str, octets: str) -> None:
    prefix = Prefix.parse(text)
    assert encode_prefix(prefix).hex() == octets
    assert str(prefix) == text
    reader = Reader(bytes.fromhex(octets))
    assert read_prefix(reader, prefix.afi) == prefix
    assert not reader


def test_bits_beyond_the_length_do_not_count() -> None:
    assert Prefix.parse("192.0.2.255/25") == Prefix.parse("192.0.2.128/25")
    assert read_prefix(Reader(bytes.fromhex("14c6336f")), 1) == Prefix.parse("198.51.96.0/20")
    assert Prefix.parse("192.0.2.1").is_host
    assert not Prefix.parse("192.0.2.0/31").is_host


@pytest.mark.parametrize("octets", ["21c000020100", "20c00002", "", "08"])
def test_malformed_prefixes(octets: str) -> None:
    with pytest.raises(WireError):
        read_prefix(Reader(bytes.fromhex(octets)), 1)


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4/", "1.2.3.4/33", "::/129", "1.2.3.4/+8", "1.2.3.4/8/8", "a\0"]
)
def test_texts_that_are_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match=r"prefix length|IP address"):
        Prefix.parse(text)


def test_too_few_octets() -> None:
    with pytest.raises(ValueError, match="cannot hold a /24"):
        Prefix.of(1, 24, b"\xc0\x00")
