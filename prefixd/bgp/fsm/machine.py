"""One TCP connection's state machine (RFC 4271 8), as a function of what happened so far.

`handle(event)` returns the actions to take, in order, and moves to the next state. There is no
socket, clock or randomness here, and no message content except what was negotiated, so a test can
visit every cell of the table and run a million random histories.

    IDLE --opened--> OPEN_SENT --OPEN, no better connection--> OPEN_CONFIRM --KEEPALIVE-->
    ESTABLISHED --anything fatal--> CLOSED

A machine lives as long as its connection and is then thrown away; dialling, waiting and retrying
belong to the neighbor (`neighbor.py`), which may own two of these for as long as a collision
lasts (RFC 4271 6.8). That is why a valid OPEN does not lead straight to OPEN_CONFIRM: the machine
asks (`AskCollision`), and nothing is sent on this connection until `CollisionCleared` comes. Were
the KEEPALIVE sent first, the peer could be Established on a connection that is about to lose.

Rules kept here, each with a property test:

* `SessionDown` is emitted exactly once in a machine's life, with the reason.
* A timer that was started is stopped or fires; after CLOSED none runs.
* After CLOSED nothing is emitted, whatever happens; before TCP is up nothing is sent.
* At most one NOTIFICATION is sent, and none in answer to one.

Three timers. HOLD is the initial hold time until our terms are known, then the negotiated one; a
negotiated 0 leaves the initial one running until Established, so that a connection cannot wait for
ever in OPEN_CONFIRM. KEEPALIVE restarts with everything sent that the peer counts as one. SEND_HOLD
(RFC 9687) runs only while octets wait that the kernel does not take.
"""

from typing import assert_never

from prefixd.bgp.fsm.action import (
    Action,
    AskCollision,
    Close,
    CloseMode,
    Deliver,
    SendKeepalive,
    SendNotification,
    SendOpen,
    SessionDown,
    SessionUp,
    StartTimer,
    StopTimer,
    Timer,
)
from prefixd.bgp.fsm.event import (
    CollisionCleared,
    Event,
    HoldExpired,
    KeepaliveExpired,
    KeepaliveReceived,
    MessageRefused,
    MessageSent,
    NotificationReceived,
    OpenAccepted,
    OpenRefused,
    RefreshReceived,
    SendBlocked,
    SendDrained,
    SendHoldExpired,
    SendProgressed,
    StopRequested,
    TransportClosed,
    TransportOpened,
    UpdateReceived,
)
from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.state import DownKind, DownReason, State
from prefixd.bgp.wire.iana import ErrorCode, FsmSubcode, MessageType
from prefixd.bgp.wire.notification import Notification

Message = OpenAccepted | OpenRefused | KeepaliveReceived | UpdateReceived | RefreshReceived
"""The events that stand for a well-formed message other than a NOTIFICATION."""


