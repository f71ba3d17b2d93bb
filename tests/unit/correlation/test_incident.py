"""Which groups people see as one incident."""

from msgspec.structs import replace

from prefixd.correlation.incident import Incidents
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, IncidentId
from tests.kit.signals import a_group_of, a_signal, at


def opened(
    incidents: Incidents,
    name: str,
    after: int,
    *same_victim: Group,
    customer: str | None = "cust-1",
) -> Group:
    found = incidents.of_new_group(GroupId(name), customer, at(after), same_victim, 120)
    group = a_group_of(a_signal(after=after), group_id=name)
    return replace(group, incident_id=found, customer_id=customer, created_at_us=at(after))


def test_all_groups_of_a_victim_are_one_incident_whenever_they_begin() -> None:
    incidents = Incidents()
    first = opened(incidents, "g1", 0)
    assert first.incident_id == "g1"
    assert opened(incidents, "g2", 3000, first).incident_id == "g1"


def test_a_customers_victims_that_begin_together_are_one_incident() -> None:
    incidents = Incidents()
    opened(incidents, "g1", 0)
    assert opened(incidents, "g2", 120).incident_id == "g1"
    assert opened(incidents, "g3", 121).incident_id == "g3"
    assert opened(incidents, "g4", 130).incident_id == "g3"


def test_other_customers_and_victims_nobody_owns_stay_apart() -> None:
    incidents = Incidents()
    opened(incidents, "g1", 0)
    assert opened(incidents, "g2", 1, customer="cust-9").incident_id == "g2"
    assert opened(incidents, "g3", 1, customer=None).incident_id == "g3"
    assert opened(incidents, "g4", 1, customer=None).incident_id == "g4"


def test_groups_from_before_a_restart_are_known() -> None:
    before = Incidents()
    groups = [opened(before, "g1", 0), opened(before, "g2", 200), opened(before, "g3", 210)]
    incidents = Incidents()
    for group in reversed(groups):
        incidents.know(group)
    incidents.know(replace(groups[0], incident_id=IncidentId("elsewhere")))
    assert opened(incidents, "g4", 320).incident_id == "g2"
