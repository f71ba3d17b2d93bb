"""Quotas that fill up, told once on the way up: early enough to raise one, and again when full.

A refusal for want of room is news of its own. What is told here is that the next one is near, so it
is told at the crossing and not with every rule that follows; a quota has to fall clearly below the
mark before it is told again.
"""

from collections.abc import Iterator

from prefixd.domain.news import QuotaNear
from prefixd.engine.live_state import Picture
from prefixd.guardrails.limits import Limits

NEAR = 0.8
FAR = 0.7


class Room:
    def __init__(self) -> None:
        self._told: dict[str, bool] = {}
        """Quotas that are near (False) or used up (True), as last told."""

    def look(self, picture: Picture, limits: Limits, now_us: int) -> Iterator[QuotaNear]:
        used = (
            ("pop", len(picture.mitigations), limits.max_active_per_pop),
            (
                "global",
                len(picture.mitigations) + picture.elsewhere.total,
                limits.max_active_global,
            ),
        )
        for name, current, limit in used:
            if limit is None or current < FAR * limit:
                self._told.pop(name, None)
                continue
            told = self._told.get(name)
            full = current >= limit
            if (full and told is not True) or (current >= NEAR * limit and told is None):
                self._told[name] = full
                yield QuotaNear(at_us=now_us, quota=name, current=current, limit=limit)
