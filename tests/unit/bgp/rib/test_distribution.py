"""What each peer receives next, and when End-of-RIB may be sent."""

from dataclasses import replace

from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Pacing
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.distribution import TERMS, Desk, desk_of, hosts


def test_end_of_rib_waits_for_a_complete_table() -> None:
    desk = Desk()
    desk.distribution = Distribution(desk.loc)  # not ready yet
    desk.distribution.peer_up("a", TERMS, ProbeSettings(wanted=False), probe_usable=False)
    assert desk.chunks("a") == []
    desk.put(*hosts(1))
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 1
    desk.distribution.ready()
    [chunk] = desk.chunks("a")
    assert chunk.octets.hex().count("800f03000") == 2


def test_end_of_rib_waits_for_a_paced_dump() -> None:
    desk = Desk()
    desk.put(*hosts(300))
    terms = replace(TERMS, pacing=Pacing(rules_per_second=100))
    desk.distribution.peer_up("a", terms, ProbeSettings(wanted=False), probe_usable=False)
    advertised = 0
    while advertised < 300:
        assert desk.distribution.wake_at("a", 0.0) is not None
        for chunk in desk.chunks("a"):
            assert chunk.announced or advertised == 300, "End-of-RIB too early"
            advertised += chunk.announced
    assert desk.distribution.member("a") is not None


def test_a_large_change_is_judged_in_slices_and_sent_in_full() -> None:
    desk = Desk()
    desk.up("a")
    desk.put(*hosts(2000))
    assert desk.distribution.judging("a")
    assert desk.distribution.synced_revision("a") < desk.loc.revision
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 2000
    assert desk.distribution.synced_revision("a") == desk.loc.revision


def test_new_terms_are_judged_in_slices_and_nothing_leaves_before() -> None:
    """Ten rules, three at a time: the tenth is still told while the first are looked at."""
    desk = desk_of(10, 3)
    picky = replace(TERMS, policy=ExportPolicy(owners=frozenset({"nobody"})))
    desk.distribution.terms_changed("a", picky, 2000.0)
    for _ in range(3):
        assert desk.distribution.next_chunk("a", 2000.0) is None
        assert desk.distribution.judging("a")
    assert len(desk.distribution.advertised("a")[IPV4_FLOWSPEC]) == 10
    assert sum(chunk.withdrawn for chunk in desk.chunks("a")) == 10
    assert desk.distribution.wake_at("a", 3000.0) is None


def test_a_rule_that_comes_while_new_terms_are_judged_does_not_wait() -> None:
    desk = desk_of(10, 3)
    desk.distribution.terms_changed("a", replace(TERMS, names=frozenset({"a"})), 2000.0)
    desk.put(*hosts(1, start=50))
    chunk = desk.distribution.next_chunk("a", 2000.0)
    assert chunk is not None
    assert chunk.announced == 1
    assert desk.distribution.judging("a")


def test_rules_that_stay_cost_the_routers_pace_nothing() -> None:
    """Ninety rules are looked at under new terms and not told: five a second is about telling."""
    slow = replace(TERMS, pacing=Pacing(rules_per_second=100))
    desk = desk_of(90, 250, slow)
    narrower = replace(slow, pacing=Pacing(rules_per_second=5))
    desk.distribution.terms_changed("a", narrower, 2000.0)
    assert desk.chunks("a") == []
    assert desk.distribution.wake_at("a", 2001.0) is None
    desk.put(*hosts(5, start=100))
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 5


def test_terms_that_change_twice_keep_what_the_first_change_asked_for() -> None:
    """Another community rewrites every route, also when a second change follows at once."""
    desk = desk_of(4, 1)
    rewritten = replace(TERMS, policy=ExportPolicy(communities=(1,)))
    desk.distribution.terms_changed("a", rewritten, 2000.0)
    desk.distribution.terms_changed("a", replace(rewritten, names=frozenset({"a"})), 2000.0)
    assert sum(chunk.announced for chunk in desk.chunks("a")) == 4
