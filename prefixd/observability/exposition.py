"""The metrics text for whoever asks, without holding up anybody else.

A large installation has thousands of lines. They are written in slices with room for other work
between them, so that a scrape never delays a keepalive; and all who ask while a text is being made
get that one, so that a flood of scrapes costs little more than a scrape.
"""

import asyncio

from prefixd.observability.registry import Registry


class Exposition:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._making: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        if self._making is None:
            self._making = asyncio.create_task(self._made(), name="the metrics text")
            self._making.add_done_callback(self._done)
        # Whoever gives up waiting does not spoil it for the others.
        return await asyncio.shield(self._making)

    async def _made(self) -> bytes:
        pieces: list[str] = []
        for piece in self._registry.slices():
            pieces.append(piece)
            await asyncio.sleep(0)
        return "".join(pieces).encode()

    def _done(self, _task: asyncio.Task[bytes]) -> None:
        self._making = None
