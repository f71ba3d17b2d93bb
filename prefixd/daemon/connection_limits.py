"""How many HTTP connections may be open, of all callers and of one.

A connection costs a file descriptor whether or not a request ever comes on it. So the limits count
connections, from `accept` on, and part of what the process may open is kept for what must not
wait: the sessions with routers and the database.
"""

from collections import Counter
from enum import StrEnum
from typing import Final

from prefixd.domain.prefix import Prefix

KEPT: Final = 32
"""Descriptors for the database, the log, listeners and outgoing requests."""
KEPT_FOR_A_NEIGHBOR: Final = 3
"""A session, and during a collision a second one; a journal."""
LEAST: Final = 8


def room_for_http(descriptors: int, neighbors: int) -> int:
    """Connections that leave BGP and the database what they need."""
    return max(LEAST, descriptors - KEPT - KEPT_FOR_A_NEIGHBOR * neighbors)


class Refusal(StrEnum):
    TOTAL = "total"
    ADDRESS = "address"


class ConnectionLimits:
    """One address gets at most half of all, so that it cannot shut the others out."""

    def __init__(self, total: int, per_address: int, trusted: tuple[Prefix, ...] = ()) -> None:
        """`trusted`: reverse proxies, whose connections are those of many callers."""
        self.total = total
        self.per_address = max(1, min(per_address, total // 2))
        self.open = 0
        self._trusted = trusted
        self._of: Counter[str] = Counter()

    def take(self, address: str) -> Refusal | None:
        """A connection from there: it counts from now on, unless it is refused."""
        if self.open >= self.total:
            return Refusal.TOTAL
        if self._of[address] >= self.per_address and not self._is_trusted(address):
            return Refusal.ADDRESS
        self.open += 1
        self._of[address] += 1
        return None

    def release(self, address: str) -> None:
        self.open -= 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]

    def _is_trusted(self, address: str) -> bool:
        host = Prefix.parse(address)
        return host is not None and any(each.covers(host) for each in self._trusted)
