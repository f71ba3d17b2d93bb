"""Evidence without a victim: what it attaches to, what it counts for, and that a late one acts."""

from dataclasses import replace

import pytest
from msgspec import structs

from prefixd.correlation.assess import assess
from prefixd.correlation.corroborator import (
    admit_corroboration,
    attach,
    fits,
    waiting_for,
)
from prefixd.correlation.settings import (
    CorrelationSettings,
    Dimension,
    DimensionMatch,
    SourceMode,
    SourceSettings,
    UnknownSources,
    sensor_source,
)
from prefixd.domain.group import EvidenceRole, EvidenceState, GroupState
from prefixd.domain.ids import SignalId
from prefixd.domain.prefix import Address
from prefixd.domain.signal import SignalKind
from prefixd.domain.vector import Vector
from tests.kit.signals import (
    VICTIM,
    a_corroboration,
    a_group_of,
    a_signal,
    at,
    prefix,
    settings_with,
)

SID = SignalId("c-1")


def edge(*dimensions: Dimension, **changes) -> SourceSettings:
    return SourceSettings(mode=SourceMode.CORROBORATING, match_dimensions=dimensions, **changes)


S = settings_with({"edge-snmp": edge(Dimension.CUSTOMER_ID, Dimension.INTERFACE, Dimension.POP)})


def test_w48_s27_a_late_corroborator_completes_the_quorum_and_names_whom_to_act_for():
    """sig 20.3: the flip comes with the primary evidence to act for, so the caller acts at once."""
    settings = replace(S, min_sources=2, confidence_threshold=0.7)
    group = a_group_of(a_signal("fastnetmon"), settings=settings)
    assert not assess(group, settings, (), at(40)).met
    attached = attach(a_corroboration(after=40), SID, [group], settings, at(40))
    found = assess(attached.groups[0], settings, (), at(40))
    assert found.met
    assert found.representative is not None
    assert found.representative.source == "fastnetmon"


def test_a_late_corroborator_does_not_act_for_a_primary_that_fell_silent():
    settings = replace(S, min_sources=2, window_s=3600, episode_idle_s=60)
    group = a_group_of(a_signal("fastnetmon"), settings=settings)
    attached = attach(a_corroboration(after=100), SID, [group], settings, at(100))
    found = assess(attached.groups[0], settings, (), at(100))
    assert not found.met
    assert found.representative is None


def test_w85_one_that_came_first_is_picked_up_while_it_lasts():
    group = a_group_of(a_signal(after=299))
    kept = [(SID, a_corroboration(after=0))]
    assert len(waiting_for(group, kept, S, at(299)).evidence) == 2
    assert len(waiting_for(group, kept, S, at(301)).evidence) == 1


def test_s07_a_shared_site_informs_but_is_no_vote():
    group = a_group_of(a_signal())
    site_only = a_corroboration(customer_id=None, pop="ams1")
    (with_site,) = attach(site_only, SID, [group], S, at(1)).groups
    corroborating = with_site.evidence[0]
    assert corroborating.role is EvidenceRole.CORROBORATING
    assert not corroborating.counts
    assert assess(with_site, S, (), at(1)).sources == 1
    (with_customer,) = attach(a_corroboration(), SID, [group], S, at(1)).groups
    assert assess(with_customer, S, (), at(1)).sources == 2


@pytest.mark.parametrize(
    ("dimension", "given", "shared"),
    [
        (Dimension.CUSTOMER_ID, {"customer_id": "cust-17"}, True),
        (Dimension.CUSTOMER_ID, {"customer_id": "cust-18"}, False),
        (Dimension.SERVICE_ID, {"service_id": "svc-web"}, True),
        (Dimension.INTERFACE, {"interface": "edge1:et-0/0/3"}, True),
        (Dimension.INTERFACE, {"interface": "edge1:et-0/0/4"}, False),
        (Dimension.POP, {"pop": "ams1"}, True),
        (Dimension.ROUTER, {"router": "edge1"}, False),
        (Dimension.PROTOCOL, {"protocol": 17}, True),
        (Dimension.PROTOCOL, {"protocol": 6}, False),
        (Dimension.VICTIM_IP, {"victim_ip": Address.parse(VICTIM)}, True),
        (Dimension.VICTIM_IP, {"victim_ip": Address.parse("198.51.100.25")}, False),
        (Dimension.VICTIM_PREFIX, {"victim_prefix": prefix("198.51.100.0/24")}, True),
        (Dimension.VICTIM_PREFIX, {"victim_prefix": prefix("198.51.101.0/24")}, False),
    ],
)
def test_each_dimension_matches_its_own_value(dimension, given, shared):
    settings = settings_with({"edge-snmp": edge(dimension)})
    signal = a_corroboration(**{"customer_id": None, **given})
    assert fits(signal, a_group_of(a_signal()), settings) is shared


def test_only_declared_dimensions_are_looked_at():
    settings = settings_with({"edge-snmp": edge(Dimension.INTERFACE)})
    assert not fits(a_corroboration(), a_group_of(a_signal()), settings)


def test_all_wants_every_dimension_the_signal_names():
    both = (Dimension.CUSTOMER_ID, Dimension.INTERFACE)
    settings = settings_with({"edge-snmp": edge(*both, match=DimensionMatch.ALL)})
    group = a_group_of(a_signal())
    assert fits(a_corroboration(interface="edge1:et-0/0/3"), group, settings)
    assert not fits(a_corroboration(interface="edge9:et-0/0/3"), group, settings)
    assert fits(a_corroboration(), group, settings)


