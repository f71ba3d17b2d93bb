"""Prefixes that must never be filtered, and the question whether a rule would touch one.

A rule touches an entry when either contains the other: a /32 inside a safelisted /24, but also a
/24 with a safelisted router inside. Entries come from people (the API), from the configuration
file, and from the infrastructure itself (peers, our addresses, management networks); each keeps
its source, so that a file that no longer names an entry can take it back without touching others.
"""

from bisect import bisect_left
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import Final

from msgspec import Struct

from prefixd.domain.prefix import Prefix
from prefixd.domain.segments import Segments


class EntrySource(StrEnum):
    API = "api"
    CONFIG = "config"
    INFRASTRUCTURE = "infrastructure"


class SafelistEntry(Struct, frozen=True, kw_only=True):
    prefix: Prefix
    source: EntrySource
    added_at_us: int
    added_by: str
    reason: str | None = None
    expires_at_us: int | None = None

    def is_live(self, now_us: int) -> bool:
        return self.expires_at_us is None or now_us < self.expires_at_us


def _first_live(entries: tuple[SafelistEntry, ...], now_us: int) -> SafelistEntry | None:
    return next((entry for entry in entries if entry.is_live(now_us)), None)


def _prefix_of(item: tuple[Prefix, tuple[SafelistEntry, ...]]) -> Prefix:
    return item[0]


class Safelist:
    """An immutable index over entries; build a new one when the entries change."""

    __slots__ = ("_segments", "_sorted", "entries")

    def __init__(self, entries: Iterable[SafelistEntry] = ()) -> None:
        self.entries = tuple(
            sorted(entries, key=lambda entry: (entry.prefix, entry.source, entry.added_at_us))
        )
        by_prefix: dict[Prefix, tuple[SafelistEntry, ...]] = {}
        for entry in self.entries:
            by_prefix[entry.prefix] = (*by_prefix.get(entry.prefix, ()), entry)
        self._segments = Segments(by_prefix)
        self._sorted = sorted(by_prefix.items(), key=_prefix_of)

    def touched_by(self, prefix: Prefix, now_us: int) -> SafelistEntry | None:
        """The entry a rule for `prefix` would touch: the narrowest around it, else one inside."""
        node = self._segments.find(prefix)
        while node is not None:
            live = _first_live(node.value, now_us)
            if live is not None:
                return live
            node = node.wider
        return None if prefix.is_host else self._inside(prefix, now_us)

    def _inside(self, prefix: Prefix, now_us: int) -> SafelistEntry | None:
        first = bisect_left(self._sorted, prefix, key=_prefix_of)
        for held, entries in islice(self._sorted, first, None):
            if not prefix.covers(held):
                return None
            live = _first_live(entries, now_us)
            if live is not None:
                return live
        return None


EMPTY_SAFELIST: Final = Safelist()
