"""What is remembered of a neighbor between sessions: since when, why it ended, what was odd."""

import logging
from collections import deque
from typing import Final

from prefixd.bgp.fsm.neighbor_event import (
    ConnectionLost,
    DialFailed,
    PeerEvent,
    ResetAsked,
    Stopped,
)
from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState, is_cease
from prefixd.bgp.peer.interface import Transition
from prefixd.bgp.session.io import Faulty
from prefixd.clock import Clock

log = logging.getLogger(__name__)

KEPT_ERRORS: Final = 16
LOG_EVERY_S: Final = 1.0
"""A neighbor that sends nothing but malformed messages must not fill the log."""


class History:
    __slots__ = (
        "_clock",
        "_logged_at",
        "_not_logged",
        "_peer",
        "errors",
        "last_down",
        "last_down_us",
        "last_error",
        "since",
        "since_us",
    )

    def __init__(self, peer: str, clock: Clock) -> None:
        self._peer = peer
        self._clock = clock
        self._logged_at = float("-inf")
        self._not_logged = 0
        self.errors: deque[Faulty] = deque(maxlen=KEPT_ERRORS)
        self.since = clock.monotonic()
        self.since_us = clock.now_us()
        self.last_down: DownReason | None = None
        self.last_down_us = 0
        self.last_error = ""

    def moved(self, event: PeerEvent, before: PeerState, after: PeerState) -> Transition:
        self.since, self.since_us = self._clock.monotonic(), self._clock.now_us()
        fields = {"peer": self._peer, "before": before.value, "after": after.value}
        log.debug("neighbor state changed", extra=fields)
        reason = event.reason if isinstance(event, ConnectionLost) else None
        detail = event.detail if isinstance(event, DialFailed | Stopped | ResetAsked) else ""
        return Transition(peer=self._peer, before=before, after=after, reason=reason, detail=detail)

    def down(self, reason: DownReason, *, was_up: bool) -> None:
        self.last_down, self.last_down_us = reason, self._clock.now_us()
        fields = {"peer": self._peer, "reason": str(reason)}
        if not was_up:
            log.info("connection closed before the session was established", extra=fields)
        elif reason.kind is DownKind.WE_CLOSED or (
            reason.kind is DownKind.WE_NOTIFIED and is_cease(reason.notification)
        ):
            log.info("session closed by us", extra=fields)
        else:
            log.warning("neighbor session down", extra=fields)

    def faulty(self, faulty: Faulty) -> None:
        self.errors.append(faulty)
        now = self._clock.monotonic()
        if now < self._logged_at + LOG_EVERY_S:
            self._not_logged += 1
            return
        octets = faulty.message[:64].hex()
        fields = {
            "peer": self._peer,
            "detail": faulty.detail,
            "octets": octets,
            "not_logged": self._not_logged,
        }
        self._logged_at, self._not_logged = now, 0
        log.warning("malformed message received", extra=fields)
