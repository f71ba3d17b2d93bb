"""Our offer against a peer's OPEN: every refusal with its exact NOTIFICATION, every capability."""

from dataclasses import replace

import pytest

from prefixd.bgp.fsm.negotiate import (
    GracefulOffer,
    Negotiated,
    Offer,
    Refusal,
    negotiate,
    our_open,
)
from prefixd.bgp.wire.capability import (
    AddPath,
    AddPathFamily,
    Capability,
    CiscoRouteRefresh,
    EnhancedRouteRefresh,
    ExtendedMessage,
    FourOctetAs,
    Fqdn,
    GracefulFamily,
    GracefulRestart,
    LongLivedFamily,
    LongLivedGracefulRestart,
    Multiprotocol,
    Role,
    RouteRefreshCapability,
    SoftwareVersion,
)
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC, RoleCode
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from tests.kit.bgp import an_offer


def theirs(*capabilities: Capability, **changes: object) -> Open:
    message = Open(
        my_as=64501,
        hold_time_s=90,
        bgp_identifier=2,
        capabilities=(Multiprotocol(IPV4_FLOWSPEC), FourOctetAs(64501), *capabilities),
    )
    return replace(message, **changes)  # type: ignore[arg-type]  # a builder trusts its tests


def agreed(offer: Offer, message: Open) -> Negotiated:
    result = negotiate(offer, message)
    assert isinstance(result, Negotiated), result
    return result


def refused(offer: Offer, message: Open) -> Notification:
    result = negotiate(offer, message)
    assert isinstance(result, Refusal)
    assert result.detail
    return result.notification


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (theirs(my_as=64999, capabilities=()), Notification(2, 2)),
        (theirs(my_as=0, capabilities=()), Notification(2, 2)),
        (theirs(my_as=23456, capabilities=()), Notification(2, 2)),
        (theirs(capabilities=(FourOctetAs(64999),)), Notification(2, 2)),
        (theirs(capabilities=(FourOctetAs(64501), FourOctetAs(64502))), Notification(2, 2)),
        (theirs(my_as=23456, capabilities=(FourOctetAs(0),)), Notification(2, 2)),
        (theirs(bgp_identifier=0), Notification(2, 3)),
        (theirs(hold_time_s=1), Notification(2, 6)),
        (theirs(hold_time_s=2), Notification(2, 6)),
    ],
)
def test_refused(message: Open, expected: Notification) -> None:
    assert refused(an_offer(), message) == expected


def test_below_our_minimum_hold_time() -> None:
    assert refused(an_offer(min_hold_time_s=20), theirs(hold_time_s=10)) == Notification(2, 6)
    assert agreed(an_offer(min_hold_time_s=20), theirs(hold_time_s=0)).hold_time_s == 0


def test_our_own_identifier_is_refused_inside_one_as_only() -> None:
    """RFC 6286 2.1."""
    inside = an_offer(64501, peer=64501, router_id=2)
    assert refused(inside, theirs()) == Notification(2, 3)
    assert agreed(an_offer(router_id=2), theirs()).peer_id == 2


def test_no_common_family_names_what_we_need() -> None:
    message = theirs(capabilities=(Multiprotocol(IPV4_UNICAST), FourOctetAs(64501)))
    data = bytes.fromhex("010400010085" + "010400020085")
    assert refused(an_offer(), message) == Notification(2, 7, data)


def test_a_missing_required_family() -> None:
    offer = an_offer(required_families=(IPV6_FLOWSPEC,))
    assert refused(offer, theirs()) == Notification(2, 7, bytes.fromhex("010400020085"))


@pytest.mark.parametrize(
    ("ours", "their", "good"),
    [
        (RoleCode.PROVIDER, RoleCode.CUSTOMER, True),
        (RoleCode.CUSTOMER, RoleCode.PROVIDER, True),
        (RoleCode.ROUTE_SERVER, RoleCode.ROUTE_SERVER_CLIENT, True),
        (RoleCode.PEER, RoleCode.PEER, True),
        (RoleCode.PROVIDER, RoleCode.PROVIDER, False),
        (RoleCode.PEER, RoleCode.CUSTOMER, False),
    ],
)
def test_roles(ours: RoleCode, their: RoleCode, good: bool) -> None:
    """RFC 9234 4.2."""
    result = negotiate(an_offer(role=ours), theirs(Role(their)))
    if good:
        assert isinstance(result, Negotiated)
    else:
        assert isinstance(result, Refusal)
        assert result.notification == Notification(2, 11)


def test_a_strict_role_and_contradicting_roles() -> None:
    strict = an_offer(role=RoleCode.PEER, role_strict=True)
    assert refused(strict, theirs()) == Notification(2, 11)
    assert refused(an_offer(), theirs(Role(0), Role(1))) == Notification(2, 11)
    assert agreed(an_offer(role=RoleCode.PEER), theirs()).role is None


