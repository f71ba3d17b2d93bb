"""What people talk about: all groups of one victim, and a customer's victims hit together.

A group belongs to the live incident of its victim; else to an incident of the same customer
that began within the joining time; else to a new one. Incidents decide nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from prefixd.correlation.combine import SECOND_US
from prefixd.correlation.settings import CorrelationSettings
from prefixd.domain.group import Group, Incident
from prefixd.domain.ids import IncidentId


def find_incident(
    group: Group, live: Iterable[Incident], settings: CorrelationSettings
) -> Incident | None:
    candidates = [incident for incident in live if incident.closed_at_us is None]
    same_victim = [incident for incident in candidates if group.victim in incident.victims]
    if same_victim:
        return max(same_victim, key=_age)
    if group.customer_id is None:
        return None
    limit_us = settings.incident_join_s * SECOND_US
    together = [
        incident
        for incident in candidates
        if incident.customer_id == group.customer_id
        and abs(group.created_at_us - incident.opened_at_us) <= limit_us
    ]
    return max(together, key=_age, default=None)


def open_incident(group: Group, incident_id: IncidentId) -> Incident:
    return add_group(
        Incident(
            incident_id=incident_id,
            customer_id=group.customer_id,
            opened_at_us=group.created_at_us,
            updated_at_us=group.created_at_us,
            victims=(),
            group_ids=(),
            vectors=(),
        ),
        group,
    )


def add_group(incident: Incident, group: Group) -> Incident:
    """The incident with this group in it, or brought up to date with it."""
    return replace(
        incident,
        opened_at_us=min(incident.opened_at_us, group.created_at_us),
        updated_at_us=max(incident.updated_at_us, group.last_primary_at_us),
        victims=tuple(sorted({*incident.victims, group.victim})),
        group_ids=tuple(sorted({*incident.group_ids, group.group_id})),
        vectors=tuple(sorted({*incident.vectors, group.vector})),
        peak_bps=_peak(incident.peak_bps, (item.bps for item in group.evidence)),
        peak_pps=_peak(incident.peak_pps, (item.pps for item in group.evidence)),
    )


def _peak(held: int | None, rates: Iterable[int | None]) -> int | None:
    known = [rate for rate in (held, *rates) if rate is not None]
    return max(known) if known else None


def _age(incident: Incident) -> tuple[int, str]:
    return (incident.opened_at_us, incident.incident_id)
