"""Encoded pages, valid while nothing changed: dashboards ask for the same page again and again.

The revision moves with every change this instance makes. What other instances of a shared database
change shows after `MAX_AGE_S`.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

MAX_AGE_S = 1.0
PAGES = 64


@dataclass(frozen=True, slots=True)
class EncodedPage:
    revision: int
    made_at: float
    body: bytes
    etag: str


class ListCache:
    def __init__(self) -> None:
        self._pages: OrderedDict[str, EncodedPage] = OrderedDict()

    def get(self, key: str, revision: int, now: float) -> EncodedPage | None:
        found = self._pages.get(key)
        if found is None or found.revision != revision or now - found.made_at > MAX_AGE_S:
            return None
        return found

    def put(self, key: str, revision: int, now: float, body: bytes) -> EncodedPage:
        page = EncodedPage(revision, now, body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
        self._pages[key] = page
        self._pages.move_to_end(key)
        while len(self._pages) > PAGES:
            self._pages.popitem(last=False)
        return page
