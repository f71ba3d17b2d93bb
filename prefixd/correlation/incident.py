"""What people talk about: all groups of one victim, and a customer's victims hit together.

A group belongs to the incident of its victim's live groups; else to the customer's latest one, if
that began within the joining time; else it begins a new one, named after it. Incidents decide
nothing: they are a name that groups share.
"""

from collections.abc import Iterable

from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, IncidentId


class Incidents:
    """The latest incident of each customer, and when it began."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, IncidentId]] = {}

    def know(self, group: Group) -> None:
        """A stored group: its incident began with the group that it is named after."""
        named = IncidentId(group.group_id)
        if group.incident_id == named and group.customer_id is not None:
            began = (group.created_at_us, named)
            self._latest[group.customer_id] = max(began, self._latest.get(group.customer_id, began))

    def of_new_group(
        self,
        group_id: GroupId,
        customer_id: str | None,
        at_us: int,
        same_victim: Iterable[Group],
        join_s: int,
    ) -> IncidentId:
        """Which incident a group that opens now belongs to."""
        for group in same_victim:
            if group.incident_id is not None:
                return group.incident_id
        latest = None if customer_id is None else self._latest.get(customer_id)
        if latest is not None and abs(at_us - latest[0]) <= join_s * 1_000_000:
            return latest[1]
        opened = IncidentId(group_id)
        if customer_id is not None:
            self._latest[customer_id] = (at_us, opened)
        return opened