def test_hold_time_is_the_smaller_and_keepalive_its_third() -> None:
    terms = agreed(an_offer(hold_time_s=90), theirs(hold_time_s=30))
    assert (terms.hold_time_s, terms.keepalive_s, terms.send_hold_time_s) == (30, 10, 60)
    assert agreed(an_offer(hold_time_s=9), theirs()).send_hold_time_s == 30
    assert agreed(an_offer(keepalive_s=5.0), theirs()).keepalive_s == 5
    assert agreed(an_offer(hold_time_s=0), theirs()).keepalive_s == 0


def test_both_opens_are_kept_for_the_operator() -> None:
    offer, message = an_offer(), theirs()
    terms = agreed(offer, message)
    assert (terms.our_open, terms.peer_open) == (our_open(offer), message)


def test_families_need_both_sides() -> None:
    terms = agreed(an_offer(), theirs(Multiprotocol(IPV4_UNICAST)))
    assert terms.families == {IPV4_FLOWSPEC}
    assert terms.context.families == terms.families


def test_no_multiprotocol_capability_means_ipv4_unicast() -> None:
    offer = an_offer(families=(IPV4_UNICAST, IPV4_FLOWSPEC))
    terms = agreed(offer, theirs(capabilities=()))
    assert terms.families == {IPV4_UNICAST}
    assert not terms.four_octet_as
    assert not terms.refresh


def test_extended_messages_only_if_both_say_so() -> None:
    assert agreed(an_offer(), theirs(ExtendedMessage())).max_message == 4096
    assert agreed(an_offer(extended_message=True), theirs()).max_message == 4096
    offer = an_offer(extended_message=True)
    assert agreed(offer, theirs(ExtendedMessage())).max_message == 65535


def test_refresh_in_both_spellings() -> None:
    assert agreed(an_offer(), theirs(RouteRefreshCapability())).refresh
    assert agreed(an_offer(), theirs(CiscoRouteRefresh())).refresh
    assert not agreed(an_offer(), theirs()).enhanced_refresh
    assert agreed(an_offer(), theirs(EnhancedRouteRefresh())).enhanced_refresh


def test_add_path_is_never_in_effect() -> None:
    terms = agreed(an_offer(), theirs(AddPath((AddPathFamily(IPV4_FLOWSPEC, 3),))))
    assert terms.context.add_path == frozenset()


def test_graceful_restart_as_the_peer_tells_it() -> None:
    message = theirs(
        GracefulRestart(
            restart_time_s=120,
            restarting=True,
            notification=True,
            families=(GracefulFamily(IPV4_FLOWSPEC, True), GracefulFamily(IPV6_FLOWSPEC)),
        ),
        LongLivedGracefulRestart((LongLivedFamily(IPV4_FLOWSPEC, 3600, True),)),
    )
    terms = agreed(an_offer(), message)
    assert terms.graceful is not None
    assert terms.graceful.restarting
    assert terms.graceful.families == {IPV4_FLOWSPEC, IPV6_FLOWSPEC}
    assert terms.graceful.preserved == {IPV4_FLOWSPEC}
    assert terms.graceful.long_lived == ((IPV4_FLOWSPEC, 3600),)
    assert not terms.notification_restart, "we did not offer the N bit"
    ours = an_offer(graceful=GracefulOffer(restart_time_s=0))
    assert agreed(ours, message).notification_restart


def test_names_for_people_are_made_harmless() -> None:
    terms = agreed(an_offer(), theirs(Fqdn(b"r1\x1b[2J", b"example"), SoftwareVersion(b"FRR 8")))
    assert terms.hostname == "r1\\x1b[2J.example"
    assert terms.software == "FRR 8"


def test_our_open_says_what_we_offer() -> None:
    graceful = GracefulOffer(
        restart_time_s=120, families=(IPV4_FLOWSPEC,), restarting=True, stale_time_s=3600
    )
    message = our_open(
        an_offer(
            4_200_000_000,
            graceful=graceful,
            extended_message=True,
            role=RoleCode.CUSTOMER,
            host=b"prefixd-1",
        )
    )
    assert message.my_as == 23456
    assert message.asn == 4_200_000_000
    assert message.first(GracefulRestart) == GracefulRestart(
        restart_time_s=120,
        restarting=True,
        notification=True,
        families=(GracefulFamily(IPV4_FLOWSPEC, True),),
    )
    stale = message.first(LongLivedGracefulRestart)
    assert stale == LongLivedGracefulRestart((LongLivedFamily(IPV4_FLOWSPEC, 3600, True),))
    assert message.first(ExtendedMessage) is not None
    assert message.first(Role) == Role(RoleCode.CUSTOMER)
    assert message.first(AddPath) is None


def test_fail_open_offers_to_help_and_keeps_nothing() -> None:
    message = our_open(an_offer(graceful=GracefulOffer(restart_time_s=0)))
    assert message.first(GracefulRestart) == GracefulRestart(restart_time_s=0, notification=True)
