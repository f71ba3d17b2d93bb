"""A group judges every route once and keeps the table that its members share."""

from dataclasses import replace

from prefixd.bgp.rib.export_terms import Budget, ExportPolicy
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Reason, Split
from tests.kit.distribution import TERMS, Desk, hosts
from tests.kit.speaking import a_route


def test_peers_in_step_get_the_same_octets() -> None:
    desk = Desk()
    desk.up("a", "b", "c")
    desk.put(*hosts(500))
    first = desk.chunks("a")
    assert [id(chunk) for chunk in desk.chunks("b")] == [id(chunk) for chunk in first]
    assert [id(chunk) for chunk in desk.chunks("c")] == [id(chunk) for chunk in first]
    assert desk.distribution.group_count() == 1


def test_the_most_important_rules_are_sent_first() -> None:
    desk = Desk()
    desk.put(*hosts(1500), a_route("dst 192.0.2.1/32", "urgent", priority=9))
    desk.distribution.peer_up("a", TERMS, ProbeSettings(wanted=False), probe_usable=False)
    first, *_ = desk.chunks("a")
    assert a_route("dst 192.0.2.1/32").nlri in first.octets


def a_group(loc: LocRib, **changes: object) -> UpdateGroup:
    terms = replace(TERMS, **changes)  # type: ignore[arg-type]  # a builder trusts its tests
    group = UpdateGroup(terms, loc)
    while group.unjudged:
        group.judge_some(100)
    group.squeeze()
    return group


def test_the_parts_of_a_split_rule_are_desired_in_its_place() -> None:
    loc = LocRib()
    route = a_route("dst 192.0.2.1/32 proto udp dport 1,3,5,7,9,11", "long")
    loc.put([route])
    group = a_group(loc, profile=PROFILES["frr"])
    verdict = group.verdict(route.key)
    assert isinstance(verdict, Split)
    parts = {Key(route.family, nlri) for nlri in verdict.parts}
    assert set(group.desired_keys(route.family)) == parts
    assert group.desired(route.key) is None
    group.reconsider(loc.remove(["long"]))
    assert set(group.desired_keys(route.family)) == set()


def test_a_withheld_route_is_counted_and_not_desired() -> None:
    loc = LocRib()
    route = a_route("dst 192.0.2.1/32", "r", owner="a")
    loc.put([route])
    group = a_group(loc, policy=ExportPolicy(owners=frozenset({"b"})))
    assert group.desired(route.key) is None
    assert group.withheld() == {Reason.OWNER_NOT_ALLOWED: 1}


def test_the_budget_lets_the_most_important_routes_in() -> None:
    loc = LocRib()
    loc.put([*hosts(3), a_route("dst 192.0.2.1/32", "urgent", priority=5)])
    group = a_group(loc, budget=Budget(rules_total=2, reserved_for_manual=0.0))
    assert group.is_tight
    assert group.withheld() == {Reason.BUDGET: 2}
    assert group.desired(a_route("dst 192.0.2.1/32").key) is not None
    loc.remove(["urgent"])
    group.reconsider([a_route("dst 192.0.2.1/32").key])
    group.squeeze()
    assert group.withheld() == {Reason.BUDGET: 1}
