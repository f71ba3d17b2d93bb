"""Step by step: what may be announced to whom, and the code of every refusal."""

from dataclasses import replace

import pytest

from prefixd.bgp.rib.export import explain, judge
from prefixd.bgp.rib.export_terms import ExportPolicy, Terms
from prefixd.bgp.rib.route import Key, Route, describe, host_nlri
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.rib.safety import OwnSession, SafetyNet
from prefixd.bgp.rib.verdict import EXPORT, Reason, Split, Step, Withheld
from prefixd.bgp.wire.flowspec_action import (
    MarkDscp,
    PacketRateLimit,
    RateLimit,
    RedirectToAddress,
    TrafficAction,
    route_target,
)
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.speaking import a_route

OPEN = Terms(
    families=frozenset({IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST}),
    local_as=65000,
    internal=True,
    profile=PROFILES["bird"],
    policy=ExportPolicy(),
)
VICTIM = "dst 192.0.2.1/32 proto udp dport 53"
LIMIT = FlowSpecActions((RateLimit(1e6),))


def reason(route: Route, terms: Terms) -> Reason | None:
    verdict = judge(route, terms)
    return verdict.reason if isinstance(verdict, Withheld) else None


def policy(**restrictions: object) -> Terms:
    return replace(OPEN, policy=ExportPolicy(**restrictions))  # type: ignore[arg-type]  # builder


def profile(name: str) -> Terms:
    return replace(OPEN, profile=PROFILES[name])


def hole(text: str) -> Route:
    return Route(
        route_id=text,
        family=IPV4_UNICAST,
        nlri=host_nlri(Prefix.parse(text)),
        action=BlackholeAction(),
    )


def test_an_open_neighbor_receives_the_rule_as_it_is() -> None:
    assert judge(a_route(VICTIM), OPEN) is EXPORT
    assert judge(hole("192.0.2.1"), OPEN) is EXPORT


WITHHELD = {
    "family": (a_route("dst 2001:db8::1/128"), replace(OPEN, families=frozenset({IPV4_FLOWSPEC})),
               Reason.FAMILY),
    "scope": (a_route(VICTIM, peers=frozenset({"edge"})), OPEN, Reason.SCOPE),
    "no policy": (a_route(VICTIM), replace(OPEN, policy=None), Reason.NO_EXPORT_POLICY),
    "owner": (a_route(VICTIM, owner="b"), policy(owners=frozenset({"a"})),
              Reason.OWNER_NOT_ALLOWED),
    "action": (a_route(VICTIM), policy(actions=frozenset({"police"})), Reason.ACTION_NOT_ALLOWED),
    "blackhole": (hole("192.0.2.1"), policy(actions=frozenset({"discard"})),
                  Reason.ACTION_NOT_ALLOWED),
    "destination": (a_route(VICTIM), policy(destinations=(Prefix.parse("198.51.100.0/24"),)),
                    Reason.DESTINATION_NOT_ALLOWED),
    "no destination": (a_route("src 192.0.2.1/32"),
                       policy(destinations=(Prefix.parse("0.0.0.0/0"),)),
                       Reason.DESTINATION_NOT_ALLOWED),
    "source": (a_route("dst 192.0.2.1/32 src 203.0.113.5/32"),
               policy(sources=(Prefix.parse("198.51.100.0/24"),)), Reason.SOURCE_NOT_ALLOWED),
    "length": (a_route("dst 192.0.2.0/25"), policy(min_length_v4=32), Reason.PREFIX_LENGTH),
    "ability": (a_route(VICTIM, action=FlowSpecActions((PacketRateLimit(10),))), profile("junos"),
                Reason.ABILITY),
    "sample": (a_route(VICTIM, action=FlowSpecActions((TrafficAction(sample=True),))),
               profile("eos"), Reason.ABILITY),
    "low rate": (a_route(VICTIM, action=FlowSpecActions((RateLimit(1000),))), profile("junos"),
                 Reason.RATE_TOO_LOW),
    "component": (a_route("dst 2001:db8::1/128 flow-label 5"), profile("junos"), Reason.COMPONENT),
    "XR fragments": (a_route("dst 192.0.2.1/32 fragment is-fragment|first-fragment"),
                     profile("iosxr"), Reason.BITS),
    "no destination either": (a_route("src 192.0.2.1/32"), profile("junos"),
                              Reason.DESTINATION_REQUIRED),
    "offset": (a_route("dst 2001:db8::/104/64"), profile("frr"), Reason.IPV6_OFFSET),
    "ports that exclude each other": (a_route("dst 192.0.2.1/32 port 53 dport 80 sport 81"),
                                      profile("junos"), Reason.NEVER_MATCHES),
    "too many parts": (
        a_route("dst 192.0.2.1/32 dport " + ",".join(str(n) for n in range(1, 400, 2))),
        profile("frr"), Reason.PARTS),
    "limit of a long list": (
        a_route("dst 192.0.2.1/32 dport 1,3,5,7,9,11", action=LIMIT), profile("frr"),
        Reason.RATE_WOULD_MULTIPLY),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHHELD)
