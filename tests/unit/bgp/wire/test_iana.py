"""Names of numbers, known or not."""

from prefixd.bgp.wire.iana import (
    FAMILY_BY_NAME,
    IPV4_FLOWSPEC,
    Family,
    attribute_name,
    capability_name,
    error_name,
    message_name,
)


def test_families_by_name_and_back() -> None:
    for name, family in FAMILY_BY_NAME.items():
        assert str(family) == name
    assert str(IPV4_FLOWSPEC) == "ipv4-flowspec"
    assert str(Family(25, 65)) == "afi-25-safi-65"


def test_known_names() -> None:
    assert message_name(5) == "route refresh"
    assert attribute_name(14) == "MP_REACH_NLRI"
    assert capability_name(69) == "add path"
    assert error_name(3, 1) == "update message/malformed attribute list"
    assert error_name(4, 0) == "hold timer expired"


def test_unknown_numbers_have_names_too() -> None:
    assert message_name(9) == "unknown 9"
    assert attribute_name(23) == "attribute 23"
    assert capability_name(66) == "unknown 66"
    assert error_name(6, 99) == "cease/unknown 99"
    assert error_name(4, 7) == "hold timer expired/subcode 7"
    assert error_name(77, 3) == "unknown 77/subcode 3"
