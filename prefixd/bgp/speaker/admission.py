"""Limits on whoever knocks at the BGP port, before anything is built for them."""

from collections import OrderedDict, deque
from enum import StrEnum
from typing import Final

from prefixd.bgp.settings import AdmissionSettings, IPAddress

WINDOW_S: Final = 60.0


class Admitted(StrEnum):
    YES = "yes"
    TOO_OFTEN = "too_often"
    """This source has used up its connections of the last minute."""
    FULL = "full"
    """Too many handshakes are pending altogether."""


class Admission:
    """Remembers at most `tracked_sources` callers, the least recent forgotten first."""

    __slots__ = ("_calls", "_settings")

    def __init__(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self._calls: OrderedDict[IPAddress, deque[float]] = OrderedDict()

    def ask(self, source: IPAddress, pending: int, now: float) -> Admitted:
        """May this connection, which is already accepted by the kernel, have a session?"""
        if pending >= self._settings.pending_handshakes:
            return Admitted.FULL
        calls = self._calls.setdefault(source, deque())
        self._calls.move_to_end(source)
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        if len(calls) >= self._settings.connections_per_source_per_minute:
            return Admitted.TOO_OFTEN
        calls.append(now)
        while len(self._calls) > self._settings.tracked_sources:
            self._calls.popitem(last=False)
        return Admitted.YES
