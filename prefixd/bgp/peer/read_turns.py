"""Neighbors take turns at having their messages judged: one of them in each pass of the event loop.

A turn is a few milliseconds of work (`session.py`). Without this, twenty neighbors that flood us
would be twenty turns in a row before a timer, a request or another session is served. First come,
first served, so a neighbor with one message waits for one turn of each that was before it.
"""

import asyncio
from collections import deque


class ReadTurns:
    __slots__ = ("_asked", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._asked = False

    async def wait(self) -> None:
        """Returns in a later pass of the event loop, in which no other neighbor has its turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if not self._asked:
            self._asked = True
            loop.call_soon(self._give_one)
        await turn

    def _give_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled: its neighbor is gone
                turn.set_result(None)
                break
        self._asked = bool(self._waiting)
        if self._asked:
            asyncio.get_running_loop().call_soon(self._give_one)
