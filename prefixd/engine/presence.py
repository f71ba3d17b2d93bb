"""Which POPs have an instance, and what becomes of the rows of one that has none.

An instance announces and expires the rows of its own POP. A row for a POP without an instance
would be announced by none and expired by none, and would keep its place in the quotas for ever. So
each instance notes every minute that it is there. A manual mitigation may name the POPs whose
instance was there within a day; rows whose time is over are expired by any instance when theirs has
been gone for five minutes.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from prefixd.domain.mitigation import Mitigation
from prefixd.engine.timers import expire_one
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable

log = logging.getLogger(__name__)

NOTE_EVERY_S: Final = 60.0
GONE_AFTER_US: Final = 300_000_000
KNOWN_FOR_US: Final = 86_400_000_000
ORPHANS_AT_ONCE: Final = 500


class Presence:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        while True:
            try:
                await self.step()
            except StoreUnavailable as error:
                self._core.lose_store(error)
            await asyncio.sleep(NOTE_EVERY_S)

    async def note(self) -> None:
        """That this POP has an instance."""
        core = self._core
        async with core.store.transaction() as tx:
            tx.instances.seen(core.snapshot.pop, core.time.now_us())

    async def step(self) -> None:
        await self.note()
        core = self._core
        now_us = core.time.now_us()
        orphans = await core.store.mitigations.orphaned(
            core.snapshot.pop, now_us, now_us - GONE_AFTER_US, ORPHANS_AT_ONCE
        )
        if orphans:
            await self._expire(orphans)
            await core.refresh_elsewhere()

    async def _expire(self, orphans: Sequence[Mitigation]) -> None:
        """What fails is tried again a minute later: a full queue, or a row changed meanwhile."""
        answers = await asyncio.gather(
            *(
                self._core.ask(row.victim, partial(_expire_orphan, row), patient=False)
                for row in orphans
            ),
            return_exceptions=True,
        )
        expired = [row for row, answer in zip(orphans, answers, strict=True) if answer is None]
        log.warning(
            "expired mitigations of a POP without an instance",
            extra={"pops": sorted({row.pop for row in orphans}), "mitigations": len(expired)},
        )

    async def unknown(self, pops: Iterable[str]) -> list[str]:
        """Those that no instance has served within a day."""
        core = self._core
        others = [pop for pop in pops if pop != core.snapshot.pop]
        if not others:
            return []
        known = await core.store.instances.pops_since(core.time.now_us() - KNOWN_FOR_US)
        return [pop for pop in others if pop not in known]


def _expire_orphan(stored: Mitigation, turn: Turn) -> None:
    turn.know((stored,))
    expire_one(stored.mitigation_id, turn)
