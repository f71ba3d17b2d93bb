"""Capabilities as other speakers send them, and the octets we send."""

import pytest

from prefixd.bgp.wire.capability import (
    AddPath,
    AddPathFamily,
    Capability,
    CiscoRouteRefresh,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAs,
    Fqdn,
    GracefulFamily,
    GracefulRestart,
    LongLivedFamily,
    LongLivedGracefulRestart,
    Multiprotocol,
    RawCapability,
    Role,
    RouteRefreshCapability,
    SoftwareVersion,
    decode_capability,
    encode_capability,
    is_malformed,
)
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC, Family, RoleCode
from prefixd.bgp.wire.reader import Reader

KNOWN: list[tuple[str, Capability]] = [
    ("010400010085", Multiprotocol(IPV4_FLOWSPEC)),
    ("0200", RouteRefreshCapability()),
    ("0506000100010002", ExtendedNextHop(((IPV4_UNICAST, 2),))),
    ("0600", ExtendedMessage()),
    ("090103", Role(RoleCode.CUSTOMER)),
    ("40020078", GracefulRestart(restart_time_s=120)),
    (
        "4006c07800018580",
        GracefulRestart(
            restart_time_s=120,
            restarting=True,
            notification=True,
            families=(GracefulFamily(IPV4_FLOWSPEC, forwarding=True),),
        ),
    ),
    ("4104fa56ea01", FourOctetAs(4200000001)),
    (
        "450c000101010001850100028501",
        AddPath(
            tuple(
                AddPathFamily(family, 1) for family in (IPV4_UNICAST, IPV4_FLOWSPEC, IPV6_FLOWSPEC)
            )
        ),
    ),
    ("4600", EnhancedRouteRefresh()),
    ("4700", LongLivedGracefulRestart(())),
    (
        "470700028580015180",
        LongLivedGracefulRestart((LongLivedFamily(IPV6_FLOWSPEC, 86400, forwarding=True),)),
    ),
    ("490b09707265666978642d3100", Fqdn(b"prefixd-1")),
    ("4b06055254522f31", SoftwareVersion(b"RTR/1")),
    ("8000", CiscoRouteRefresh()),
    ("4204deadbeef", RawCapability(66, bytes.fromhex("deadbeef"))),
]


@pytest.mark.parametrize(("octets", "value"), KNOWN, ids=lambda each: type(each).__name__)
def test_both_ways(octets: str, value: Capability) -> None:
    reader = Reader(bytes.fromhex(octets))
    assert decode_capability(reader) == value
    assert not reader
    assert encode_capability(value).hex() == octets
    assert not is_malformed(value)


def test_reserved_bits_are_ignored() -> None:
    assert decode_capability(Reader(bytes.fromhex("0104ffff7f01"))) == Multiprotocol(
        Family(0xFFFF, 1)
    )
    graceful = decode_capability(Reader(bytes.fromhex("4006307800018501")))
    assert graceful == GracefulRestart(
        restart_time_s=120, families=(GracefulFamily(IPV4_FLOWSPEC),)
    )


def test_an_impossible_length_keeps_the_octets() -> None:
    reader = Reader(bytes.fromhex("4105fa56ea0100" + "0200"))
    capability = decode_capability(reader)
    assert capability == RawCapability(65, bytes.fromhex("fa56ea0100"))
    assert is_malformed(capability)
    assert encode_capability(capability).hex() == "4105fa56ea0100"
    assert decode_capability(reader) == RouteRefreshCapability()


@pytest.mark.parametrize(
    "capability",
    [
        GracefulRestart(restart_time_s=4096),
        AddPath(tuple(AddPathFamily(IPV4_UNICAST, 1) for _ in range(64))),
        RawCapability(200, bytes(256)),
    ],
)
def test_what_does_not_fit_is_refused(capability: Capability) -> None:
    with pytest.raises(WireError):
        encode_capability(capability)
