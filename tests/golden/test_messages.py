"""Whole messages: hexadecimal and value, each turned into the other."""

from pathlib import Path

import pytest

from prefixd.bgp.wire.as_path import as_sequence
from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.capability import (
    EnhancedRouteRefresh,
    FourOctetAs,
    GracefulFamily,
    GracefulRestart,
    Multiprotocol,
    RouteRefreshCapability,
)
from prefixd.bgp.wire.community import BLACKHOLE, NO_EXPORT, Communities, ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec_action import (
    Action,
    Discard,
    RateLimit,
    RedirectToAddress,
    encode_actions,
    route_target,
)
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import (
    FAMILY_BY_NAME,
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    CeaseSubcode,
    Family,
    RefreshSubtype,
)
from prefixd.bgp.wire.message import (
    Keepalive,
    Message,
    RouteRefresh,
    decode_message,
    encode_message,
)
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach
from prefixd.bgp.wire.notification import Notification, cease, hard_reset
from prefixd.bgp.wire.open import Open, two_octet_as
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.prefix import Prefix, parse_address
from prefixd.bgp.wire.scalar import LocalPref, NextHop, Origin
from prefixd.bgp.wire.update import Update

LINES = (Path(__file__).parent / "bgp_messages.txt").read_text().splitlines()
HEX = {
    line.split(" | ")[0]: line.split(" | ")[1]
    for line in LINES
    if line and not line.startswith("#")
}
N05 = "dst 198.51.100.10/32 proto udp sport 53 length >=512"
WEB = "dst 203.0.113.0/24 proto tcp dport 80,443"
N27 = "dst 2001:db8::1/128 proto udp dport 53"


def announce(family: Family, rules: list[str], action: Action, *also: Attribute) -> Update:
    communities, _ = encode_actions([action])
    path = () if any(isinstance(each, LocalPref) for each in also) else (65001,)
    return Update(
        attributes=(
            MpReach(family=family, nlri=tuple(parse_rule(rule) for rule in rules)),
            Origin(),
            as_sequence(*path),
            *also,
            ExtendedCommunities(communities),
        )
    )


VALUES: dict[str, Message] = {
    "M1": Keepalive(),
    "M2": Open(
        my_as=two_octet_as(4200000001),
        hold_time_s=90,
        bgp_identifier=0xC000020A,
        capabilities=(
            Multiprotocol(IPV4_UNICAST),
            Multiprotocol(IPV4_FLOWSPEC),
            Multiprotocol(IPV6_UNICAST),
            Multiprotocol(IPV6_FLOWSPEC),
            RouteRefreshCapability(),
            EnhancedRouteRefresh(),
            FourOctetAs(4200000001),
            GracefulRestart(
                restart_time_s=120,
                notification=True,
                families=(
                    GracefulFamily(IPV4_FLOWSPEC, forwarding=True),
                    GracefulFamily(IPV6_FLOWSPEC, forwarding=True),
                ),
            ),
        ),
    ),
    "M3": RouteRefresh(IPV4_FLOWSPEC),
    "M4": RouteRefresh(IPV4_FLOWSPEC, RefreshSubtype.BEGIN),
    "M5": RouteRefresh(IPV4_FLOWSPEC, RefreshSubtype.END),
    "M6": Update(attributes=(MpUnreach(family=IPV4_FLOWSPEC),)),
    "M7": Update(attributes=(MpUnreach(family=IPV6_FLOWSPEC),)),
    "M8": Update(),
    "M9": cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, "maintenance"),
    "M10": hard_reset(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN)),
    "M11": Notification(8, 0),
    "U1": announce(IPV4_FLOWSPEC, [N05], Discard(65001)),
    "U2": announce(IPV4_FLOWSPEC, [N05], RateLimit(1_000_000), LocalPref(100)),
    "U3": Update(attributes=(MpUnreach(family=IPV4_FLOWSPEC, nlri=(parse_rule(N05),)),)),
    "U4": announce(IPV4_FLOWSPEC, [N05, WEB], Discard(65001)),
    "U5": announce(IPV6_FLOWSPEC, [N27], Discard(65001)),
    "U6": announce(IPV4_FLOWSPEC, [WEB], route_target("65001:100")),
    "U7": announce(IPV4_FLOWSPEC, [WEB], RedirectToAddress(bytes((192, 0, 2, 1)))),
    "U8": Update(
        attributes=(
            Origin(),
            as_sequence(65001),
            NextHop(bytes((192, 0, 2, 66))),
            Communities((BLACKHOLE, NO_EXPORT)),
        ),
        nlri=(Prefix.parse("198.51.100.10/32"),),
    ),
    "U9": Update(
        attributes=(
            MpReach(
                family=IPV6_UNICAST,
                next_hop=parse_address("100::1")[1],
                nlri=(Prefix.parse("2001:db8::1/128"),),
            ),
            Origin(),
            as_sequence(65001),
            Communities((BLACKHOLE, NO_EXPORT)),
        )
    ),
    "U10": Update(withdrawn=(Prefix.parse("198.51.100.10/32"),)),
}


def context(name: str) -> WireContext:
    """U2 is the one message of an internal session."""
    return WireContext(families=frozenset(FAMILY_BY_NAME.values()), external=name != "U2")


def test_every_line_of_the_file_has_a_value() -> None:
    assert HEX.keys() == VALUES.keys()


@pytest.mark.parametrize("name", VALUES)
def test_octets_become_the_value(name: str) -> None:
    assert decode_message(bytes.fromhex(HEX[name]), context(name)) == VALUES[name]


@pytest.mark.parametrize("name", VALUES)
def test_the_value_becomes_the_octets(name: str) -> None:
    assert encode_message(VALUES[name], context(name)).hex() == HEX[name]


@pytest.mark.parametrize("name", [name for name in VALUES if name.startswith("U")])
def test_every_update_does_what_it_says_without_a_fault(name: str) -> None:
    update = VALUES[name]
    assert isinstance(update, Update)
    outcome = assess(update, context(name))
    assert outcome.faults == ()
    assert bool(outcome.withdrawn) is (name in ("U3", "U10"))
    assert bool(outcome.announced) is (name not in ("U3", "U10"))


@pytest.mark.parametrize(
    ("name", "family"),
    [("M6", IPV4_FLOWSPEC), ("M7", IPV6_FLOWSPEC), ("M8", IPV4_UNICAST)],
)
def test_end_of_rib(name: str, family: Family) -> None:
    update = VALUES[name]
    assert isinstance(update, Update)
    assert assess(update, context(name)).end_of_rib == family
