"""One neighbor at work: dials, accepts, runs at most two connections, reports to its observer.

The decisions are elsewhere: `fsm/neighbor.py` says when to dial and which connection lives,
`session.py` what a connection says. This is the shell that carries their actions out. A peer has
one task, `run()`, and nothing else runs on its behalf: sockets, the timer and other parts of the
daemon merely wake it, and each turn then reads, judges what is due, sends, and sets the one timer
for the next deadline. So there is no lock, an unexpected error rises into the one task that the
supervisor restarts, and keepalives depend on no table. A turn reads and judges a bounded part of
what the router sent, and neighbors take such turns one after another (`read_turns.py`), with the
rest of the daemon in between.

`write()` is the exception made for speed: a chunk from the owner of the tables goes to the kernel
within the call. Whatever that brings to light waits for the next turn.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final, assert_never

from prefixd.bgp.fsm.action import Timer
from prefixd.bgp.fsm.collision import Origin
from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.neighbor import Neighbor
from prefixd.bgp.fsm.neighbor_event import (
    AbortDial,
    Accepted,
    BeginSession,
    CollisionExpired,
    Dial,
    DialFailed,
    Drop,
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
from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState
from prefixd.bgp.neighbor_settings import Direction, IPAddress, StopMode
from prefixd.bgp.peer.connections import Connections
from prefixd.bgp.peer.family_fallback import offered
from prefixd.bgp.peer.history import History
from prefixd.bgp.peer.interface import MAX_CHUNK_OCTETS, PeerObserver, PeerStatus
from prefixd.bgp.peer.message_rate import MessageRate, Rate
from prefixd.bgp.peer.read_turns import ReadTurns
from prefixd.bgp.peer.session_events import SessionEvents
from prefixd.bgp.peer.shutdown import final, shutdown
from prefixd.bgp.session.io import (
    Ask,
    Begin,
    Clear,
    Input,
    Output,
    Probe,
    Stop,
    Write,
)
from prefixd.bgp.session.packet_log import PacketLog
from prefixd.bgp.session.socket_options import (
    SocketRefusal,
    TransportStatus,
    host_network,
    set_md5,
    transport_status,
)
from prefixd.bgp.session.transport import Transport
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification, cease
from prefixd.clock import Clock

log = logging.getLogger(__name__)

STOP_DRAIN_S: Final = 5.0
"""How long withdrawals may take to reach the kernel before the session ends anyway."""
REKEY_PATIENCE_S: Final = 15.0
"""What the peer has not acknowledged for so long after a change of keys, it will never."""

_TIMER_EVENTS: Final[dict[PeerTimer, PeerEvent]] = {
    PeerTimer.RETRY: RetryExpired(),
    PeerTimer.COLLISION: CollisionExpired(),
    PeerTimer.STABLE: StableExpired(),
}
_ABANDONED: Final = DownReason(DownKind.WE_CLOSED, None, "the neighbor's task ended")


class Peer:
    def __init__(
        self,
        settings: PeerSettings,
        speaker: SpeakerSettings,
        observer: PeerObserver,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        read_turns: ReadTurns,
        dynamic: bool = False,
        restarting_until: float | None = None,
    ) -> None:
        """`read_turns` is shared with the other neighbors. `jitter` returns numbers in [0, 1).
        Until `restarting_until` (monotonic) our OPEN has the restart bit, so that helpers give us
        the time to send everything again."""
        self.settings = settings
        self.dynamic = dynamic
        self.history = History(settings.name, clock)
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        self._read_turns = read_turns
        self._rate = MessageRate(settings.max_messages_per_second, clock.monotonic())
        self._restarting_until = restarting_until
        self._wake = asyncio.Event()
        self._connections = Connections(
            settings, speaker, clock=clock, jitter=jitter, wake=self._wake.set
        )
        self._neighbor = self._new_neighbor()
        self._events = SessionEvents(
            self, observer, self._connections, self.history, self._handle_event
        )
        self._timers: dict[PeerTimer, float] = {}
        self._backlog: list[tuple[Transport, list[Output]]] = []
        self._stopping: tuple[Notification, str, float] | None = None
        self._retiring = False
        self._wanted = settings.enabled
        self._timer = DeadlineTimer(self._wake.set)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def state(self) -> PeerState:
        return self._neighbor.state

    @property
    def negotiated(self) -> Negotiated | None:
        return self._connections.negotiated

    @property
    def writable(self) -> bool:
        return self._connections.writable

    @property
    def handshakes(self) -> int:
        """Connections that are not established."""
        return self._connections.count - (self._connections.established is not None)

    @property
    def local_address(self) -> IPAddress | None:
        """Our end of the established session."""
        status = self._transport_status()
        return None if status is None else ip_address(status.local_address.partition("%")[0])

    @property
    def packets(self) -> PacketLog:
        return self._connections.packets

    def status(self) -> PeerStatus:
        now = self._clock.monotonic()
        established = self._connections.established
        session = None if established is None else established.session
        hold = None if session is None else session.deadline(Timer.HOLD)
        retry = self._timers.get(PeerTimer.RETRY)
        return PeerStatus(
            name=self.name,
            state=self.state,
            since=self.history.since,
            since_us=self.history.since_us,
            enabled=self._wanted,
            dynamic=self.dynamic,
            negotiated=self.negotiated,
            transport=self._transport_status(),
            last_down=self.history.last_down,
            last_down_us=self.history.last_down_us,
            last_error=self.history.last_error,
            next_retry_s=None if retry is None else max(0.0, retry - now),
            hold_left_s=None if hold is None else max(0.0, hold - now),
            queued_octets=0 if session is None else session.outgoing.size,
            stalled_s=0.0 if session is None else session.stalled_s(now),
            keepalive_late_s=0.0 if session is None else session.keepalive_late_s,
            counters=self._connections.counters.snapshot(),
        )

    def _transport_status(self) -> TransportStatus | None:
        established = self._connections.established
        if established is None:
            return None
        incoming = established.origin is Origin.INCOMING
        try:
            return transport_status(established.sock, self.settings, incoming=incoming)
        except OSError:
            # The connection broke a moment ago; its end is not processed yet.
            return None

    def write(self, chunk: bytes, messages: int = 1) -> bool:
        established = self._connections.established
        assert established is not None
        assert self.writable
        assert len(chunk) <= MAX_CHUNK_OCTETS
        return self._send(established, Write(chunk, messages))

    def refresh(self, request: RouteRefresh) -> bool:
        established, negotiated = self._connections.established, self.negotiated
        if established is None or negotiated is None or not negotiated.refresh:
            return False
        self._send(established, Ask(request))
        return True

    def _send(self, transport: Transport, what: Input) -> bool:
        now = self._clock.monotonic()
        outputs = transport.feed(what, now)
        outputs += transport.flush(now)
        everything = not transport.session.outgoing.size
        if outputs or not everything:
            self._backlog.append((transport, outputs))
            self._wake.set()
        return everything

    def start(self) -> None:
        """The operator wants this neighbor up."""
        self._wanted = True
        self._stopping = None
        self._handle_event(Started())

    def stop(self, mode: StopMode, text: str = "") -> None:
        self._wanted = False
        match mode:
            case StopMode.KEEP:
                self._handle_event(Stopped(None, text))
            case StopMode.WITHDRAW:
                self._stop_behind_the_queue(shutdown(self.settings, text), text)
            case StopMode.HARD:
                notification = final(shutdown(self.settings, text), self.negotiated)
                self._handle_event(Stopped(notification, text))
            case _:
                assert_never(mode)

    def remove(self, text: str = "") -> None:
        """The neighbor is no longer configured: Cease/3, behind what is already written."""
        self._wanted = False
        notification = final(cease(CeaseSubcode.PEER_DE_CONFIGURED), self.negotiated)
        self._stop_behind_the_queue(notification, text)

    def _stop_behind_the_queue(self, notification: Notification, text: str) -> None:
        if self._connections.established is None or self.writable:
            self._handle_event(Stopped(notification, text))
            return
        self._stopping = notification, text, self._clock.monotonic() + STOP_DRAIN_S
        self._wake.set()

    def reset(self, notification: Notification | None, detail: str = "") -> None:
        self._handle_event(ResetAsked(notification, detail))

    def refuse(self, notification: Notification, detail: str) -> None:
        transport, now = self._connections.established, self._clock.monotonic()
        if transport is None:
            return
        outputs = transport.feed(Stop(notification, detail), now)
        outputs += transport.flush(now)
        # The caller is handling an UPDATE of this session, so it ends in the next turn.
        self._backlog.append((transport, outputs))
        self._wake.set()

    def apply(self, settings: PeerSettings, speaker: SpeakerSettings) -> None:
        """New settings. A session that is up keeps its terms; a reset, where one is needed, is
        asked for separately (`reload.py` knows)."""
        if settings.families != self.settings.families:
            self._events.refusals = 0
        self.settings = settings
        self._connections.apply(settings, speaker)
        self._rate.per_second = settings.max_messages_per_second
        timers = settings.timers
        self._neighbor.retune(retry_s=timers.connect_retry_s, stable_s=timers.stable_s)
        self._events.retune(settings.restart.stale_routes_max_s)

    def leave(self, notification: Notification | None, detail: str) -> None:
        """End for good, at once: another neighbor object takes over."""
        self._wanted = False
        self._handle_event(Stopped(notification, detail))
        self.retire()

    def rekey(self) -> None:
        """Put the configured MD5 key on the live connection; the peer must do the same within
        `REKEY_PATIENCE_S`. Some routers end the session instead, and say so in segments signed
        with the old key, which our kernel drops: then it is TCP that has to find out."""
        key, established = self.settings.md5, self._connections.established
        if key is None or established is None:
            return
        try:
            set_md5(established.sock, host_network(self.settings.address), key)
        except (SocketRefusal, OSError) as error:
            self.history.last_error = str(error)
            return
        established.set_user_timeout(REKEY_PATIENCE_S)
        self._send(established, Probe())

    def nudge(self) -> None:
        """Take a turn soon; for tests that move the clock."""
        self._wake.set()

    def retire(self) -> None:
        """Let `run()` end once every connection is closed."""
        self._retiring = True
        self._wake.set()

    def accept(self, sock: socket.socket) -> None:
        """A connection from this neighbor's address, admitted by the listener."""
        try:
            number = self._connections.admit(sock)
        except (SocketRefusal, OSError) as error:
            self.history.last_error = str(error)
            sock.close()
            return
        if self._neighbor.refusing:
            # A wait that is over refuses no connection, also before its timer has its turn. Not
            # otherwise: a dial that begins now would collide with this connection.
            self._fire_timers(self._clock.monotonic())
        self._handle_event(Accepted(number))

    async def run(self) -> None:
        """The peer's one task; may be run again after it has ended, for whatever reason."""
        try:
            if self._wanted:
                self._handle_event(Started())
            self._wake.set()
            while not (self._retiring and not self._connections.count and self._stopping is None):
                await self._wake.wait()
                if self._connections.has_input:
                    await self._read_turns.wait()
                self._wake.clear()
                self._turn(self._clock.monotonic())
                await asyncio.sleep(0)  # a turn that wakes itself leaves the others theirs
        finally:
            self._abandon()

    def _turn(self, now: float) -> None:
        outcome = self._connections.poll_dial(now)
        if outcome is not None:
            if isinstance(outcome, DialFailed):
                self.history.last_error = f"dialling {self.settings.address}: {outcome.detail}"
            self._handle_event(outcome)
        backlog, self._backlog = self._backlog, []
        for transport, outputs in backlog:
            self._events.absorb(transport, outputs, now)
        messages = self._connections.counters.total_in
        for transport, outputs in self._connections.turns(now):
            self._events.absorb(transport, outputs, now)
        self._judge_rate(self._connections.counters.total_in - messages, now)
        self._fire_timers(now)
        self._events.due(now)
        self._arm(now)

    def _judge_rate(self, messages: int, now: float) -> None:
        established = self._connections.established
        if established is None:
            return
        if established.session.unjudged:
            self._connections.counters.read_pauses += 1
        match self._rate.received(messages, now):
            case Rate.NORMAL:
                pass
            case Rate.HIGH:
                log.warning(
                    "neighbor sends too many messages",
                    extra={"peer": self.name, "limit_per_second": self._rate.per_second},
                )
            case Rate.EXCEEDED:
                self._rate.start(now)
                limit = self._rate.per_second
                detail = f"more than {limit} messages a second for a minute"
                self.refuse(cease(CeaseSubcode.OUT_OF_RESOURCES), detail)
            case rate:
                assert_never(rate)

    def _fire_timers(self, now: float) -> None:
        for timer in tuple(self._timers):
            # Asked again each time: what one timer leads to may stop or restart another.
            if self._timers.get(timer, now + 1.0) <= now:
                del self._timers[timer]
                self._handle_event(_TIMER_EVENTS[timer])
        if self._stopping is not None:
            notification, text, deadline = self._stopping
            if self._connections.established is None or self.writable or deadline <= now:
                self._stopping = None
                self._handle_event(Stopped(notification, text))

    def _arm(self, now: float) -> None:
        deadlines = [
            *self._timers.values(),
            self._connections.next_deadline,
            self._events.next_deadline,
            None if self._stopping is None else self._stopping[2],
        ]
        self._timer.set(deadlines, now)

    def _abandon(self) -> None:
        """Leave no descriptor and no timer behind, and be ready to run again."""
        self._timer.cancel()
        self._connections.abandon()
        self._timers.clear()
        self._backlog.clear()
        self._neighbor = self._new_neighbor()
        self._events.abandon(_ABANDONED, self._clock.monotonic())

    def _new_neighbor(self) -> Neighbor:
        direction = self.settings.direction
        return Neighbor(
            may_dial=direction is not Direction.PASSIVE and not self.dynamic,
            may_accept=direction is not Direction.ACTIVE,
            retry_s=self.settings.timers.connect_retry_s,
            stable_s=self.settings.timers.stable_s,
        )

    def _handle_event(self, event: PeerEvent) -> None:
        before = self._neighbor.state
        actions = self._neighbor.handle(event, self._jitter())
        after = self._neighbor.state
        if after is not before:
            self._observer.changed(self, self.history.moved(event, before, after))
        for action in actions:
            self._perform(action, self._clock.monotonic())
        self._wake.set()

    def _perform(self, action: PeerAction, now: float) -> None:
        match action:
            case Dial():
                self._connections.dial(now)
            case AbortDial():
                self._connections.hang_up()
            case BeginSession(connection):
                until = self._restarting_until
                first = not self._connections.counters.sessions
                restarting = first and until is not None and now < until
                families = offered(self.settings, self._events.refusals)
                self._connections.open(connection, restarting=restarting, families=families)
                self._feed(connection, Begin(), now)
            case Proceed(connection):
                self._feed(connection, Clear(), now)
            case Drop(connection, notification, detail):
                self._feed(connection, Stop(notification, detail), now)
            case Refuse(connection, notification):
                self._connections.refuse(connection, notification, now)
            case StartPeerTimer(timer, seconds):
                self._timers[timer] = now + seconds
            case StopPeerTimer(timer):
                self._timers.pop(timer, None)
            case _:
                assert_never(action)

    def _feed(self, number: int, what: Input, now: float) -> None:
        transport = self._connections.get(number)
        if transport is not None:
            outputs = transport.feed(what, now)
            outputs += transport.flush(now)
            self._events.absorb(transport, outputs, now)


class DeadlineTimer:
    __slots__ = ("_handle", "_ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadlines: Iterable[float | None], now: float) -> None:
        """Replaces what was set before; None is a deadline that does not exist."""
        self.cancel()
        first = min((each for each in deadlines if each is not None), default=None)
        if first is not None:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(max(0.0, first - now), self._ring)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
