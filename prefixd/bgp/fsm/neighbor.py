"""A neighbor: when to dial, whom to let in, which of two connections lives, when to try again.

The other half of RFC 4271's machine. It owns no socket and no session; it knows connections by
number, how far each has come, and whether a dial is under way. At most two connections exist at a
time, because a collision has two sides; a third one is refused.

`state` is not stored but read off: the furthest connection if there is one, CONNECT while only
dialling, otherwise ACTIVE (TCP failed, waiting to dial again) or IDLE (a session failed, waiting
longer). In both the peer's own connections are welcome, since many routers sit out a damping period
of minutes after an error and then call us; only a neighbor that fails over and over is refused
until the wait is over. DISABLED is the operator's word and refuses everything.

A connection whose OPEN is good but which ought to lose against a silent one is *held*: no
KEEPALIVE is sent on it until the other proves itself, fails, or five seconds have passed. Both ends
thereby settle on the same connection without one of them being Established on the loser, and a peer
that accepted TCP but never speaks cannot block the one that does.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from prefixd.bgp.fsm.backoff import Backoff, Cause, classify
from prefixd.bgp.fsm.collision import Origin, Stage, Verdict, judge
from prefixd.bgp.fsm.neighbor_event import (
    AbortDial,
    Accepted,
    BeginSession,
    CollisionExpired,
    ConnectionLost,
    ConnectionUp,
    Dial,
    DialFailed,
    DialSucceeded,
    Drop,
    OpenArrived,
    PeerAction,
    PeerEvent,
    PeerTimer,
    Proceed,
    Refuse,
    ResetAsked,
    RetryExpired,
    StableExpired,
    Started,
    StartPeerTimer,
    Stopped,
    StopPeerTimer,
)
from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode
from prefixd.bgp.wire.notification import Notification

COLLISION_WAIT_S: Final = 5.0
MAX_CONNECTIONS: Final = 2

COLLISION: Final = Notification(ErrorCode.CEASE, CeaseSubcode.CONNECTION_COLLISION_RESOLUTION)
REJECTED: Final = Notification(ErrorCode.CEASE, CeaseSubcode.CONNECTION_REJECTED)
SHUT_DOWN: Final = Notification(ErrorCode.CEASE, CeaseSubcode.ADMINISTRATIVE_SHUTDOWN)

_SHOWN: Final = {
    Stage.WAITING: PeerState.OPEN_SENT,
    Stage.HELD: PeerState.OPEN_SENT,
    Stage.CONFIRMED: PeerState.OPEN_CONFIRM,
    Stage.ESTABLISHED: PeerState.ESTABLISHED,
}
_FURTHEST_FIRST: Final = (Stage.ESTABLISHED, Stage.CONFIRMED, Stage.HELD, Stage.WAITING)


@dataclass(slots=True)
class _Connection:
    origin: Origin
    stage: Stage = Stage.WAITING


class Neighbor:
    __slots__ = (
        "_backoff",
        "_connections",
        "_dialling",
        "_enabled",
        "_may_accept",
        "_may_dial",
        "_rest",
        "_running",
        "_stable_s",
    )

    def __init__(
        self, *, may_dial: bool, may_accept: bool, retry_s: float = 5.0, stable_s: float = 300.0
    ) -> None:
        self._may_dial = may_dial
        self._may_accept = may_accept
        self._stable_s = stable_s
        self._backoff = Backoff(retry_s)
        self._connections: dict[int, _Connection] = {}
        self._dialling = False
        self._enabled = False
        self._rest = PeerState.ACTIVE
        self._running: set[PeerTimer] = set()

    @property
    def state(self) -> PeerState:
        if not self._enabled:
            return PeerState.DISABLED
        stages = {connection.stage for connection in self._connections.values()}
        for stage in _FURTHEST_FIRST:
            if stage in stages:
                return _SHOWN[stage]
        return PeerState.CONNECT if self._dialling else self._rest

    @property
    def running(self) -> frozenset[PeerTimer]:
        return frozenset(self._running)

    @property
    def connections(self) -> frozenset[int]:
        return frozenset(self._connections)

    @property
    def refusing(self) -> bool:
        """It fails over and over: its own connections are refused too, until the wait ends."""
        return self._backoff.oscillating and PeerTimer.RETRY in self._running

    def retune(self, *, retry_s: float, stable_s: float) -> None:
        """New times, from the next wait on."""
        self._backoff.retry_s = retry_s
        self._stable_s = stable_s

    def failures(self, cause: Cause) -> int:
        return self._backoff.count(cause)

    def handle(self, event: PeerEvent, jitter: float = 0.5) -> list[PeerAction]:
        """`jitter` in [0, 1) is used if a wait begins."""
        match event:
            case Started():
                return self._started()
            case Stopped(notification, detail):
                return self._stopped(notification, detail)
            case ResetAsked(notification, detail):
                return self._reset(notification, detail, jitter)
            case RetryExpired() | CollisionExpired() | StableExpired():
                return self._timer(event)
            case DialSucceeded(connection):
                return self._dialled(connection)
            case DialFailed():
                return self._dial_failed(jitter)
            case Accepted(connection):
                return self._accepted(connection)
            case OpenArrived():
                return self._open_arrived(event)
            case ConnectionUp(connection):
                return self._up(connection)
            case ConnectionLost():
                return self._lost(event, jitter)
            case _:
                assert_never(event)

    def _started(self) -> list[PeerAction]:
        if self._enabled:
            return []
        self._enabled = True
        self._rest = PeerState.ACTIVE
        self._backoff.reset()
        return self._dial()

    def _stopped(self, notification: Notification | None, detail: str) -> list[PeerAction]:
        self._enabled = False
        self._rest = PeerState.ACTIVE
        return [
            *self._stop_all_timers(),
            *self._abort_dial(),
            *self._drop_all(notification, detail),
        ]

    def _reset(
        self, notification: Notification | None, detail: str, jitter: float
    ) -> list[PeerAction]:
        if not self._enabled:
            return []
        actions = [
            *self._stop_all_timers(),
            *self._abort_dial(),
            *self._drop_all(notification, detail),
        ]
        self._backoff.reset()
        return [*actions, *self._rest_for(Cause.IMMEDIATE, jitter)]

    def _timer(self, event: RetryExpired | CollisionExpired | StableExpired) -> list[PeerAction]:
        match event:
            case RetryExpired():
                if not self._fired(PeerTimer.RETRY):
                    return []
                self._rest = PeerState.ACTIVE
                return self._dial()
            case CollisionExpired():
                return self._release_held() if self._fired(PeerTimer.COLLISION) else []
            case StableExpired():
                if self._fired(PeerTimer.STABLE):
                    self._backoff.reset()
                return []
            case _:
                assert_never(event)

    def _dialled(self, connection: int) -> list[PeerAction]:
        wanted = self._dialling and self._enabled
        self._dialling = False
        if not wanted or self._settled() or len(self._connections) >= MAX_CONNECTIONS:
            return [Refuse(connection, None)]
        self._backoff.reached()
        self._connections[connection] = _Connection(Origin.OUTGOING)
        return [BeginSession(connection)]

    def _dial_failed(self, jitter: float) -> list[PeerAction]:
        if not self._dialling:
            return []
        self._dialling = False
        if self._connections:
            return []
        return self._rest_for(Cause.UNREACHABLE, jitter)

    def _accepted(self, connection: int) -> list[PeerAction]:
        if not self._enabled:
            return [Refuse(connection, SHUT_DOWN)]
        crowded = len(self._connections) >= MAX_CONNECTIONS
        if not self._may_accept or crowded or self.refusing:
            return [Refuse(connection, REJECTED)]
        self._connections[connection] = _Connection(Origin.INCOMING)
        return [BeginSession(connection)]

    def _open_arrived(self, event: OpenArrived) -> list[PeerAction]:
        new = self._connections.get(event.connection)
        if new is None or new.stage is not Stage.WAITING:
            return []
        rival = next((key for key in self._connections if key != event.connection), None)
        if rival is None:
            return self._proceed(event.connection)
        old = self._connections[rival]
        verdict = judge(event.identities, new.origin, old.origin, old.stage, event.revival)
        match verdict:
            case Verdict.NEW_LIVES:
                return [*self._drop(rival, COLLISION), *self._proceed(event.connection)]
            case Verdict.NEW_REPLACES:
                return [*self._drop(rival, None), *self._proceed(event.connection)]
            case Verdict.OLD_LIVES:
                return self._drop(event.connection, COLLISION)
            case Verdict.WAIT:
                new.stage = Stage.HELD
                return [self._start(PeerTimer.COLLISION, COLLISION_WAIT_S)]
            case _:
                assert_never(verdict)

    def _up(self, connection: int) -> list[PeerAction]:
        risen = self._connections.get(connection)
        if risen is None or risen.stage is not Stage.CONFIRMED:
            return []
        risen.stage = Stage.ESTABLISHED
        return [*self._stop(PeerTimer.RETRY), self._start(PeerTimer.STABLE, self._stable_s)]

    def _lost(self, event: ConnectionLost, jitter: float) -> list[PeerAction]:
        lost = self._connections.pop(event.connection, None)
        if lost is None:
            return []
        established = lost.stage is Stage.ESTABLISHED
        actions = self._stop(PeerTimer.STABLE) if established else []
        if self._connections:
            return [*actions, *self._release_held()]
        cause = classify(event.reason, established=established)
        return [*actions, *self._rest_for(cause, jitter)]

    def _proceed(self, connection: int) -> list[PeerAction]:
        self._connections[connection].stage = Stage.CONFIRMED
        return [
            *self._stop(PeerTimer.COLLISION),
            *self._stop(PeerTimer.RETRY),
            *self._abort_dial(),
            Proceed(connection),
        ]

    def _release_held(self) -> list[PeerAction]:
        """The connection that should have won did not: the held one goes on instead."""
        held = next((k for k, c in self._connections.items() if c.stage is Stage.HELD), None)
        if held is None:
            return []
        silent = [key for key in self._connections if key != held]
        drops = [action for key in silent for action in self._drop(key, COLLISION)]
        return [*drops, *self._proceed(held)]

    def _drop(self, connection: int, notification: Notification | None) -> list[PeerAction]:
        dropped = self._connections.pop(connection)
        stop = self._stop(PeerTimer.STABLE) if dropped.stage is Stage.ESTABLISHED else []
        detail = "connection collision" if notification else "the peer opened a new connection"
        return [*stop, Drop(connection, notification, detail)]

    def _drop_all(self, notification: Notification | None, detail: str) -> list[PeerAction]:
        drops: list[PeerAction] = [Drop(key, notification, detail) for key in self._connections]
        self._connections.clear()
        return drops

    def _settled(self) -> bool:
        """A connection exists that a new one could at best collide with and lose."""
        return any(
            connection.stage in (Stage.CONFIRMED, Stage.ESTABLISHED)
            for connection in self._connections.values()
        )

    def _dial(self) -> list[PeerAction]:
        outgoing = any(c.origin is Origin.OUTGOING for c in self._connections.values())
        if not self._may_dial or self._dialling or outgoing or self._settled():
            return []
        self._dialling = True
        return [Dial()]

    def _abort_dial(self) -> list[PeerAction]:
        if not self._dialling:
            return []
        self._dialling = False
        return [AbortDial()]

    def _rest_for(self, cause: Cause, jitter: float) -> list[PeerAction]:
        if not self._enabled:
            return []
        delay = self._backoff.next_delay(cause, jitter)
        if not self._may_dial and not self._backoff.oscillating:
            self._rest = PeerState.ACTIVE
            return self._stop(PeerTimer.RETRY)
        self._rest = PeerState.ACTIVE if cause is Cause.UNREACHABLE else PeerState.IDLE
        return [*self._abort_dial(), self._start(PeerTimer.RETRY, delay)]

    def _start(self, timer: PeerTimer, seconds: float) -> StartPeerTimer:
        self._running.add(timer)
        return StartPeerTimer(timer, seconds)

    def _stop(self, timer: PeerTimer) -> list[PeerAction]:
        if timer not in self._running:
            return []
        self._running.discard(timer)
        return [StopPeerTimer(timer)]

    def _stop_all_timers(self) -> list[PeerAction]:
        return [action for timer in PeerTimer for action in self._stop(timer)]

    def _fired(self, timer: PeerTimer) -> bool:
        if timer not in self._running:
            return False
        self._running.discard(timer)
        return True
