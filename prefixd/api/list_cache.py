"""Encoded pages, valid while nothing changed: dashboards ask for the same page again and again.

The revision moves with every change this instance makes. What other instances of a shared database
change shows after `MAX_AGE_S`. When a page has gone stale, the first request makes it and the rest
wait for that one, so a hundred dashboards cost one read.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from prefixd.api.reply import Reply

MAX_AGE_S = 1.0
PAGES = 64


@dataclass(frozen=True, slots=True)
class EncodedPage:
    revision: int
    made_at: float
    reply: Reply


class ListCache:
    def __init__(self) -> None:
        self._pages: OrderedDict[str, EncodedPage] = OrderedDict()
        self._making: dict[tuple[str, int], asyncio.Task[EncodedPage]] = {}

    def fresh(self, key: str, revision: int, now: float) -> EncodedPage | None:
        """The page, if it was made and is still valid."""
        found = self._pages.get(key)
        if found is None or found.revision != revision or now - found.made_at > MAX_AGE_S:
            return None
        return found

    async def page(
        self, key: str, revision: int, now: float, make: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> EncodedPage:
        found = self.fresh(key, revision, now)
        if found is not None:
            return found
        making = self._making.get((key, revision))
        if making is None:
            making = asyncio.create_task(self._made(key, revision, now, make), name="a list page")
            self._making[key, revision] = making
            making.add_done_callback(lambda _: self._making.pop((key, revision)))
        # A request that is cancelled does not cancel the page for the others.
        return await asyncio.shield(making)

    async def _made(
        self, key: str, revision: int, now: float, make: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> EncodedPage:
        body = await make()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        page = EncodedPage(revision, now, Reply(body, etag=etag))
        self._pages[key] = page
        self._pages.move_to_end(key)
        while len(self._pages) > PAGES:
            self._pages.popitem(last=False)
        return page
