"""A real store behind a switch: away, slow, or lying about a commit. For tests of reactions.

Everything goes to the store beneath; only the moment and the outcome of writes, and whether reads
answer, are ours to choose.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.store import Store


class FlakyStore:
    """Fits the engine's port. `away` refuses everything; `hold` keeps commits waiting; with
    `lose_answers` a commit is stored and answered as failed; `conflicts` are raised in turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.lose_answers = False
        self.conflicts: list[Conflict] = []
        self._held: asyncio.Event | None = None
        self.waiting = 0

    def hold(self) -> None:
        self._held = asyncio.Event()

    def let_go(self) -> None:
        assert self._held is not None
        self._held.set()
        self._held = None

    def transaction(self) -> Any:
        return _Transaction(self)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name in {"instance", "changes", "close", "kind", "damage"}:
            return found
        return _Reads(self, found)

    async def ping(self) -> None:
        self.check()
        await self._store.ping()

    def check(self) -> None:
        if self.away:
            raise StoreUnavailable("the test took the store away")

    async def gate(self) -> None:
        if self._held is not None:
            self.waiting += 1
            await self._held.wait()
            self.waiting -= 1
        self.check()
        if self.conflicts:
            raise self.conflicts.pop(0)


class _Reads:
    def __init__(self, switch: FlakyStore, reads: Any) -> None:
        self._switch = switch
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._reads, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self._switch.check()
            return await method(*arguments, **named)

        return call


class _Transaction:
    def __init__(self, switch: FlakyStore) -> None:
        self._switch = switch
        self._inner = switch._store.transaction()
        self._task: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, done: Callable[[Exception | None], None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._committed(done))

    async def _committed(self, done: Callable[[Exception | None], None]) -> None:
        problem: Exception | None = None
        try:
            await self.__aexit__(None, None, None)
        except (Conflict, StoreUnavailable) as error:
            problem = error
        done(problem)

    async def __aenter__(self) -> Any:
        return await self._inner.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._switch.gate()
        await self._inner.__aexit__(kind, error, trace)
        if kind is None and self._switch.lose_answers:
            raise StoreUnavailable("the answer to the commit was lost")
