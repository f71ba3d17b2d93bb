"""A route, its key and its rule."""

from dataclasses import replace

from prefixd.bgp.rib.route import (
    Key,
    Route,
    describe,
    host_nlri,
    nlri_of,
    octets_of_body,
    precedence,
    prefix_of,
)
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.wire.flowspec_action import Discard, RateLimit
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.speaking import a_route

TEXT = "dst 192.0.2.1/32 proto udp dport 53"


def test_a_route_made_from_octets_knows_its_rule() -> None:
    nlri = nlri_of(parse_rule(TEXT))
    route = Route(
        route_id="r", family=IPV4_FLOWSPEC, nlri=nlri, action=FlowSpecActions((Discard(),))
    )
    assert route.rule == parse_rule(TEXT)
    assert route.key == Key(IPV4_FLOWSPEC, nlri)
    assert describe(*route.key) == TEXT


def test_a_route_keeps_the_rule_that_its_maker_brings() -> None:
    rule = parse_rule(TEXT)
    brought = replace(a_route(TEXT), rule=rule)
    assert brought.rule is rule
    assert replace(brought, priority=3).rule is rule
    assert brought == a_route(TEXT)


def test_a_unicast_route_has_a_prefix_and_no_rule() -> None:
    prefix = Prefix.parse("192.0.2.1")
    nlri = host_nlri(prefix)
    route = Route(route_id="r", family=IPV4_UNICAST, nlri=nlri, action=BlackholeAction())
    assert route.rule is None
    assert prefix_of(*route.key) == prefix
    assert describe(*route.key) == "192.0.2.1/32"


def test_two_spellings_of_one_rule_share_their_octets() -> None:
    spellings = ("dst 192.0.2.1/32 dport 53,54", "dst 192.0.2.1/32 dport 53-54")
    assert len({nlri_of(parse_rule(text)) for text in spellings}) == 1


def test_a_long_rule_has_two_length_octets() -> None:
    ports = ",".join(str(port) for port in range(1, 400, 2))
    for text, octets in ((TEXT, 1), (f"dst 192.0.2.1/32 dport {ports}", 2)):
        nlri = nlri_of(parse_rule(text))
        assert octets_of_body(nlri) == len(nlri) - octets


def test_precedence_is_priority_then_strictness_then_age() -> None:
    limit = FlowSpecActions((RateLimit(1e6),))
    ranked = [
        a_route(TEXT, "important", priority=1, action=limit),
        a_route(TEXT, "strict"),
        a_route(TEXT, "new", since_us=2, action=limit),
        a_route(TEXT, "old", since_us=1, action=limit),
    ]
    backwards = ranked[::-1]
    assert sorted(backwards, key=precedence) == ranked
