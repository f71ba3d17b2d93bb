"""Extended communities as text."""

import pytest

from prefixd.bgp.wire.ext_community import code_of, format_community, is_transitive

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
def test_shown_as(octets: str) -> None:
    assert format_community(bytes.fromhex(octets)) == SHOWN[octets]


def test_code_and_scope() -> None:
    assert code_of(bytes.fromhex("800c000000000000")) == 0x800C
    assert is_transitive(bytes.fromhex("07020000fde94001"))
    assert not is_transitive(bytes.fromhex("47020000fde94001"))
