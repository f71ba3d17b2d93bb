"""From a neighbor's settings to the terms its table is made with."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from prefixd.bgp.neighbor_settings import (
    ExcessPolicy,
    FenceMode,
    ImportMode,
    ImportSettings,
    PacingSettings,
)
from prefixd.bgp.rib.export_terms import Budget, ExportPolicy, Terms
from prefixd.bgp.rib.safety import NO_SAFETY_NET
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.bgp.speaker.export_terms import (
    import_policy_of,
    probe_settings_of,
    safety_of,
    terms_of,
)
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.speaking import a_neighbor

SPEAKER = SpeakerSettings(local_asn=65000, router_id=IPv4Address("10.0.0.1"))


def terms(peer: PeerSettings, most_rules: int | None = None) -> Terms:
    return terms_of(SPEAKER, peer, None, safety=NO_SAFETY_NET, most_rules=most_rules)


def test_a_neighbor_without_an_export_policy_receives_nothing() -> None:
    assert terms(a_neighbor(export=None)).policy is None
    policy = ExportPolicy(owners=frozenset({"a"}))
    assert terms(a_neighbor(export=policy)).policy is policy


@pytest.mark.parametrize(
    ("configured", "learned", "limit"),
    [(None, None, None), (None, 150, 150), (None, 900, 200), (50, 150, 50), (500, 150, 150)],
)
def test_a_learned_limit_only_lowers_the_budget(
    configured: int | None, learned: int | None, limit: int | None
) -> None:
    peer = a_neighbor(profile="frr", budget=Budget(rules_total=configured))
    assert terms(peer, learned).budget.rules_total == limit


def test_the_pace_comes_from_the_profile_unless_configured() -> None:
    assert (
        terms(a_neighbor(profile="junos", pacing=PacingSettings())).pacing.rules_per_second == 200
    )
    unpaced = PacingSettings(rules_per_second=0, batch_ms=5)
    pacing = terms(a_neighbor(profile="junos", pacing=unpaced)).pacing
    assert (pacing.rules_per_second, pacing.batch_s) == (0, 0.005)


def test_names_count_only_when_a_route_asks_for_them() -> None:
    peer = a_neighbor("edge1", tags=("core",))
    found = terms_of(SPEAKER, peer, None, safety=NO_SAFETY_NET, scoped=frozenset({"core", "x"}))
    assert found.names == frozenset({"core"})
    assert terms(peer).names == frozenset()


def test_the_probe_is_off_where_the_profile_knows_better() -> None:
    assert not probe_settings_of(a_neighbor(profile="frr")).wanted
    forced = PacingSettings(fence=FenceMode.ON)
    assert probe_settings_of(a_neighbor(profile="frr", pacing=forced)).wanted
    off = PacingSettings(fence=FenceMode.OFF)
    assert not probe_settings_of(a_neighbor(profile="bird", pacing=off)).wanted


def test_the_safety_net_knows_both_ends_of_every_session() -> None:
    first = a_neighbor("a", "192.0.2.1")
    second = replace(a_neighbor("b", "192.0.2.2"), local_address=ip_address("192.0.2.9"))
    net = safety_of(replace(SPEAKER, peers=(first, second)), (ip_network("198.51.100.0/24"),))
    assert [session.ours for session in net.sessions] == [
        Prefix.parse("10.0.0.1"),
        Prefix.parse("192.0.2.9"),
    ]
    assert net.untouchable == (Prefix.parse("198.51.100.0/24"),)


def test_import_modes() -> None:
    found = {mode: import_policy_of(ImportSettings(mode=mode)) for mode in ImportMode}
    kept = {mode: (policy.keep, policy.report) for mode, policy in found.items()}
    assert kept == {
        ImportMode.DENY: (False, False),
        ImportMode.MONITOR: (True, False),
        ImportMode.ACCEPT: (True, True),
    }
    assert import_policy_of(ImportSettings(on_excess=ExcessPolicy.RESET)).reset_on_excess
