"""Prefixes that must never be filtered, and the question whether a rule would touch one.

A rule touches an entry when either contains the other: a /32 inside a safelisted /24, but also a
/24 with a safelisted router inside. Entries come from people (the API), from the configuration
file, and from the infrastructure itself (peers, our addresses, management networks); each keeps
its source, so that a file that no longer names an entry can take it back without touching others.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prefixd.domain.prefix import Prefix, netmask


class EntrySource(StrEnum):
    API = "api"
    CONFIG = "config"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafelistEntry:
    prefix: Prefix
    source: EntrySource
    added_at_us: int
    added_by: str
    reason: str | None = None
    expires_at_us: int | None = None

    def is_live(self, now_us: int) -> bool:
        return self.expires_at_us is None or now_us < self.expires_at_us


class Safelist:
    """An immutable index over entries; build a new one when the entries change."""

    __slots__ = ("_by_prefix", "_lengths", "_sorted", "entries")

    def __init__(self, entries: Iterable[SafelistEntry] = ()) -> None:
        self.entries = tuple(
            sorted(entries, key=lambda entry: (entry.prefix, entry.source, entry.added_at_us))
        )
        by_prefix: dict[Prefix, list[SafelistEntry]] = {}
        for entry in self.entries:
            by_prefix.setdefault(entry.prefix, []).append(entry)
        self._by_prefix = {prefix: tuple(same) for prefix, same in by_prefix.items()}
        self._sorted = sorted(by_prefix)
        lengths: dict[int, set[int]] = {}
        for prefix in by_prefix:
            lengths.setdefault(prefix.version, set()).add(prefix.length)
        self._lengths = {
            version: tuple(sorted(found, reverse=True)) for version, found in lengths.items()
        }

    def touched_by(self, prefix: Prefix, now_us: int) -> SafelistEntry | None:
        """The entry a rule for `prefix` would touch: the narrowest around it, else one inside."""
        version, value, own_length = prefix
        for length in self._lengths.get(version, ()):
            if length <= own_length:
                found = self._by_prefix.get(
                    Prefix(version, value & netmask(version, length), length)
                )
                live = _first_live(found, now_us)
                if live is not None:
                    return live
        if prefix.is_host:
            return None
        for inside in self._sorted[bisect_left(self._sorted, prefix) :]:
            if not prefix.covers(inside):
                break
            live = _first_live(self._by_prefix[inside], now_us)
            if live is not None:
                return live
        return None


EMPTY_SAFELIST: Final = Safelist()


def _first_live(entries: tuple[SafelistEntry, ...] | None, now_us: int) -> SafelistEntry | None:
    if entries is None:
        return None
    return next((entry for entry in entries if entry.is_live(now_us)), None)
