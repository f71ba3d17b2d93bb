"""Which groups people see as one incident."""

from dataclasses import replace

from prefixd.correlation.incident import add_group, find_incident, open_incident
from prefixd.correlation.window import Where
from prefixd.domain.ids import IncidentId
from prefixd.domain.vector import Vector
from tests.kit.signals import a_group_of, a_signal, at, settings_with

S = settings_with()
FIRST = open_incident(a_group_of(a_signal(bps=5, pps=None)), IncidentId("i1"))


def test_all_groups_of_a_victim_are_one_incident_whenever_they_begin():
    later = a_group_of(a_signal(after=3000, vector=Vector.SYN_FLOOD), group_id="g2")
    assert find_incident(later, [FIRST], S) == FIRST


def test_a_customers_victims_that_begin_together_are_one_incident():
    other = a_group_of(a_signal(after=120, victim="198.51.100.99"), group_id="g2")
    assert find_incident(other, [FIRST], S) == FIRST
    late = a_group_of(a_signal(after=121, victim="198.51.100.99"), group_id="g2")
    assert find_incident(late, [FIRST], S) is None


def test_other_customers_unowned_victims_and_closed_incidents_stay_apart():
    other = a_group_of(a_signal(victim="203.0.113.9"), where=Where(customer_id="cust-9"))
    unowned = a_group_of(a_signal(victim="203.0.113.9"), where=Where())
    assert find_incident(other, [FIRST], S) is None
    assert find_incident(unowned, [FIRST], S) is None
    closed = replace(FIRST, closed_at_us=at(9))
    assert find_incident(a_group_of(a_signal()), [closed], S) is None


def test_an_incident_remembers_its_peak_and_everything_that_belongs_to_it():
    bigger = a_group_of(a_signal(after=60, victim="198.51.100.99", bps=9, pps=None), group_id="g2")
    smaller = a_group_of(a_signal(after=90, bps=1, pps=7), group_id="group-1")
    incident = add_group(add_group(FIRST, bigger), smaller)
    assert (incident.peak_bps, incident.peak_pps) == (9, 7)
    assert incident.group_ids == ("g2", "group-1")
    assert len(incident.victims) == 2
    assert incident.updated_at_us == at(90)
