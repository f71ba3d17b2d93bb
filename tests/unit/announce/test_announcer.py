"""Intents in, routes out; what no route expresses is kept and shown, never dropped."""

from collections.abc import Iterable

import pytest

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Terms
from prefixd.bgp.rib.loc_rib import Drift, LocRib
from prefixd.bgp.rib.preview import Preview, preview
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.domain.ids import MitigationId
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Discard, Intent, Match, Police, PortRange, Rule, RulePreview
from tests.kit.speaking import a_route


def an_intent(mitigation_id: str, host: str = "192.0.2.1", rate: int | None = None) -> Intent:
    action = Discard() if rate is None else Police(rate)
    return Intent(
        mitigation_id=MitigationId(mitigation_id),
        rule=Rule(Match(dst=Prefix.parse(host)), action),
        priority=0,
        expires_at_us=0,
        owner="fra1",
    )


IMPOSSIBLE = Intent(
    mitigation_id=MitigationId("bad"),
    rule=Rule(Match(dst=None), Discard()),
    priority=0,
    expires_at_us=0,
    owner="fra1",
)


class Table:
    """A Loc-RIB without sessions."""

    def __init__(self) -> None:
        self.loc = LocRib()
        self.withdrawals = 0
        self.terms: dict[str, Terms] = {}

    @property
    def revision(self) -> int:
        return self.loc.revision

    def announce(self, routes: Iterable[Route]) -> None:
        self.loc.put(routes)

    def withdraw(self, route_ids: Iterable[str]) -> None:
        self.withdrawals += 1
        self.loc.remove(route_ids)

    def replace(self, routes: Iterable[Route]) -> Drift:
        return self.loc.replace(routes)[0]

    def preview(self, route: Route) -> list[Preview]:
        distribution = Distribution(self.loc)
        return [
            preview(name, distribution.group_for(each, 0.0), self.loc, route)
            for name, each in self.terms.items()
        ]


def terms(profile: str, policy: ExportPolicy | None) -> Terms:
    return Terms(
        families=frozenset({IPV4_FLOWSPEC}),
        local_as=65000,
        internal=True,
        profile=PROFILES[profile],
        policy=policy,
    )


def held(table: Table) -> set[str]:
    return {route.route_id for route in table.loc.routes()}


def test_announce_change_withdraw() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("m1"), an_intent("m2", "192.0.2.2")])
    assert held(table) == {"m1", "m2"}
    before = announcer.revision
    announcer.announce([an_intent("m1", rate=1_000_000)])
    route = table.loc.get("m1")
    assert route is not None
    assert route.action == FlowSpecActions((RateLimit(1e6, asn=65000),))
    assert announcer.revision > before
    announcer.withdraw(["m1", "unknown"])
    assert held(table) == {"m2"}


def test_an_extension_changes_nothing_on_the_wire() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("m1")])
    before = announcer.revision
    announcer.announce([an_intent("m1")])
    assert announcer.revision == before


def test_replace_reports_drift_in_both_directions() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce(
        [an_intent("gone"), an_intent("kept", "192.0.2.2"), an_intent("new", "192.0.2.3")]
    )
    drift = announcer.replace(
        [
            an_intent("kept", "192.0.2.2"),
            an_intent("new", "192.0.2.3", 5000),
            an_intent("more", "192.0.2.4"),
        ]
    )
    assert (drift.missing, drift.surplus, drift.changed) == (("more",), ("gone",), ("new",))
    assert held(table) == {"kept", "new", "more"}
    assert not announcer.replace(
        [
            an_intent("kept", "192.0.2.2"),
            an_intent("new", "192.0.2.3", 5000),
            an_intent("more", "192.0.2.4"),
        ]
    )


def test_what_no_route_expresses_is_kept_with_its_reason() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([IMPOSSIBLE])
    assert [each.reason for each in announcer.inexpressible] == ["the rule matches everything"]
    assert held(table) == set()
    assert not announcer.replace([IMPOSSIBLE])  # nothing new to heal, every time
    assert len(announcer.inexpressible) == 1
    announcer.withdraw(["bad"])
    assert announcer.inexpressible == ()


def test_what_no_route_expresses_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    announcer = BgpAnnouncer(Table(), 65000)
    announcer.announce([an_intent("m1"), IMPOSSIBLE])
    announcer.replace([an_intent("m1"), IMPOSSIBLE])
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "no router can carry this mitigation")
    assert vars(record)["mitigation_id"] == "bad"


def test_a_rule_that_became_impossible_leaves_the_wire() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("bad")])
    announcer.announce([IMPOSSIBLE])
    assert held(table) == set()


def test_no_empty_withdrawal_reaches_the_table() -> None:
    table = Table()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("m1")])
    assert table.withdrawals == 0
    announcer.announce([IMPOSSIBLE])
    assert table.withdrawals == 1


def test_preview_has_a_value_for_each_neighbor() -> None:
    known = a_route("dst 192.0.2.1/32 proto udp", action=FlowSpecActions((RateLimit(1e6),)))
    table = Table()
    table.loc.put([known])
    table.terms = {
        "edge": terms("bird", ExportPolicy()),
        "frr1": terms("frr", ExportPolicy()),
        "core": terms("frr", None),
    }
    ports = tuple(PortRange(low, low + 1) for low in (10, 20, 30))
    match = Match(dst=Prefix.parse("192.0.2.1"), protocol=17, dst_ports=ports)
    found = BgpAnnouncer(table, 65000).preview(Rule(match, Discard()))
    assert found.inexpressible == ""
    edge, frr1, core = found.neighbors
    assert (edge.neighbor, edge.withheld, edge.parts) == ("edge", "", 1)
    assert (edge.rules_before, edge.rules_after) == (1, 2)
    assert edge.matched_later == ("dst 192.0.2.1/32 proto udp",)
    assert (frr1.parts, frr1.rules_after) == (2, 3)
    assert (core.neighbor, core.withheld) == ("core", "no_export_policy")
    assert core.detail == "the neighbor has no export policy"
    assert BgpAnnouncer(table, 65000).preview(IMPOSSIBLE.rule) == RulePreview(
        inexpressible="the rule matches everything"
    )
