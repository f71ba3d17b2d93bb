"""Questions that the live state answers, alone or together with the store.

Nothing here waits for a queue or a lock. What is read from the store is what was committed; what is
read from memory is the same, without the reading. Pages of history are asked of the store itself.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.inventory import Owner
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import CorroborationRecord
from prefixd.domain.safelist import SafelistEntry
from prefixd.engine.turns import Core


class Queries:
    def __init__(self, core: Core) -> None:
        self._core = core

    # mitigations

    @property
    def revision(self) -> int:
        """Equal numbers mean equal live rows of this POP: good for an ETag."""
        return self._core.live.revision

    def live(self) -> Sequence[Mitigation]:
        """The live rows of this POP, newest first."""
        return tuple(self._core.live.newest_first())

    async def mitigation(self, mitigation_id: str) -> Mitigation | None:
        live = self._core.live.mitigations.get(MitigationId(mitigation_id))
        return live or await self._core.store.mitigations.get(mitigation_id)

    # signals, groups, decisions

    def live_groups(self) -> Collection[Group]:
        """Of this POP, held and mitigated ones among them."""
        return self._core.live.groups.values()

    async def group(self, group_id: str) -> Group | None:
        live = self._core.live.groups.get(GroupId(group_id))
        return live or await self._core.store.groups.get(group_id)

    async def groups_of(self, group_ids: Collection[str]) -> Mapping[str, Group]:
        """Those of the ids that exist; the live ones cost nothing."""
        found = await asyncio.gather(*(self.group(group_id) for group_id in group_ids))
        return {group.group_id: group for group in found if group is not None}

    async def latest_decision_text(self, group_id: str) -> str | None:
        newest = await self._core.store.decisions.of_group(group_id, 1)
        return newest[0].text if newest else None

    def corroborations(self, source: str | None = None) -> Sequence[CorroborationRecord]:
        """Evidence without a victim that still waits for a group, newest first."""
        now_us = self._core.time.now_us()
        kept = self._core.live.corroborations.values()
        return sorted(
            (
                record
                for record in kept
                if record.corroboration.expires_at_us > now_us
                and source in (None, record.corroboration.source)
            ),
            key=lambda record: record.corroboration.received_at_us,
            reverse=True,
        )

    # the rest

    def safelist(self) -> Sequence[SafelistEntry]:
        """All entries in force. Empty as well when it cannot be read: then
        `safelist_readable` is False and nothing new is mitigated."""
        safelist = self._core.snapshot.safelist
        return () if safelist is None else safelist.entries

    @property
    def safelist_readable(self) -> bool:
        return self._core.snapshot.safelist is not None

    def owner_of(self, victim: Prefix) -> Owner | None:
        return self._core.snapshot.rules.inventory.find(victim)
