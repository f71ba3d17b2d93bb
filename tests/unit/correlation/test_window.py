"""Which group a signal joins, when windows end, and how reports of one alert merge."""

import pytest
from msgspec.structs import replace

from prefixd.correlation.assess import assess
from prefixd.correlation.window import ALERTS_MAX, Where, is_over, join, place
from prefixd.domain.group import CloseReason, GroupState
from prefixd.domain.ids import SignalId
from prefixd.domain.signal import SignalKind
from prefixd.domain.vector import Vector
from tests.kit.signals import OWNED, a_group_of, a_signal, at, settings_with

S = settings_with(window_s=300, max_group_lifetime_s=3600)


def test_w42_s08_a_window_that_has_passed_is_over_before_any_sweep():
    """sig 20.6: a signal at window end + 1 s gets a new group, and the old one is closed."""
    group = a_group_of(a_signal())
    late = a_signal("akvorado", after=301)
    found = place(late, [group], S, late.received_at_us)
    assert found.group is None
    assert [(over.state, over.close_reason) for over in found.over] == [
        (GroupState.CLOSED, CloseReason.TIMEOUT)
    ]


def test_the_last_instant_of_a_window_still_belongs_to_it():
    group = a_group_of(a_signal())
    assert not is_over(group, at(300) - 1)
    assert is_over(group, at(300))


def test_sig_4_4_the_window_slides_with_each_primary_up_to_the_lifetime():
    group = a_group_of(a_signal(), a_signal("b", after=200))
    assert group.expires_at_us == at(500)
    for minute in range(1, 70):
        signal = a_signal(after=60 * minute)
        group = join(group, signal, SignalId("s"), where=OWNED, settings=S)
    assert group.expires_at_us == at(3600)


def test_w51_s05_every_spelling_of_a_victim_is_one_group():
    """sig 20.8, w7 of the victim's address."""
    group = a_group_of(a_signal(victim="2001:DB8:0:0::1"))
    assert place(a_signal(victim="2001:db8::1"), [group], S, at(1)).group == group
    mapped = a_group_of(a_signal(victim="::ffff:198.51.100.7"))
    assert str(mapped.victim) == "198.51.100.7/32"
    assert place(a_signal(victim="198.51.100.7"), [mapped], S, at(1)).group == mapped


def test_vectors_of_one_family_meet_when_so_configured():
    by_family = settings_with(aggregate_vectors_by_family=True)
    group = a_group_of(a_signal(), settings=by_family)
    dns = a_signal("b", vector=Vector.DNS_AMPLIFICATION)
    syn = a_signal("b", vector=Vector.SYN_FLOOD)
    assert place(dns, [group], by_family, at(1)).group == group
    assert place(syn, [group], by_family, at(1)).group is None
    assert place(dns, [a_group_of(a_signal())], S, at(1)).group is None


@pytest.mark.parametrize("vague", [Vector.UNKNOWN, Vector.TOTAL_TRAFFIC])
def test_sig_4_3_a_vague_vector_joins_the_most_recent_group_of_the_victim(vague):
    older = a_group_of(a_signal(vector=Vector.SYN_FLOOD), group_id="older")
    newer = a_group_of(a_signal(after=5), group_id="newer")
    found = place(a_signal("b", vector=vague), [older, newer], S, at(6))
    assert found.group == newer
    assert place(a_signal("b", vector=vague), [], S, at(6)).group is None


def test_a_precise_vector_takes_over_a_vague_group_until_it_is_acted_upon():
    vague = a_group_of(a_signal(vector=Vector.UNKNOWN))
    precise = a_signal("b", vector=Vector.NTP_AMPLIFICATION, after=1)
    assert place(precise, [vague], S, at(1)).group == vague
    joined = join(vague, precise, SignalId("s2"), where=OWNED, settings=S)
    assert (joined.vector, joined.key) == (Vector.NTP_AMPLIFICATION, "ntp_amplification")
    acting = replace(vague, state=GroupState.MITIGATING)
    assert place(precise, [acting], S, at(1)).group is None


def test_an_unowned_victim_is_visible_and_never_open():
    group = a_group_of(a_signal(), where=Where())
    assert group.state is GroupState.UNOWNED
    assert is_over(group, at(300))


