"""What the sessions of one neighbor report, and where it goes.

Outputs of sessions become events for the neighbor's machine (an OPEN that waits for the verdict on
a collision, up, down) and news for the observer (routes, refreshes, room to write). What
graceful restart asks of an Adj-RIB-In is worked out here as well.
"""

import logging
from collections.abc import Callable
from typing import Final, assert_never

from prefixd.bgp.fsm.action import Close, SessionDown, SessionUp
from prefixd.bgp.fsm.collision import NO_REVIVAL, Identities, Revival
from prefixd.bgp.fsm.event import SendDrained
from prefixd.bgp.fsm.graceful import Helper, MarkLongLived, MarkStale, StaleAction, Sweep
from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.neighbor_event import (
    ConnectionLost,
    ConnectionUp,
    OpenArrived,
    PeerEvent,
)
from prefixd.bgp.fsm.state import DownReason
from prefixd.bgp.peer.connections import Connections
from prefixd.bgp.peer.family_fallback import explain, is_refusal
from prefixd.bgp.peer.history import History
from prefixd.bgp.peer.interface import PeerHandle, PeerObserver, StaleStep
from prefixd.bgp.session.io import (
    Faulty,
    OpenHeld,
    Output,
    RefreshArrived,
    Stalled,
    UpdateArrived,
)
from prefixd.bgp.session.transport import Transport
from prefixd.bgp.settings import PeerSettings

log = logging.getLogger(__name__)


class SessionEvents:
    def __init__(
        self,
        handle: PeerHandle,
        observer: PeerObserver,
        connections: Connections,
        history: History,
        handle_event: Callable[[PeerEvent], None],
    ) -> None:
        """`handle_event` feeds the neighbor's machine and does what it says, before it returns."""
        self.refusals = 0
        """How often in a row the peer refused our families."""
        self._handle = handle
        self._observer = observer
        self._connections = connections
        self._history = history
        self._handle_event = handle_event
        self._helper = Helper(handle.settings.restart.stale_routes_max_s)

    @property
    def next_deadline(self) -> float | None:
        return self._helper.next_deadline

    def retune(self, stale_max_s: float) -> None:
        self._helper.stale_max_s = stale_max_s

    def due(self, now: float) -> None:
        self._report_stale(self._helper.due(now))

    def abandon(self, reason: DownReason, now: float) -> None:
        """The connections are gone, whatever they had to say."""
        if self._connections.established is not None:
            terms = self._lose(reason)
            if terms is not None:
                self._report_stale(self._helper.lost(terms, reason, now))

    def absorb(self, transport: Transport, outputs: list[Output], now: float) -> None:
        for output in outputs:
            match output:
                case UpdateArrived() | RefreshArrived() | SendDrained() | Stalled():
                    if transport is self._connections.established:
                        self._to_tables(output)
                case OpenHeld(negotiated):
                    self._open_held(transport, negotiated, now)
                case SessionUp(negotiated):
                    self._up(transport, negotiated, now)
                case SessionDown(reason):
                    self._down(transport, reason, now)
                case Faulty():
                    self._history.faulty(output)
                case Close():
                    pass
                case _:
                    assert_never(output)

    def _to_tables(self, output: UpdateArrived | RefreshArrived | SendDrained | Stalled) -> None:
        match output:
            case UpdateArrived(update):
                self._observer.update_received(self._handle, update)
                family = update.end_of_rib
                if family is not None:
                    self._report_stale(self._helper.end_of_rib(family))
            case RefreshArrived(refresh):
                self._observer.refresh_received(self._handle, refresh)
            case SendDrained():
                if self._connections.writable:
                    self._observer.drained(self._handle)
            case Stalled(level, seconds, queued):
                self._observer.stalled(self._handle, level, seconds, queued)
            case _:
                assert_never(output)

    def _open_held(self, transport: Transport, negotiated: Negotiated, now: float) -> None:
        transport.set_user_timeout(negotiated.hold_time_s or negotiated.send_hold_time_s)
        ids = Identities(
            local_id=int(self._connections.speaker.router_id),
            local_asn=negotiated.local_asn,
            peer_id=negotiated.peer_id,
            peer_asn=negotiated.peer_asn,
        )
        self._handle_event(OpenArrived(transport.number, ids, self._revival(negotiated, now)))

    def _revival(self, new: Negotiated, now: float) -> Revival:
        old = self._connections.established
        return revival_of(
            self._handle.settings,
            self._connections.negotiated,
            new,
            age_s=now - self._history.since,
            silent_s=0.0 if old is None else now - old.session.received_at,
        )

    def _up(self, transport: Transport, negotiated: Negotiated, now: float) -> None:
        self._connections.establish(transport, negotiated)
        if not self.refusals:  # with fewer families than configured, the reason stays
            self._history.last_error = ""
        self._handle_event(ConnectionUp(transport.number))
        log.info(
            "neighbor session established",
            extra={
                "peer": self._handle.name,
                "peer_asn": negotiated.peer_asn,
                "hold_time_s": negotiated.hold_time_s,
                "families": sorted(str(family) for family in negotiated.families),
            },
        )
        self._report_stale(self._helper.returned(negotiated, now))
        self._observer.session_up(self._handle, negotiated)

    def _down(self, transport: Transport, reason: DownReason, now: float) -> None:
        was_up = transport is self._connections.established
        self._history.down(reason, was_up=was_up)
        if reason.notification is not None and is_refusal(reason.notification):
            self.refusals += 1
            self._history.last_error = explain(self._handle.settings, reason.notification)
        terms = self._lose(reason) if was_up else None
        self._handle_event(ConnectionLost(transport.number, reason))
        if terms is not None:
            self._report_stale(self._helper.lost(terms, reason, now))

    def _lose(self, reason: DownReason) -> Negotiated | None:
        """The established session is over; what it had agreed on decides what is kept."""
        terms = self._connections.lose()
        self._observer.session_down(self._handle, reason)
        return terms

    def _report_stale(self, actions: list[StaleAction]) -> None:
        for action in actions:
            match action:
                case MarkStale(families):
                    self._observer.stale(self._handle, StaleStep.MARK, families)
                case MarkLongLived(families):
                    self._observer.stale(self._handle, StaleStep.LONG_LIVED, families)
                case Sweep(families):
                    self._observer.stale(self._handle, StaleStep.SWEEP, families)
                case _:
                    assert_never(action)


TWIN_S: Final = 30.0
"""Two OPENs with the R bit within this time come from one restart: a collision, not a second one.
FRR sets the bit whenever its process is young."""


def revival_of(
    peer: PeerSettings,
    old: Negotiated | None,
    new: Negotiated,
    *,
    age_s: float,
    silent_s: float,
) -> Revival:
    """`old`: the terms of the established session, if there is one; `age_s` and `silent_s`: how
    long it has been up, and how long nothing was received on it."""
    if old is None:
        return NO_REVIVAL
    return Revival(
        restarting=old.graceful is not None
        and new.graceful is not None
        and new.graceful.restarting
        and not (old.graceful.restarting and age_s < TWIN_S),
        silent=old.hold_time_s > 0 and silent_s > old.hold_time_s / 3,
        authenticated=peer.md5 is not None
        or bool(peer.tcp_ao)
        or peer.ttl_security_hops is not None,
    )
