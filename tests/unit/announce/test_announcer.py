"""Intents in, routes out; what cannot be told is kept and shown, never dropped."""

import pytest

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.announce.dry_run import DryRunTable
from prefixd.announce.sentence import preview_sentence
from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.export_terms import ExportPolicy, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.preview import preview
from prefixd.bgp.rib.route_action import FlowTreatment
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.domain.ids import MitigationId
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Discard, Intent, Match, Police, Rule
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


def held(table: DryRunTable) -> set[str]:
    return {route.route_id for route in table.loc.routes()}


def test_announce_change_withdraw() -> None:
    table = DryRunTable()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("m1"), an_intent("m2", "192.0.2.2")])
    assert held(table) == {"m1", "m2"}
    before = announcer.revision
    announcer.announce([an_intent("m1", rate=1_000_000)])
    route = table.loc.get("m1")
    assert route is not None
    assert route.treatment == FlowTreatment((RateLimit(1e6, asn=65000),))
    assert announcer.revision > before
    announcer.withdraw(["m1", "unknown"])
    assert held(table) == {"m2"}


def test_an_extension_changes_nothing_on_the_wire() -> None:
    table = DryRunTable()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("m1")])
    before = announcer.revision
    announcer.announce([an_intent("m1")])
    assert announcer.revision == before


def test_replace_reports_drift_in_both_directions() -> None:
    table = DryRunTable()
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


def test_what_no_router_can_be_told_is_kept_with_its_reason() -> None:
    table = DryRunTable()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([IMPOSSIBLE])
    assert [each.reason for each in announcer.inexpressible] == ["the rule matches everything"]
    assert held(table) == set()
    assert not announcer.replace([IMPOSSIBLE])  # nothing new to heal, every time
    assert len(announcer.inexpressible) == 1
    announcer.withdraw(["bad"])
    assert announcer.inexpressible == ()


def test_what_no_router_can_be_told_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    announcer = BgpAnnouncer(DryRunTable(), 65000)
    announcer.announce([an_intent("m1"), IMPOSSIBLE])
    announcer.replace([an_intent("m1"), IMPOSSIBLE])
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "no router can be told this rule")
    assert vars(record)["mitigation_id"] == "bad"


def test_a_rule_that_became_impossible_leaves_the_wire() -> None:
    table = DryRunTable()
    announcer = BgpAnnouncer(table, 65000)
    announcer.announce([an_intent("bad")])
    announcer.announce([IMPOSSIBLE])
    assert held(table) == set()


def test_preview_says_what_each_neighbor_would_be_told() -> None:
    loc = LocRib()
    loc.put([a_route("dst 192.0.2.1/32 proto udp", treatment=FlowTreatment((RateLimit(1e6),)))])
    fanout = Fanout(loc)
    for profile, policy, words in (
        ("bird", ExportPolicy(), "edge: would be told, 2 rules after 1"),
        ("frr", None, "edge: withheld (no_export_policy): the neighbor has no export policy"),
    ):
        terms = Terms(
            families=frozenset({IPV4_FLOWSPEC}),
            local_as=65000,
            internal=True,
            profile=PROFILES[profile],
            policy=policy,
        )
        route = a_route("dst 192.0.2.1/32 proto udp dport 53")
        found = preview("edge", fanout.group_for(terms, 0.0), loc, route)
        assert preview_sentence(found).startswith(words)
    assert BgpAnnouncer(DryRunTable(), 65000).preview(IMPOSSIBLE.rule) == (
        "no neighbor can be told: the rule matches everything",
    )
