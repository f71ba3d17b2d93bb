"""MP_REACH_NLRI and MP_UNREACH_NLRI: families, next hops, path identifiers, broken rules."""

import pytest

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import (
    FAMILY_BY_NAME,
    IPV4_FLOWSPEC,
    IPV4_FLOWSPEC_VPN,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.mp_reach import (
    MpReach,
    MpUnreach,
    RawNlri,
    decode_mp_reach,
    decode_mp_unreach,
    encode_mp_reach,
    encode_mp_unreach,
    is_readable,
)
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.reader import Reader

ALL = frozenset(FAMILY_BY_NAME.values())
CONTEXT = WireContext(families=ALL)
ADD_PATH = WireContext(families=ALL, add_path=ALL)
RULE = parse_rule("dst 198.51.100.10/32 proto udp")
OTHER = parse_rule("dst 198.51.100.11/32")
RULE_HEX = "090120c633640a038111"
OTHER_HEX = "060120c633640b"
HOP = bytes.fromhex("20010db8000000000000000000000001")


def read(octets: str, context: WireContext = CONTEXT) -> tuple[MpReach, list[Fault]]:
    faults: list[Fault] = []
    return decode_mp_reach(Reader(bytes.fromhex(octets)), context, faults), faults


@pytest.mark.parametrize(
    ("octets", "value", "context"),
    [
        pytest.param(
            f"0001850000{RULE_HEX}{OTHER_HEX}",
            MpReach(family=IPV4_FLOWSPEC, nlri=(RULE, OTHER)),
            CONTEXT,
            id="flowspec",
        ),
        pytest.param(
            f"000185000000000001{RULE_HEX}00000002{OTHER_HEX}",
            MpReach(family=IPV4_FLOWSPEC, nlri=(RULE, OTHER), path_ids=(1, 2)),
            ADD_PATH,
            id="flowspec with path identifiers",
        ),
        pytest.param(
            f"00020110{HOP.hex()}00" + "2020010db8" + "00",
            MpReach(
                family=IPV6_UNICAST,
                next_hop=HOP,
                nlri=(Prefix.parse("2001:db8::/32"), Prefix.parse("::/0")),
            ),
            CONTEXT,
            id="IPv6 unicast",
        ),
        pytest.param(
            f"00020120{(HOP * 2).hex()}00" + "000000092020010db8",
            MpReach(
                family=IPV6_UNICAST,
                next_hop=HOP * 2,
                nlri=(Prefix.parse("2001:db8::/32"),),
                path_ids=(9,),
            ),
            ADD_PATH,
            id="IPv6 unicast, link-local, path identifier",
        ),
        pytest.param(
            "00010104c00002010018cb0071",
            MpReach(
                family=IPV4_UNICAST,
                next_hop=bytes((192, 0, 2, 1)),
                nlri=(Prefix.parse("203.0.113.0/24"),),
            ),
            CONTEXT,
            id="IPv4 unicast",
        ),
    ],
)
def test_both_ways(octets: str, value: MpReach, context: WireContext) -> None:
    assert read(octets, context) == (value, [])
    assert encode_mp_reach(value, context).hex() == octets


def test_vpn_rules_keep_their_route_distinguisher() -> None:
    octets = "000186000011" + "0001fde900000064" + RULE_HEX[2:]
    value, faults = read(octets)
    assert faults == []
    assert value.family == IPV4_FLOWSPEC_VPN
    assert encode_mp_reach(value, CONTEXT).hex() == octets


def test_unreach_both_ways() -> None:
    value = MpUnreach(family=IPV4_FLOWSPEC, nlri=(OTHER,), path_ids=(7,))
    octets = f"00018500000007{OTHER_HEX}"
    assert encode_mp_unreach(value, ADD_PATH).hex() == octets
    assert decode_mp_unreach(Reader(bytes.fromhex(octets)), ADD_PATH, []) == value


def test_a_long_rule_under_a_path_identifier() -> None:
    ports = ",".join(str(port) for port in range(1000, 1200, 2))
    rule = parse_rule(f"dst 198.51.100.10/32 dport {ports}")
    value = MpReach(family=IPV4_FLOWSPEC, nlri=(rule, OTHER), path_ids=(1, 2))
    octets = encode_mp_reach(value, ADD_PATH)
    assert octets[9] >= 0xF0
    assert read(octets.hex(), ADD_PATH) == (value, [])


def test_a_broken_rule_costs_only_itself_and_says_where() -> None:
    octets = f"0001850000{OTHER_HEX}" + "03" + "0e8101" + RULE_HEX
    value, [fault] = read(octets)
    assert value.nlri == (OTHER, RawNlri(bytes.fromhex("0e8101")), RULE)
    assert (fault.reaction, fault.reason) == (Reaction.WITHDRAW, Reason.NLRI_CONTENT)
    assert fault.family == IPV4_FLOWSPEC
    assert fault.nlri == bytes.fromhex("0e8101")
    assert bytes.fromhex(octets)[fault.offset] == 0x0E
    assert encode_mp_reach(value, CONTEXT).hex() == octets


@pytest.mark.parametrize("size", [1, 3, 5, 15, 17, 33, 48, 255])
def test_next_hops_of_impossible_length(size: int) -> None:
    octets = f"000185{size:02x}" + "20" * size + "00" + OTHER_HEX
    with pytest.raises(WireError) as caught:
        read(octets)
    assert caught.value.field == "next hop length"


@pytest.mark.parametrize("size", [0, 4, 16, 32])
def test_a_next_hop_of_a_rule_is_kept_and_ignored(size: int) -> None:
    value, faults = read(f"000185{size:02x}" + "7f" * size + "00" + OTHER_HEX)
    assert value.next_hop == b"\x7f" * size
    assert faults == []


def test_families() -> None:
    assert is_readable(IPV6_FLOWSPEC)
    assert not is_readable(Family(25, 65))
    assert not is_readable(Family(1, 128))
    with pytest.raises(WireError):
        read("0019410000")