def test_withheld(name: str) -> None:
    route, terms, why = WITHHELD[name]
    assert reason(route, terms) is why
    *passed, last = explain(route, terms)
    assert all(finding.passed for finding in passed)
    assert not last.passed
    assert last.detail


def test_the_lowest_rate_a_router_can_police_is_exported() -> None:
    lowest = a_route(VICTIM, action=FlowSpecActions((RateLimit(8000),)))
    assert judge(lowest, profile("junos")) is EXPORT


@pytest.mark.parametrize(
    "terms",
    [
        policy(min_length_v4=32),
        policy(max_length_v4=32),
        policy(destinations=(Prefix.parse("192.0.2.1/32"),)),
    ],
)
def test_a_limit_that_is_met_exactly_exports(terms: Terms) -> None:
    assert judge(a_route(VICTIM), terms) is EXPORT


def test_a_tag_puts_a_route_in_scope() -> None:
    route = a_route(VICTIM, peers=frozenset({"edge"}))
    assert judge(route, replace(OPEN, names=frozenset({"edge"}))) is EXPORT


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        (
            "frr",
            "dst 192.0.2.1/32 dport 1,3,5,7,9,11",
            ["dst 192.0.2.1/32 dport 1,3,5,7,9", "dst 192.0.2.1/32 dport 11"],
        ),
        (
            "frr",
            "dst 192.0.2.1/32 dport 10-19,30-39,50-59",
            ["dst 192.0.2.1/32 dport 10-19,30-39", "dst 192.0.2.1/32 dport 50-59"],
        ),
        (
            "junos",
            "dst 192.0.2.1/32 port 53 dport 53,80",
            ["dst 192.0.2.1/32 dport 53", "dst 192.0.2.1/32 dport 53,80 sport 53"],
        ),
    ],
)
def test_split_without_changing_what_matches(name: str, text: str, parts: list[str]) -> None:
    route = a_route(text)
    verdict = judge(route, profile(name))
    assert isinstance(verdict, Split)
    assert [describe(route.family, nlri) for nlri in verdict.parts] == parts
    assert explain(route, profile(name))[-1].detail == f"as {len(parts)} rules"


def test_a_rule_of_240_octets_is_cut_where_a_router_cannot_read_the_length() -> None:
    ports = ",".join(str(port) for port in range(1000, 1200, 2))
    route = a_route(f"dst 192.0.2.1/32 dport {ports}")
    verdict = judge(route, profile("gobgp"))
    assert isinstance(verdict, Split)
    assert all(len(nlri) <= 240 for nlri in verdict.parts)
    assert judge(route, profile("bird")) is EXPORT


@pytest.mark.parametrize(
    "action",
    [
        FlowSpecActions((MarkDscp(46),)),
        FlowSpecActions((route_target("65000:1"),)),
        FlowSpecActions((RedirectToAddress(bytes(4)),)),
    ],
)
def test_other_actions_may_be_split(action: FlowSpecActions) -> None:
    terms = replace(OPEN, profile=replace(PROFILES["bird"], max_items=1))
    assert isinstance(judge(a_route("dst 192.0.2.1/32 dport 1,3", action=action), terms), Split)


def test_the_safety_net_comes_before_the_profile() -> None:
    net = SafetyNet(sessions=(OwnSession(None, Prefix.parse("192.0.2.1")),))
    verdict = judge(a_route("dst 192.0.2.1/32 proto tcp"), replace(OPEN, safety=net))
    assert isinstance(verdict, Withheld)
    assert (verdict.step, verdict.reason) == (Step.SAFETY, Reason.SAFETY)


def test_quarantined_for_this_neighbor_only() -> None:
    route = a_route(VICTIM)
    assert reason(route, replace(OPEN, quarantined=frozenset({route.key}))) is Reason.QUARANTINED
    assert (
        judge(a_route("dst 192.0.2.2/32"), replace(OPEN, quarantined=frozenset({route.key})))
        is EXPORT
    )


def test_a_rule_of_which_one_part_is_quarantined_is_not_sent_at_all() -> None:
    """What is quarantined is what was on the wire, and that is a part."""
    rule = a_route("dst 192.0.2.1/32 proto udp dport 1,3,5,7,9,11,13")
    verdict = judge(rule, profile("frr"))
    assert isinstance(verdict, Split)
    bad = Key(IPV4_FLOWSPEC, verdict.parts[1])
    terms = replace(profile("frr"), quarantined=frozenset({bad}))
    assert reason(rule, terms) is Reason.QUARANTINED
    *_, last = explain(rule, terms)
    assert (last.step, last.passed) == (Step.QUARANTINE, False)
