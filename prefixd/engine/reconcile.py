"""Routers made equal to the store, in both directions, as often as wanted.

Two comparisons, each idempotent. The live state is compared with the store: another instance, a
commit whose answer was lost or an edit in the database may have changed rows. Then the RIB is
compared with the live state: what is missing is announced, what is surplus withdrawn, what differs
replaced. After a clean run the difference is zero, so any difference is counted and reported.

If a row cannot be read, its rule stays announced. Rows that are gone from the table (not ended:
gone) are withdrawn, but not when it is most of them: an empty table is more often a fault than an
intent.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import DriftRepaired
from prefixd.domain.page import Unreadable
from prefixd.domain.rule import Intent
from prefixd.engine.answers import ReconcileAnswer
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable

log = logging.getLogger(__name__)

ASK_STORE_EVERY = 10
"""Every so many looks the store is asked as well, in case a notification was lost."""


@dataclass(slots=True)
class DriftCounts:
    """Since the start; what the metrics show."""

    runs: int = 0
    failures: int = 0
    missing: int = 0
    surplus: int = 0
    changed: int = 0
    adopted: int = 0
    guarded: int = 0


class Reconciler:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._running = asyncio.Lock()
        self.counts = DriftCounts()
        self.last: ReconcileAnswer | None = None
        self._clean_at = (-1, -1)

    def begin(self, unreadable: Sequence[Unreadable]) -> ReconcileAnswer:
        """At the start: the live state has just been read, only the RIB has to follow."""
        return self._repair(False, unreadable, expect_drift=True)

    async def run(self, *, expect_drift: bool = False) -> ReconcileAnswer:
        """Compare and heal. `expect_drift` after a start or a reload, where a difference is the
        point and no news. Raises StoreUnavailable, having changed nothing."""
        async with self._running:  # held over our own reads only; no other code waits for it
            self._core.suspect = False
            try:
                guarded, unreadable = await self._follow_store()
            except StoreUnavailable:
                self._core.suspect = True
                raise
        return self._repair(guarded, unreadable, expect_drift=expect_drift)

    async def run_timer(self) -> None:
        """Look again at the interval. Most looks find that nothing moved, and cost nothing; every
        tenth asks the store too, and so does the first after it was unreachable."""
        core = self._core
        looks = 0
        while True:
            await asyncio.sleep(core.snapshot.settings.reconcile_interval_s)
            looks += 1
            try:
                await self.look(ask_store=looks % ASK_STORE_EVERY == 0)
            except StoreUnavailable as error:
                self.counts.failures += 1
                core.lose_store(error)

    async def look(self, *, ask_store: bool) -> ReconcileAnswer | None:
        """The cheap comparison; None when nothing moved since the last clean one."""
        core = self._core
        guarded = False
        if core.suspect:
            return await self.run()
        if ask_store:
            async with self._running:
                guarded = await self._follow_versions()
        seen = (core.live.revision, core.announcer.revision)
        if seen == self._clean_at and not guarded:
            return None
        return self._repair(guarded, (), expect_drift=False)

    async def _follow_versions(self) -> bool:
        core = self._core
        stored = dict(await core.store.mitigations.live_versions(core.snapshot.pop))
        known = core.live.mitigations
        for mitigation_id, version in stored.items():
            row = known.get(mitigation_id)
            if row is None or row.version < version:
                await self._adopt_fresh(mitigation_id)
        return await self._follow_vanished([key for key in known if key not in stored])

    async def _follow_store(self) -> tuple[bool, Sequence[Unreadable]]:
        core = self._core
        live = await core.store.mitigations.live(core.snapshot.pop)
        for unreadable in live.unreadable:
            log.error(
                "live row unreadable, its rule stays announced",
                extra={"mitigation_id": unreadable.id, "reason": unreadable.reason},
            )
        stored = {row.mitigation_id for row in live.rows}
        stored.update(MitigationId(unreadable.id) for unreadable in live.unreadable)
        for count, row in enumerate(live.rows):
            if count % core.snapshot.settings.reconcile_batch == 0:
                await asyncio.sleep(0)
            if row.mitigation_id not in core.live.mitigations:
                await self._adopt_fresh(row.mitigation_id)
            elif core.adopt(row):
                self.counts.adopted += 1
        vanished = [key for key in core.live.mitigations if key not in stored]
        return await self._follow_vanished(vanished), live.unreadable

    async def _adopt_fresh(self, mitigation_id: MitigationId) -> None:
        """It may have ended since the list was read: what counts is how it is now."""
        row = await self._core.store.mitigations.get(mitigation_id)
        if row is not None and self._core.adopt(row):
            self.counts.adopted += 1

    async def _follow_vanished(self, vanished: Sequence[MitigationId]) -> bool:
        """Rows of the live state that the store no longer lists as live: ended elsewhere, made
        after the list was read, or gone. True when too many are gone to act on it."""
        core = self._core
        gone: list[Mitigation] = []
        for mitigation_id in vanished:
            row = await core.store.mitigations.get(mitigation_id)
            if row is not None:
                if core.adopt(row):
                    self.counts.adopted += 1
            elif (known := core.live.mitigations.get(mitigation_id)) is not None:
                gone.append(known)
        settings = core.snapshot.settings
        share = len(gone) / max(1, len(core.live.mitigations))
        if len(gone) > settings.withdraw_guard_count and share > settings.withdraw_guard_share:
            self.counts.guarded += 1
            log.error(
                "most live rows are gone from the store, no rule withdrawn",
                extra={"gone": len(gone), "live": len(core.live.mitigations)},
            )
            return True
        for row in gone:
            log.warning(
                "live row gone from the store, its rule is withdrawn",
                extra={"mitigation_id": row.mitigation_id},
            )
            core.live.forget(row.mitigation_id)
        return False

    def _repair(
        self, guarded: bool, unreadable: Sequence[Unreadable], *, expect_drift: bool
    ) -> ReconcileAnswer:
        core = self._core
        now_us = core.time.now_us()
        desired = self.desired()
        drift = core.announcer.replace(desired)
        surplus = [one for one in drift.surplus if not self._is_ending(MitigationId(one))]
        answer = ReconcileAnswer(
            at_us=now_us,
            desired=len(desired),
            missing=len(drift.missing),
            surplus=len(surplus),
            changed=len(drift.changed),
            corrupt=len(unreadable),
            guarded=guarded,
        )
        self.last = answer
        self.counts.runs += 1
        self._clean_at = (core.live.revision, core.announcer.revision)
        if not expect_drift and (answer.missing or answer.surplus or answer.changed):
            self.counts.missing += answer.missing
            self.counts.surplus += answer.surplus
            self.counts.changed += answer.changed
            log.warning(
                "the RIB differed from the store and was made to match",
                extra={
                    "missing": list(drift.missing)[:20],
                    "surplus": surplus[:20],
                    "changed": list(drift.changed)[:20],
                },
            )
            core.effects.publish(
                [
                    DriftRepaired(
                        at_us=now_us,
                        missing=answer.missing,
                        surplus=answer.surplus,
                        changed=answer.changed,
                    )
                ]
            )
        return answer

    def _is_ending(self, mitigation_id: MitigationId) -> bool:
        """It expired and its end is about to be saved: this is not drift."""
        row = self._core.live.mitigations.get(mitigation_id)
        return row is not None and row.on_the_wire

    def desired(self) -> list[Intent]:
        """What shall be announced now. A row that expired is not part of it, even while its end
        cannot be saved."""
        core = self._core
        now_us = core.time.now_us()
        return [
            core.effects.intent(row)
            for row in core.live.mitigations.values()
            if row.on_the_wire and core.live.expiry_us(row) > now_us
        ]
