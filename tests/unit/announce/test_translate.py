"""A rule in an operator's words as a route: exact, or refused with a reason."""

import pytest
from msgspec.structs import replace

from prefixd.announce.translate import Untranslatable, flow_of, match_of, route_of, rule_of_flow
from prefixd.bgp.rib.route import Route, describe, rule_of
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.wire import flowspec_action as act
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.domain.ids import MitigationId
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Fragment,
    Intent,
    Mark,
    Match,
    Police,
    PortRange,
    Redirect,
    Rule,
    TcpFlags,
)


def prefix(text: str) -> Prefix:
    found = Prefix.parse(text)
    assert found is not None
    return found


HOST = prefix("192.0.2.1/32")


def intent(match: Match, action: Action, mitigation_id: str = "m1") -> Intent:
    return Intent(
        mitigation_id=MitigationId(mitigation_id),
        rule=Rule(match, action),
        priority=3,
        expires_at_us=77,
        owner="fra1",
    )


MATCHES = {
    "dst 192.0.2.1/32": Match(dst=HOST),
    "dst 192.0.2.1/32 src 203.0.113.0/24 proto udp dport 53,1000-2000 sport 123": Match(
        dst=HOST,
        src=prefix("203.0.113.0/24"),
        protocol=17,
        dst_ports=(PortRange(53, 53), PortRange(1000, 2000)),
        src_ports=(PortRange(123, 123),),
    ),
    "dst 2001:db8::1/128 proto icmp6": Match(dst=prefix("2001:db8::1"), protocol=58),
    "dst 192.0.2.1/32 proto tcp tcp-flags =syn&!ack": Match(
        dst=HOST, protocol=6, tcp_flags=TcpFlags(0x02, 0x12)
    ),
    "dst 192.0.2.1/32 tcp-flags !fin|syn": Match(dst=HOST, tcp_flags=TcpFlags(0, 0x03)),
    "dst 192.0.2.1/32 fragment is-fragment|first-fragment": Match(
        dst=HOST, fragments=(Fragment.IS_FRAGMENT, Fragment.FIRST_FRAGMENT)
    ),
    "dst 192.0.2.1/32 length >=512": Match(dst=HOST, packet_lengths=(PortRange(512, 65535),)),
}


@pytest.mark.parametrize("text", MATCHES)
def test_a_match_and_its_flow(text: str) -> None:
    flow = flow_of(MATCHES[text])
    assert format_rule(flow) == text
    assert match_of(flow) == MATCHES[text]


