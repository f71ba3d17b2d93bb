"""UPDATE messages built from ready octets, compared with whole messages (RFC 4271, 4760, 8955)."""

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.packing import end_of_rib, pack_announcements, pack_withdrawals

M = "ff" * 16
EBGP = "4001010040020602010000fde9"
N05 = "100120c633640a0381110681350a930200"
N27 = "1901800020010db8000000000000000000000001038111058135"
RTBH = "c00808ffff029affffff01"

ANNOUNCED: dict[str, tuple[Family, str, str, list[str], str]] = {
    "discard to an external peer": (
        IPV4_FLOWSPEC,
        EBGP + "c010088006fde900000000",
        "",
        [N05],
        "00480200000031800e160001850000100120c633640a0381110681350a93020040010100400206020100"
        "00fde9c010088006fde900000000",
    ),
    "limit to an internal peer": (
        IPV4_FLOWSPEC,
        "4001010040020040050400000064c010088006000047f42400",
        "",
        [N05],
        "00490200000032800e160001850000100120c633640a0381110681350a9302004001010040020040050400"
        "000064c010088006000047f42400",
    ),
    "two rules": (
        IPV4_FLOWSPEC,
        EBGP + "c010088006fde900000000",
        "",
        [N05, "0e0118cb00710381060501509101bb"],
        "00570200000040800e250001850000100120c633640a0381110681350a9302000e0118cb0071038106050150"
        "9101bb4001010040020602010000fde9c010088006fde900000000",
    ),
    "IPv6": (
        IPV6_FLOWSPEC,
        EBGP + "c010088006fde900000000",
        "",
        [N27],
        "0051020000003a800e1f00028500001901800020010db8000000000000000000000001038111058135400101"
        "0040020602010000fde9c010088006fde900000000",
    ),
    "blackhole": (
        IPV4_UNICAST,
        EBGP + "400304c0000242" + RTBH,
        "",
        ["20c633640a"],
        "003b020000001f4001010040020602010000fde9400304c0000242c00808ffff029affffff0120c633640a",
    ),
    "IPv6 blackhole": (
        IPV6_UNICAST,
        EBGP + RTBH,
        "01000000000000000000000000000001",
        ["8020010db8000000000000000000000001"],
        "00580200000041800e260002011001000000000000000000000000000001008020010db80000000000000000"
        "000000014001010040020602010000fde9c00808ffff029affffff01",
    ),
}


@pytest.mark.parametrize("name", ANNOUNCED)
def test_announcement(name: str) -> None:
    family, attributes, next_hop, nlri, wanted = ANNOUNCED[name]
    [message] = pack_announcements(
        [bytes.fromhex(each) for each in nlri],
        family=family,
        attributes=bytes.fromhex(attributes),
        next_hop=bytes.fromhex(next_hop),
    )
    assert message.hex() == M + wanted


@pytest.mark.parametrize(
    ("family", "nlri", "wanted"),
    [
        (IPV4_FLOWSPEC, N05, "002e0200000017800f14000185" + N05),
        (IPV4_UNICAST, "20c633640a", "001c02000520c633640a0000"),
    ],
)
def test_withdrawal(family: Family, nlri: str, wanted: str) -> None:
    [message] = pack_withdrawals([bytes.fromhex(nlri)], family=family)
    assert message.hex() == M + wanted


@pytest.mark.parametrize(
    ("family", "wanted"),
    [
        (IPV4_FLOWSPEC, "001d0200000006800f03000185"),
        (IPV6_FLOWSPEC, "001d0200000006800f03000285"),
        (IPV4_UNICAST, "00170200000000"),
    ],
)
def test_end_of_rib(family: Family, wanted: str) -> None:
    assert end_of_rib(family).hex() == M + wanted


def test_100000_typical_rules_need_few_messages() -> None:
    nlri = [b"\x10" + index.to_bytes(16, "big") for index in range(100_000)]
    attributes = bytes.fromhex(EBGP + "c010088006fde900000000")
    messages = pack_announcements(nlri, family=IPV4_FLOWSPEC, attributes=attributes)
    assert len(messages) == 422
    assert max(map(len, messages)) <= 4096
    assert len(pack_withdrawals(nlri, family=IPV4_FLOWSPEC)) == 419


def test_extended_messages_are_filled() -> None:
    nlri = [b"\x10" + index.to_bytes(16, "big") for index in range(10_000)]
    messages = pack_announcements(nlri, family=IPV4_FLOWSPEC, attributes=b"", max_message=65535)
    assert [len(message) // 17 for message in messages] == [3854, 3854, 2295]


@pytest.mark.parametrize("family", [IPV4_FLOWSPEC, IPV4_UNICAST])
def test_what_fits_into_no_message_is_an_error_not_a_loop(family: Family) -> None:
    too_large = bytes(4090)
    for nlri in ([too_large], [b"\x01\x00", too_large]):
        with pytest.raises(WireError, match="an NLRI of 4090 octets"):
            pack_announcements(nlri, family=family, attributes=bytes(60))
        with pytest.raises(WireError, match="an NLRI of 4090 octets"):
            pack_withdrawals(nlri, family=family)


def test_nothing_to_say_is_no_message() -> None:
    assert pack_announcements([], family=IPV4_FLOWSPEC, attributes=b"") == []
    assert pack_withdrawals([], family=IPV6_FLOWSPEC) == []
