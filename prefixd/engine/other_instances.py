"""What other instances do on the same database, as far as it concerns this POP.

A mitigation created elsewhere for our POP is announced here; one of ours that was ended elsewhere
is withdrawn. A safelist change concerns all POPs. Rows of other POPs only change the counts that
global limits compare. After the connection to the database was lost, everything is read again.
"""

import asyncio
import logging

from prefixd.domain.record import Change, ChangeKind, Lost
from prefixd.engine.load import load_safelist
from prefixd.engine.reconcile import Reconciler
from prefixd.engine.reload import sweep_safelist
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable

log = logging.getLogger(__name__)

COUNT_PAUSE_S = 1.0
"""Rows of other POPs are counted again at most this often."""


class OtherInstances:
    def __init__(self, core: Core, reconciler: Reconciler) -> None:
        self._core = core
        self._reconciler = reconciler
        self._elsewhere = asyncio.Event()

    async def run(self) -> None:
        async for change in self._core.store.changes():
            try:
                await self.follow(change)
            except StoreUnavailable as error:
                # `Lost` follows when the connection is back, and then everything is read again.
                self._core.lose_store(error)

    async def follow(self, change: Change | Lost) -> None:
        match change:
            case Lost():
                await load_safelist(self._core)
                await self._reconciler.run()
                self._elsewhere.set()
            case Change(origin=origin) if origin == self._core.store.instance:
                return
            case Change(kind=ChangeKind.SAFELIST):
                await load_safelist(self._core)
                await sweep_safelist(self._core)
            case Change(kind=ChangeKind.MITIGATION, pop=pop, id=row_id):
                if pop == self._core.snapshot.pop:
                    await self._adopt(row_id)
                else:
                    self._elsewhere.set()
            case Change():
                return

    async def run_counts(self) -> None:
        while True:
            await self._elsewhere.wait()
            self._elsewhere.clear()
            try:
                await self._core.refresh_elsewhere()
            except StoreUnavailable as error:
                self._core.lose_store(error)
                self._elsewhere.set()
            await asyncio.sleep(COUNT_PAUSE_S)

    async def _adopt(self, row_id: str) -> None:
        row = await self._core.store.mitigations.get(row_id)
        if row is not None and self._core.adopt(row):
            log.info(
                "another instance changed a mitigation of this POP",
                extra={"mitigation_id": row_id, "status": row.status.value},
            )