ACTIONS: dict[str, tuple[Action, act.Action]] = {
    "discard": (Discard(), act.Discard(asn=65000)),
    "police": (Police(10_000_000), act.RateLimit(10_000_000.0, asn=65000)),
    "mark": (Mark(46), act.MarkDscp(46)),
    "vrf": (Redirect(route_target="64500:666"), act.route_target("64500:666")),
    "next hop": (
        Redirect(next_hop=Address.parse("2001:db8::9")),
        act.RedirectToAddress(bytes.fromhex("20010db8000000000000000000000009")),
    ),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_and_its_route_action(name: str) -> None:
    action, wanted = ACTIONS[name]
    route = route_of(intent(Match(dst=HOST), action), 65000)
    assert not isinstance(route, Untranslatable)
    assert route.action == FlowSpecActions((wanted,))
    assert rule_of_flow(flow_of(Match(dst=HOST)), FlowSpecActions((wanted,))) == Rule(
        Match(dst=HOST), action
    )
    assert (route.route_id, route.priority, route.expires_at_us, route.owner) == (
        "m1",
        3,
        77,
        "fra1",
    )


def test_the_rule_of_a_route_is_what_its_octets_say() -> None:
    match = Match(dst=HOST, protocol=17, dst_ports=(PortRange(53, 53), PortRange(54, 60)))
    route = route_of(intent(match, Discard()), 65000)
    assert isinstance(route, Route)
    assert route.rule is not None
    assert route.rule == rule_of(route.family, route.nlri)


def test_a_blackhole_is_a_host_route_with_communities() -> None:
    route = route_of(intent(Match(dst=HOST, protocol=17), Blackhole()), 65000)
    assert not isinstance(route, Untranslatable)
    assert describe(*route.key) == "192.0.2.1/32"
    assert route.action == BlackholeAction((0xFFFF029A, 0xFFFFFF01), b"")


def test_age_comes_from_the_identifier() -> None:
    uuid7 = "018f4c5a-1c00-7000-8000-000000000001"
    route = route_of(intent(Match(dst=HOST), Discard(), uuid7), 65000)
    assert not isinstance(route, Untranslatable)
    assert route.since_us == 0x018F4C5A1C00 * 1000


REFUSED: dict[str, tuple[Match, Action, str]] = {
    "everything": (Match(dst=None), Discard(), "matches everything"),
    "two families": (
        Match(dst=HOST, src=prefix("2001:db8::/32")),
        Discard(),
        "different IP versions",
    ),
    "DF in IPv6": (
        Match(dst=prefix("2001:db8::1"), fragments=(Fragment.DONT_FRAGMENT,)),
        Discard(),
        "no don't-fragment bit",
    ),
    "no flags": (Match(dst=HOST, tcp_flags=TcpFlags(0, 0)), Discard(), "select nothing"),
    "flag out of reach": (Match(dst=HOST, tcp_flags=TcpFlags(0x1000, 0x1000)), Discard(), "4096"),
    "port": (Match(dst=HOST, dst_ports=(PortRange(1, 70000),)), Discard(), "0..65535"),
    "no rate": (Match(dst=HOST), Police(0), "discard; use Discard"),
    "DSCP": (Match(dst=HOST), Mark(64), "outside 0..63"),
    "no redirect": (Match(dst=HOST), Redirect(), "either a route target or a next hop"),
    "bad target": (Match(dst=HOST), Redirect(route_target="x"), "not a route target"),
    "blackhole nowhere": (Match(dst=None), Blackhole(), "needs a destination"),
    "bad community": (Match(dst=HOST), Blackhole(("70000:1",)), "not a community"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_form_is_refused_with_a_reason(name: str) -> None:
    match, action, reason = REFUSED[name]
    found = route_of(intent(match, action), 65000)
    assert isinstance(found, Untranslatable)
    assert reason in found.reason


WORDLESS = {
    "dst 192.0.2.1/32 proto tcp,udp": "several protocols",
    "dst 192.0.2.1/32 port 53": "port cannot be shown",
    "dst 192.0.2.1/32 dscp 46": "dscp cannot be shown",
    "dst 192.0.2.1/32 tcp-flags syn|ack": "combination of TCP flags",
    "dst 192.0.2.1/32 tcp-flags =syn,=ack": "alternatives",
    "dst 192.0.2.1/32 fragment !is-fragment": "fragment bits",
    "dst 2001:db8::/104/64": "an offset",
    "dst 192.0.2.1/32 dport false": "no dst_port",
}


@pytest.mark.parametrize("text", WORDLESS)
def test_learned_rules_that_we_cannot_show(text: str) -> None:
    found = rule_of_flow(parse_rule(text), FlowSpecActions((act.Discard(),)))
    assert isinstance(found, Untranslatable)
    assert WORDLESS[text] in found.reason


def test_learned_actions_that_we_cannot_show() -> None:
    flow = flow_of(Match(dst=HOST))
    for actions in ((act.Accept(),), (act.Discard(), act.MarkDscp(1)), (act.PacketRateLimit(5),)):
        assert isinstance(rule_of_flow(flow, FlowSpecActions(actions)), Untranslatable)


def test_a_manual_rule_may_use_the_reserve() -> None:
    by_hand = replace(intent(Match(dst=HOST), Discard()), manual=True)
    route = route_of(by_hand, 64500)
    assert isinstance(route, Route)
    assert route.manual