class Machine:
    __slots__ = ("_initial_hold_s", "_negotiated", "_running", "state")

    def __init__(self, initial_hold_s: float) -> None:
        self.state = State.IDLE
        self._initial_hold_s = initial_hold_s
        self._negotiated: Negotiated | None = None
        self._running: set[Timer] = set()

    @property
    def running(self) -> frozenset[Timer]:
        return frozenset(self._running)

    def handle(self, event: Event) -> list[Action]:
        match self.state:
            case State.IDLE:
                return self._idle(event)
            case State.OPEN_SENT:
                return self._open_sent(event)
            case State.OPEN_CONFIRM:
                return self._open_confirm(event)
            case State.ESTABLISHED:
                return self._established(event)
            case State.CLOSED:
                return []
            case _:
                assert_never(self.state)

    def _idle(self, event: Event) -> list[Action]:
        """No connection yet."""
        match event:
            case TransportOpened():
                self.state = State.OPEN_SENT
                return [SendOpen(), self._start(Timer.HOLD, self._initial_hold_s)]
            case TransportClosed(detail):
                return self._gone(DownReason(DownKind.TRANSPORT, None, detail))
            case StopRequested(_, detail):
                return self._gone(DownReason(DownKind.WE_CLOSED, None, detail))
            case (
                OpenAccepted()
                | OpenRefused()
                | CollisionCleared()
                | KeepaliveReceived()
                | UpdateReceived()
                | RefreshReceived()
                | NotificationReceived()
                | MessageRefused()
                | HoldExpired()
                | KeepaliveExpired()
                | SendHoldExpired()
                | MessageSent()
                | SendBlocked()
                | SendProgressed()
                | SendDrained()
            ):
                return []
            case _:
                assert_never(event)

    def _open_sent(self, event: Event) -> list[Action]:
        """Our OPEN is out; theirs is awaited, or awaits the verdict on a collision."""
        match event:
            case OpenAccepted(negotiated) if self._negotiated is None:
                self._negotiated = negotiated
                return [AskCollision(negotiated)]
            case OpenRefused(notification, detail) if self._negotiated is None:
                return self._notify(notification, detail)
            case CollisionCleared() if self._negotiated is not None:
                return self._confirm(self._negotiated)
            case (
                OpenAccepted()
                | OpenRefused()
                | KeepaliveReceived()
                | UpdateReceived()
                | RefreshReceived()
            ):
                return self._unexpected(FsmSubcode.UNEXPECTED_IN_OPEN_SENT, event)
            case (
                TransportClosed()
                | NotificationReceived()
                | MessageRefused()
                | HoldExpired()
                | StopRequested()
            ):
                return self._ending(event)
            case (
                TransportOpened()
                | CollisionCleared()
                | KeepaliveExpired()
                | SendHoldExpired()
                | MessageSent()
                | SendBlocked()
                | SendProgressed()
                | SendDrained()
            ):
                return []
            case _:
                assert_never(event)

    def _confirm(self, negotiated: Negotiated) -> list[Action]:
        self.state = State.OPEN_CONFIRM
        actions: list[Action] = [SendKeepalive()]
        if negotiated.hold_time_s:
            actions.append(self._start(Timer.HOLD, negotiated.hold_time_s))
        if negotiated.keepalive_s:
            actions.append(self._start(Timer.KEEPALIVE, negotiated.keepalive_s))
        return actions

    def _open_confirm(self, event: Event) -> list[Action]:
        """Both OPENs are good; the peer's first KEEPALIVE is awaited."""
        match event:
            case KeepaliveReceived():
                return self._establish()
            case KeepaliveExpired():
                return self._keepalive()
            case OpenAccepted() | OpenRefused() | UpdateReceived() | RefreshReceived():
                return self._unexpected(FsmSubcode.UNEXPECTED_IN_OPEN_CONFIRM, event)
            case (
                TransportClosed()
                | NotificationReceived()
                | MessageRefused()
                | HoldExpired()
                | StopRequested()
            ):
                return self._ending(event)
            case (
                TransportOpened()
                | CollisionCleared()
                | SendHoldExpired()
                | MessageSent()
                | SendBlocked()
                | SendProgressed()
                | SendDrained()
            ):
                return []
            case _:
                assert_never(event)

    def _establish(self) -> list[Action]:
        assert self._negotiated is not None
        self.state = State.ESTABLISHED
        return [*self._restart_hold(), SessionUp(self._negotiated)]

    def _established(self, event: Event) -> list[Action]:
        """Routes may flow."""
        match event:
            case KeepaliveReceived():
                return self._restart_hold()
            case UpdateReceived() | RefreshReceived():
                return [*self._restart_hold(), Deliver()]
            case KeepaliveExpired():
                return self._keepalive()
            case MessageSent():
                return self._restart_keepalive()
            case SendBlocked() | SendProgressed() | SendDrained() | SendHoldExpired():
                return self._send_hold(event)
            case OpenAccepted() | OpenRefused():
                return self._unexpected(FsmSubcode.UNEXPECTED_IN_ESTABLISHED, event)
            case (
                TransportClosed()
                | NotificationReceived()
                | MessageRefused()
                | HoldExpired()
                | StopRequested()
            ):
                return self._ending(event)
            case TransportOpened() | CollisionCleared():
                return []
            case _:
                assert_never(event)

    def _send_hold(
        self, event: SendBlocked | SendProgressed | SendDrained | SendHoldExpired
    ) -> list[Action]:
        assert self._negotiated is not None
        seconds = self._negotiated.send_hold_time_s
        match event:
            case SendBlocked():
                if Timer.SEND_HOLD in self._running:
                    return []
                return [self._start(Timer.SEND_HOLD, seconds)]
            case SendProgressed():
                return [self._start(Timer.SEND_HOLD, seconds)]
            case SendDrained():
                return self._stop(Timer.SEND_HOLD)
            case SendHoldExpired():
                if Timer.SEND_HOLD not in self._running:
                    return []
                self._running.discard(Timer.SEND_HOLD)
                notification = Notification(ErrorCode.SEND_HOLD_TIMER_EXPIRED)
                reason = DownReason(DownKind.STALLED, notification)
                return self._end(reason, notification, CloseMode.ABORT)
            case _:
                assert_never(event)

    def _ending(
        self,
        event: TransportClosed
        | NotificationReceived
        | MessageRefused
        | HoldExpired
        | StopRequested,
    ) -> list[Action]:
        """What ends a connection in every state that has one."""
        match event:
            case TransportClosed(detail, reset):
                kind = DownKind.TRANSPORT if reset else DownKind.PEER_CLOSED
                return self._gone(DownReason(kind, None, detail))
            case NotificationReceived(notification):
                reason = DownReason(DownKind.PEER_NOTIFIED, notification)
                return self._end(reason, None, CloseMode.ABORT)
            case MessageRefused(None, detail):
                # A NOTIFICATION that cannot be decoded still means that the peer has ended the
                # session.
                reason = DownReason(DownKind.PEER_NOTIFIED, Notification(ErrorCode.CEASE), detail)
                return self._end(reason, None, CloseMode.ABORT)
            case MessageRefused(notification, detail):
                return self._notify(notification, detail)
            case HoldExpired():
                if Timer.HOLD not in self._running:
                    return []
                self._running.discard(Timer.HOLD)
                return self._notify(Notification(ErrorCode.HOLD_TIMER_EXPIRED), "")
            case StopRequested(None, detail):
                return self._end(
                    DownReason(DownKind.WE_CLOSED, None, detail), None, CloseMode.FLUSH
                )
            case StopRequested(notification, detail):
                return self._notify(notification, detail)
            case _:
                assert_never(event)

    def _unexpected(self, subcode: FsmSubcode, event: Message) -> list[Action]:
        """RFC 6608: a good message in the wrong state; the data is its type."""
        kind = _message_type(event)
        notification = Notification(ErrorCode.FINITE_STATE_MACHINE, subcode, bytes((kind,)))
        return self._notify(notification, f"unexpected {kind.name} in {self.state.value}")

    def _notify(self, notification: Notification | None, detail: str) -> list[Action]:
        assert notification is not None
        reason = DownReason(DownKind.WE_NOTIFIED, notification, detail)
        return self._end(reason, notification, CloseMode.NOTIFIED)

    def _end(
        self, reason: DownReason, notification: Notification | None, mode: CloseMode
    ) -> list[Action]:
        send: list[Action] = [] if notification is None else [SendNotification(notification)]
        return [*send, Close(mode), *self._gone(reason)]

    def _gone(self, reason: DownReason) -> list[Action]:
        """The connection is no more, or is being closed: stop what runs and say why."""
        self.state = State.CLOSED
        stops: list[Action] = [StopTimer(timer) for timer in sorted(self._running)]
        self._running.clear()
        return [*stops, SessionDown(reason)]

    def _restart_hold(self) -> list[Action]:
        assert self._negotiated is not None
        if self._negotiated.hold_time_s:
            return [self._start(Timer.HOLD, self._negotiated.hold_time_s)]
        return self._stop(Timer.HOLD)

    def _keepalive(self) -> list[Action]:
        if Timer.KEEPALIVE not in self._running:
            return []
        return [SendKeepalive(), *self._restart_keepalive()]

    def _restart_keepalive(self) -> list[Action]:
        assert self._negotiated is not None
        if not self._negotiated.keepalive_s:
            return []
        return [self._start(Timer.KEEPALIVE, self._negotiated.keepalive_s)]

    def _start(self, timer: Timer, seconds: float) -> StartTimer:
        self._running.add(timer)
        return StartTimer(timer, seconds)

    def _stop(self, timer: Timer) -> list[Action]:
        if timer not in self._running:
            return []
        self._running.discard(timer)
        return [StopTimer(timer)]


def _message_type(event: Message) -> MessageType:
    match event:
        case OpenAccepted() | OpenRefused():
            return MessageType.OPEN
        case KeepaliveReceived():
            return MessageType.KEEPALIVE
        case UpdateReceived():
            return MessageType.UPDATE
        case RefreshReceived():
            return MessageType.ROUTE_REFRESH
        case _:
            assert_never(event)