def test_w41_a_mitigating_group_goes_on_without_a_new_vote():
    """sig 20.1: after agreement, one source that keeps firing for an hour keeps one group alive."""
    two = settings_with(min_sources=2, max_group_lifetime_s=3600)
    group = a_group_of(a_signal("a"), a_signal("b", after=10), settings=two)
    assert assess(group, two, (), at(10)).met
    group = replace(group, state=GroupState.MITIGATING, met_at_us=at(10))
    for minute in range(1, 61):
        signal = a_signal("a", after=60 * minute)
        found = place(signal, [group], two, signal.received_at_us)
        assert found.group == group
        assert found.over == ()
        group = join(group, signal, SignalId("sig-a"), where=OWNED, settings=two)
    assert group.state is GroupState.MITIGATING
    assert assess(group, two, (), at(3600)).representative is not None


def test_repeats_of_an_alert_refresh_it_and_add_no_vote():
    group = a_group_of(a_signal(), a_signal(after=20, bps=9, confidence=0.4))
    (evidence,) = group.evidence
    assert (evidence.refresh_count, evidence.bps, evidence.confidence) == (1, 9, 0.4)
    assert (evidence.first_seen_us, evidence.last_seen_us) == (at(0), at(20))


def test_a_rerun_of_the_same_report_changes_nothing():
    once = a_group_of(a_signal())
    again = join(once, a_signal(), SignalId("sig-fastnetmon-fastnetmon-1"), where=OWNED, settings=S)
    assert again == once


def test_a_report_overtaken_on_the_way_does_not_undo_a_later_one():
    group = a_group_of(a_signal(after=20, confidence=0.8), a_signal(after=0, confidence=0.1))
    (evidence,) = group.evidence
    assert evidence.confidence == 0.8
    assert group.created_at_us == at(0)


def test_firing_again_within_the_hold_ends_the_clearing():
    """sig 20.4, the last part."""
    clearing = replace(a_group_of(a_signal()), state=GroupState.CLEARING, clearing_since_us=at(10))
    again = join(clearing, a_signal(after=15), SignalId("s"), where=OWNED, settings=S)
    assert (again.state, again.clearing_since_us) == (GroupState.MITIGATING, None)
    stray = join(clearing, a_signal(after=5), SignalId("s"), where=OWNED, settings=S)
    assert stray.state is GroupState.CLEARING


def test_the_alerts_of_a_source_are_bounded_and_the_oldest_makes_room():
    alerts = [a_signal(after=n, external_id=f"id-{n:03}") for n in range(ALERTS_MAX + 5)]
    group = a_group_of(*alerts)
    assert len(group.evidence) == ALERTS_MAX
    assert group.evidence[0].external_id == "id-005"


def test_a_cleared_report_does_not_move_the_window():
    group = a_group_of(a_signal())
    cleared = a_signal("b", after=100, kind=SignalKind.CLEARED)
    assert join(group, cleared, SignalId("s"), where=OWNED, settings=S).expires_at_us == at(300)


def test_places_of_the_victim_are_collected_once():
    group = a_group_of(a_signal(), a_signal("b"))
    assert (group.pops, group.interfaces, group.customer_id) == (
        ("ams1",), ("edge1:et-0/0/3",), "cust-17",
    )  # fmt: skip


def test_a_report_from_elsewhere_adds_its_interface_router_and_owner():
    """What one sensor does not know, another one may: nothing known is lost or replaced."""
    group = a_group_of(a_signal(), where=Where(customer_id="cust-17", interface="edge1:et-0/0/3"))
    elsewhere = Where(
        customer_id="cust-99", service_id="svc-web", interface="edge2:xe-1/0", router="edge2"
    )
    joined = join(group, a_signal("b"), SignalId("b"), where=elsewhere, settings=S)
    assert joined.pops == (joined.pop,)
    assert joined.interfaces == ("edge1:et-0/0/3", "edge2:xe-1/0")
    assert joined.routers == ("edge2",)
    assert (joined.customer_id, joined.service_id) == ("cust-17", "svc-web")


def test_an_owner_that_becomes_known_is_taken_over():
    group = a_group_of(a_signal(), where=Where())
    joined = join(group, a_signal("b"), SignalId("b"), where=OWNED, settings=S)
    assert (joined.customer_id, joined.service_id) == ("cust-17", "svc-web")


def test_another_vector_of_a_corroborating_report_does_not_rename_the_group():
    group = a_group_of(a_signal())
    where = Where(customer_id="cust-17", router="edge9")
    other = a_signal("b", vector=Vector.SYN_FLOOD)
    joined = join(group, other, SignalId("b"), where=where, settings=S)
    assert (joined.vector, joined.key) == (Vector.UDP_FLOOD, "udp_flood")
    assert joined.routers == ("edge9",)
