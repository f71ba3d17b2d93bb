"""OPEN: the shapes in which peers write their parameters, and the questions asked of one."""

import pytest

from prefixd.bgp.wire.capability import (
    FourOctetAs,
    GracefulRestart,
    Multiprotocol,
    RawCapability,
    RouteRefreshCapability,
)
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC
from prefixd.bgp.wire.open import Open, decode_open, encode_open, two_octet_as
from prefixd.bgp.wire.reader import Reader

HEAD = "04fde9005ac000020a"


def read(octets: str) -> Open:
    return decode_open(Reader(bytes.fromhex(octets)))


ONE_FOR_ALL = f"{HEAD}10020e0200010400010085" + "41040000fde9"
ONE_FOR_EACH = f"{HEAD}14" + "02020200" + "0206010400010085" + "020641040000fde9"
LONG_FORM_WITH_AN_ODD_LENGTH = f"{HEAD}13ff0011" + "02000e0200010400010085" + "41040000fde9"
LONG_FORM = f"{HEAD}ffff0011" + "02000e0200010400010085" + "41040000fde9"


@pytest.mark.parametrize(
    "octets", [ONE_FOR_ALL, ONE_FOR_EACH, LONG_FORM, LONG_FORM_WITH_AN_ODD_LENGTH]
)
def test_all_shapes_say_the_same(octets: str) -> None:
    assert read(octets) == Open(
        my_as=65001,
        hold_time_s=90,
        bgp_identifier=0xC000020A,
        capabilities=(
            RouteRefreshCapability(),
            Multiprotocol(IPV4_FLOWSPEC),
            FourOctetAs(65001),
        ),
    )


def test_an_open_without_parameters() -> None:
    bare = read(f"{HEAD}00")
    assert bare.capabilities == ()
    assert bare.asn == 65001
    assert bare.families == frozenset()
    assert encode_open(bare).hex() == f"{HEAD}00"


@pytest.mark.parametrize("size", [1, 248, 249, 250, 251, 253, 1000])
def test_capabilities_beyond_one_short_parameter_take_the_long_form(size: int) -> None:
    wanted = tuple(RawCapability(200, bytes(min(size - at, 200))) for at in range(0, size, 200))
    message = Open(my_as=1, hold_time_s=0, bgp_identifier=1, capabilities=wanted)
    octets = encode_open(message)
    assert decode_open(Reader(octets)) == message
    total = size + 2 * len(wanted)
    assert (octets[9] == 255 and octets[10] == 255) is (total > 253)


def test_a_length_of_255_with_an_ordinary_type_is_the_short_form() -> None:
    octets = f"{HEAD}ff" + "02fd" + "c8fb" + "00" * 251
    assert read(octets).capabilities == (RawCapability(200, bytes(251)),)


def test_the_real_as_number() -> None:
    message = Open(
        my_as=two_octet_as(4200000001),
        hold_time_s=90,
        bgp_identifier=1,
        capabilities=(FourOctetAs(4200000001),),
    )
    assert message.my_as == 23456
    assert message.asn == 4200000001
    assert two_octet_as(65535) == 65535


def test_repeated_capabilities_can_be_told_apart() -> None:
    first, last = GracefulRestart(restart_time_s=1), GracefulRestart(restart_time_s=2)
    message = Open(
        my_as=1,
        hold_time_s=90,
        bgp_identifier=1,
        capabilities=(
            Multiprotocol(IPV4_FLOWSPEC),
            first,
            Multiprotocol(IPV6_FLOWSPEC),
            last,
        ),
    )
    assert message.first(GracefulRestart) == first
    assert message.last(GracefulRestart) == last
    assert message.last(FourOctetAs) is None
    assert message.families == {IPV4_FLOWSPEC, IPV6_FLOWSPEC}
