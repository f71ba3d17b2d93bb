"""What an UPDATE does to the tables. Faults and their prices: test_errors_of_*.py."""

from dataclasses import replace

from prefixd.bgp.wire.as_path import AsPath, as_sequence
from prefixd.bgp.wire.community import ExtendedCommunities
from prefixd.bgp.wire.errors import Reaction
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST
from prefixd.bgp.wire.mp_reach import RawNlri
from prefixd.bgp.wire.outcome import Routes
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.scalar import Aggregator, NextHop, Origin
from tests.kit.wire import (
    ALL_FAMILIES,
    AS_PATH,
    DISCARD,
    EXTERNAL,
    HOST,
    NEXT_HOP,
    ORIGIN,
    REACH,
    RULE_NLRI,
    attribute,
    outcome_of,
    reach,
    unreach,
    update,
)

RULE = parse_rule("dst 198.51.100.10/32 proto udp")
OLD = replace(EXTERNAL, four_octet_as=False)
PATH_2 = attribute(0x40, 2, "0202fdea5ba0")


def test_a_clean_announcement() -> None:
    outcome = outcome_of(update(REACH, ORIGIN, AS_PATH, DISCARD))
    assert outcome.announced == (Routes(family=IPV4_FLOWSPEC, nlri=(RULE,)),)
    assert outcome.attributes == (
        Origin(),
        as_sequence(65001),
        ExtendedCommunities((bytes.fromhex("8006fde900000000"),)),
    )
    assert outcome.withdrawn == ()
    assert outcome.reaction is None


def test_four_lists_of_routes_in_one_update() -> None:
    """Nobody should send this; whoever does gets withdrawals first (RFC 7606 5.1)."""
    octets = update(
        reach("2020010db8", afi=2, safi=1, next_hop="20" * 16),
        unreach(RULE_NLRI),
        ORIGIN,
        AS_PATH,
        NEXT_HOP,
        nlri=HOST,
        withdrawn="18c63364",
    )
    outcome = outcome_of(octets)
    assert [routes.family for routes in outcome.withdrawn] == [IPV4_UNICAST, IPV4_FLOWSPEC]
    assert [routes.family for routes in outcome.announced] == [IPV4_UNICAST, IPV6_UNICAST]
    assert outcome.announced[0].next_hop == bytes((192, 0, 2, 66))
    assert outcome.announced[1].next_hop == b"\x20" * 16
    assert not any(isinstance(each, AsPath) and not each.segments for each in outcome.attributes)
    assert any(isinstance(each, NextHop) for each in outcome.attributes)


def test_the_strongest_reaction_counts() -> None:
    broken_family = reach("0b0120")
    octets = update(broken_family, attribute(0x40, 1, "09"), AS_PATH, NEXT_HOP, nlri=HOST)
    outcome = outcome_of(octets)
    assert outcome.reaction is Reaction.DISABLE_FAMILY
    assert outcome.disabled == {IPV4_FLOWSPEC}
    assert outcome.announced == ()
    assert [routes.family for routes in outcome.withdrawn] == [IPV4_UNICAST]


def test_path_identifiers_follow_their_routes() -> None:
    context = replace(EXTERNAL, add_path=ALL_FAMILIES)
    broken = "030e8101"
    nlri = f"00000001{RULE_NLRI}00000002{broken}00000003{RULE_NLRI}"
    outcome = outcome_of(update(reach(nlri), ORIGIN, AS_PATH, DISCARD), context)
    [announced], [withdrawn] = outcome.announced, outcome.withdrawn
    assert announced.path_ids == (1, 3)
    assert withdrawn.path_ids == (2,)
    assert withdrawn.nlri == (RawNlri(bytes.fromhex("0e8101")),)


def test_an_update_of_nothing_but_broken_rules_announces_nothing() -> None:
    outcome = outcome_of(update(reach("030e8101"), ORIGIN, AS_PATH, DISCARD))
    assert outcome.announced == ()
    assert outcome.attributes == ()
    assert [routes.nlri for routes in outcome.withdrawn] == [(RawNlri(b"\x0e\x81\x01"),)]


def test_an_old_peers_path_and_aggregator_are_made_whole() -> None:
    octets = update(
        ORIGIN,
        PATH_2,
        NEXT_HOP,
        attribute(0xC0, 7, "5ba0c0000201"),
        attribute(0xC0, 17, "0201fa56ea01"),
        attribute(0xC0, 18, "fa56ea01c0000201"),
        nlri=HOST,
    )
    attributes = outcome_of(octets, OLD).attributes
    assert as_sequence(65002, 4200000001) in attributes
    assert Aggregator(4200000001, bytes((192, 0, 2, 1))) in attributes
    assert len(attributes) == 4


def test_an_aggregator_that_is_not_as_trans_voids_both_4_octet_attributes() -> None:
    octets = update(
        ORIGIN,
        PATH_2,
        NEXT_HOP,
        attribute(0xC0, 7, "fdebc0000201"),
        attribute(0xC0, 17, "0201fa56ea01"),
        attribute(0xC0, 18, "fa56ea01c0000201"),
        nlri=HOST,
    )
    attributes = outcome_of(octets, OLD).attributes
    assert as_sequence(65002, 23456) in attributes
    assert Aggregator(65003, bytes((192, 0, 2, 1))) in attributes


def test_first_as_of_an_old_peer_with_a_large_as_number() -> None:
    strict = replace(OLD, peer_as=4200000001, enforce_first_as=True)
    path = attribute(0x40, 2, "02015ba0")
    outcome = outcome_of(update(ORIGIN, path, NEXT_HOP, nlri=HOST), strict)
    assert outcome.faults == ()
    assert outcome.announced[0].nlri == (Prefix.parse("198.51.100.10/32"),)
