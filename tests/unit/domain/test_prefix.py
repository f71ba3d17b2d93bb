"""One spelling per address, whatever was typed."""

import pytest

from prefixd.domain.prefix import V4, V6, Address, Prefix
from tests.kit.builders import a_prefix, an_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"),
        ("::", "::"),
        ("::1", "::1"),
    ],
)
def test_w07_s05_one_spelling_per_address(text: str, canonical: str) -> None:
    address = Address.parse(text)
    assert address is not None
    assert str(address) == canonical
    assert Address.parse(canonical) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 192.0.2.1",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1/32",
        "0x7f.1",
        "2001:db8",
        "2001:db8::1%eth0",
        "fe80::1\x00",
        "1" * 100,
        "example.net",
        "１９２.0.2.1",
        "\ud800",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert Address.parse(text) is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:db8:ffff::/33", "2001:db8:8000::/33"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_prefixes_lose_their_host_bits(text: str, canonical: str) -> None:
    assert str(Prefix.parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    ["192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/2 4", "::ffff:0:0/80"],
)
def test_what_is_no_prefix_is_none(text: str) -> None:
    assert Prefix.parse(text) is None


def test_strict_parsing_refuses_host_bits() -> None:
    assert Prefix.parse("192.0.2.7/24", strict=True) is None
    assert Prefix.parse("192.0.2.0/24", strict=True) == a_prefix("192.0.2.0/24")


def test_w06_a_host_prefix_has_the_length_of_its_family() -> None:
    assert str(an_address("192.0.2.1").host()) == "192.0.2.1/32"
    assert str(an_address("2001:db8::1").host()) == "2001:db8::1/128"
    assert a_prefix("192.0.2.1").is_host
    assert not a_prefix("2001:db8::/64").is_host


def test_covering_looks_at_the_family_too() -> None:
    wide, inside = a_prefix("192.0.2.0/24"), a_prefix("192.0.2.128/25")
    assert wide.covers(inside)
    assert wide.covers(wide)
    assert not inside.covers(wide)
    assert inside.overlaps(wide)
    assert not wide.covers(Prefix(V6, wide.value, 24))
    assert not a_prefix("0.0.0.0/0").covers(a_prefix("::1"))
    assert a_prefix("::/0").contains(Address(V6, 5))
    assert not a_prefix("::/0").contains(Address(V4, 5))


def test_a_victim_is_named_as_people_name_it() -> None:
    assert a_prefix("2001:db8::1").victim_text() == "2001:db8::1"
    assert a_prefix("192.0.2.0/24").victim_text() == "192.0.2.0/24"


def test_bytes_are_those_of_the_wire() -> None:
    assert an_address("192.0.2.1").to_bytes() == bytes([192, 0, 2, 1])
    assert an_address("2001:db8::1").to_bytes().hex() == "20010db8000000000000000000000001"