@pytest.mark.parametrize(
    ("vector", "fits_udp"),
    [
        (None, True),
        (Vector.UDP_FLOOD, True),
        (Vector.DNS_AMPLIFICATION, True),
        (Vector.UNKNOWN, True),
        (Vector.SYN_FLOOD, False),
    ],
)
def test_a_vector_fits_its_own_and_its_family(vector, fits_udp):
    assert fits(a_corroboration(vector=vector), a_group_of(a_signal()), S) is fits_udp


def test_it_attaches_to_the_most_recent_groups_up_to_its_limit():
    settings = settings_with({"edge-snmp": edge(Dimension.CUSTOMER_ID, max_attach=2)})
    groups = [
        a_group_of(a_signal(after=n, victim=f"198.51.100.{n}"), group_id=f"g{n}") for n in range(5)
    ]
    attached = attach(a_corroboration(after=6), SID, groups, settings, at(6))
    assert [group.group_id for group in attached.groups] == ["g4", "g3"]
    assert attached.limited == 3


def test_repeats_and_the_end_reach_the_groups_that_have_it():
    settings = settings_with({"edge-snmp": edge(Dimension.CUSTOMER_ID, max_attach=1)})
    old = a_group_of(a_signal(after=0, victim="198.51.100.1"), group_id="old")
    (old,) = attach(a_corroboration(after=1), SID, [old], settings, at(1)).groups
    fresh = a_group_of(a_signal(after=2, victim="198.51.100.2"), group_id="fresh")
    again = attach(a_corroboration(after=3), SID, [old, fresh], settings, at(3))
    assert ([group.group_id for group in again.groups], again.limited) == (["old"], 1)
    over = a_corroboration(after=4, kind=SignalKind.CLEARED)
    ended = attach(over, SID, [*again.groups, fresh], settings, at(4))
    assert [group.group_id for group in ended.groups] == ["old"]
    states = {item.source: item.state for item in ended.groups[0].evidence}
    assert states["edge-snmp"] is EvidenceState.CLEARED


def test_closed_and_passed_groups_are_left_alone():
    group = a_group_of(a_signal())
    closed = structs.replace(group, state=GroupState.CLOSED)
    assert attach(a_corroboration(after=1), SID, [closed], S, at(1)).groups == ()
    late = a_corroboration(after=301)
    assert attach(late, SID, [group], S, at(301)).groups == ()


def test_s36_a_poller_that_repeats_itself_adds_no_row():
    group = a_group_of(a_signal())
    for second in range(0, 100, 10):
        (group,) = attach(a_corroboration(after=second), SID, [group], S, at(second)).groups
    assert len(group.evidence) == 2


def test_a_clear_takes_its_contribution_away_and_attaches_nowhere_new():
    group = a_group_of(a_signal())
    (joined,) = attach(a_corroboration(after=1), SID, [group], S, at(1)).groups
    clear = a_corroboration(after=2, kind=SignalKind.CLEARED)
    (cleared,) = attach(clear, SID, [joined], S, at(2)).groups
    assert assess(cleared, S, (), at(2)).sources == 1
    assert attach(clear, SID, [group], S, at(2)).groups == ()


def test_w83_only_configured_corroborating_sources_may_speak():
    assert admit_corroboration(a_corroboration(), S) is None
    unknown = admit_corroboration(a_corroboration("stranger"), S)
    assert unknown is not None
    assert unknown.code == "unknown_source"
    primary = settings_with({"edge-snmp": SourceSettings()})
    refused = admit_corroboration(a_corroboration(), primary)
    assert refused is not None
    assert refused.code == "primary_source"
    open_house = settings_with({}, unknown_sources=UnknownSources.CORROBORATING_ONLY)
    assert admit_corroboration(a_corroboration("stranger"), open_house) is None


def test_a_corroborator_must_name_a_declared_dimension_and_an_engine_that_runs():
    nowhere = admit_corroboration(a_corroboration(customer_id=None, router="edge1"), S)
    assert nowhere is not None
    assert nowhere.code == "no_dimension"
    disabled = admit_corroboration(a_corroboration(), CorrelationSettings())
    assert disabled is not None
    assert disabled.code == "engine_disabled"


def test_a_decoy_sensor_never_satisfies_a_quorum_alone_however_much_it_says():
    """Ten thousand hints of one sensor are one source, and not a primary one."""
    settings = settings_with({"deception:ams": sensor_source(0.6, 600, 0)}, min_sources=2)
    hint = a_corroboration(
        "deception:ams", customer_id=None, victim_ip=Address.parse(VICTIM),
        vector=Vector.DNS_AMPLIFICATION, confidence=0.6,
    )  # fmt: skip
    group = a_group_of(a_signal("fastnetmon"), settings=settings)
    for n in range(50):
        said = structs.replace(hint, external_id=f"h{n}")
        (group,) = attach(said, SignalId(f"h{n}"), [group], settings, at(1)).groups
    found = assess(group, settings, (), at(1))
    assert (found.sources, found.primary_sources) == (2, 1)
    assert (
        assess(structs.replace(group, evidence=group.evidence[:-1]), settings, (), at(1)).met
        is False
    )
