"""One BGP connection without I/O: inputs and the time go in, events come out, octets to send wait
in `outgoing`, and `next_deadline` says when to come back.

It binds the codec to the machine of `fsm/machine.py` and owns what neither does: the receive
buffer, the deadlines, and the octets the kernel has not taken yet. It refuses to know sockets,
other connections to the same peer, and what an UPDATE means. Two of these can be joined in memory
and run through hours of session life in a millisecond.

Decisions kept here:

* After a valid OPEN nothing is read until the collision check has spoken (`OpenHeld`, `Clear`).
* A keepalive is not queued behind octets the kernel refuses: they will do its work, and a peer that
  has closed its TCP window must not make us collect keepalives.
* The hold timer is judged only with `Due(unread=False)`, that is after everything the kernel had
  for us was read; our own stall never counts against the peer.
* One input judges a bounded number of messages, whatever was received. The rest is `unjudged`:
  nothing more is read until `Data(b"")` has judged it, so a peer that sends faster than we judge
  fills its own TCP window and no memory of ours.
"""

from dataclasses import replace
from typing import Final, assert_never

from prefixd.bgp.fsm.action import (
    Action,
    AskCollision,
    Close,
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
    MessageRefused,
    MessageSent,
    SendBlocked,
    SendDrained,
    SendHoldExpired,
    SendProgressed,
    StopRequested,
    TransportClosed,
    TransportOpened,
)
from prefixd.bgp.fsm.machine import Machine
from prefixd.bgp.fsm.negotiate import Negotiated, Offer, our_open
from prefixd.bgp.fsm.state import State
from prefixd.bgp.session.counters import CounterSet
from prefixd.bgp.session.io import (
    Ask,
    Begin,
    Clear,
    Data,
    Due,
    Faulty,
    Gone,
    Input,
    OpenHeld,
    Output,
    Probe,
    RefreshArrived,
    Stalled,
    Stop,
    Taken,
    UpdateArrived,
    Write,
)
from prefixd.bgp.session.packet_log import PacketLog
from prefixd.bgp.session.receive import EXPECTED, interpret
from prefixd.bgp.session.send_queue import SendBuffer, StallWatch
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import MessageType
from prefixd.bgp.wire.message import Keepalive, RouteRefresh, encode_message
from prefixd.bgp.wire.notification import notification_for
from prefixd.bgp.wire.update import Update

KEEPALIVE: Final = encode_message(Keepalive(), BEFORE_OPEN)
TURN_MESSAGES: Final = 32
TURN_OCTETS: Final = 4096
"""So much is judged at a time: a few milliseconds of work, for the cheapest message and for the
most expensive. The message that reaches the limit is judged to its end."""
MAX_HELD_OCTETS: Final = 4096
"""A held peer may have sent its KEEPALIVE, and nothing else; more stays in the kernel."""

_EXPIRED: Final[dict[Timer, Event]] = {
    Timer.KEEPALIVE: KeepaliveExpired(),
    Timer.SEND_HOLD: SendHoldExpired(),
    Timer.HOLD: HoldExpired(),
}


class Session:
    __slots__ = (
        "_buffer",
        "_context",
        "_counters",
        "_deadlines",
        "_held",
        "_log",
        "_machine",
        "_offer",
        "_random",
        "_stall",
        "_undelivered",
        "keepalive_late_s",
        "negotiated",
        "outgoing",
        "received_at",
        "unjudged",
    )

    def __init__(
        self,
        offer: Offer,
        *,
        initial_hold_s: float = 30.0,
        seed: int = 1,
        counters: CounterSet | None = None,
        log: PacketLog | None = None,
    ) -> None:
        """`seed` decides the keepalives' jitter, so that a recorded session replays exactly."""
        self.outgoing = SendBuffer()
        self.negotiated: Negotiated | None = None
        self.keepalive_late_s = 0.0
        self.received_at = 0.0
        self.unjudged = False
        """Received messages may wait in the buffer; `Data(b"")` judges the next of them."""
        self._offer = offer
        self._machine = Machine(initial_hold_s)
        self._context: WireContext = BEFORE_OPEN
        self._buffer = bytearray()
        self._deadlines: dict[Timer, float] = {}
        self._random = seed & 0x7FFFFFFF
        self._held = False
        self._stall = StallWatch()
        self._undelivered: Update | RouteRefresh | None = None
        self._counters = CounterSet() if counters is None else counters
        self._log = PacketLog(0) if log is None else log

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def wants_data(self) -> bool:
        if self._held:
            return len(self._buffer) < MAX_HELD_OCTETS
        return not self.unjudged

    @property
    def next_deadline(self) -> float | None:
        stall = self._next_stall()
        first = min(self._deadlines.values(), default=None)
        if stall is None or first is None:
            return first if stall is None else stall
        return min(first, stall)

    def deadline(self, timer: Timer) -> float | None:
        return self._deadlines.get(timer)

    def stalled_s(self, now: float) -> float:
        """How long octets have been waiting without the kernel taking any."""
        return self._stall.seconds(now)

    def handle(self, what: Input, now: float) -> list[Output]:
        match what:
            case Data(octets):
                return self._receive(octets, now)
            case Taken(octets):
                return self._taken(octets, now)
            case Due(unread):
                return self._due(now, unread=unread)
            case Write(octets, messages):
                self._queue(octets, MessageType.UPDATE, now, messages)
                return self._feed(MessageSent(), now)
            case Ask(refresh):
                octets = encode_message(refresh, self._context)
                self._queue(octets, MessageType.ROUTE_REFRESH, now)
                return self._feed(MessageSent(), now)
            case Probe():
                return self._feed(KeepaliveExpired(), now)
            case Begin():
                self.received_at = now
                return self._feed(TransportOpened(), now)
            case Clear():
                self._held = False
                return [*self._feed(CollisionCleared(), now), *self._receive(b"", now)]
            case Stop(notification, detail):
                return self._feed(StopRequested(notification, detail), now)
            case Gone(detail, reset):
                return self._feed(TransportClosed(self._cut_off(detail), reset), now)
            case _:
                assert_never(what)

    def _cut_off(self, detail: str) -> str:
        if self._buffer and not self._held:
            return f"{detail} in the middle of a message".strip()
        return detail

    def _receive(self, octets: bytes, now: float) -> list[Output]:
        if self.state not in EXPECTED:
            return []
        if octets:
            self.received_at = now
            self._counters.octets_in += len(octets)
            self._buffer += octets
        outputs: list[Output] = []
        messages = judged = 0
        self.unjudged = False
        while not self._held and self.state in EXPECTED:
            if messages >= TURN_MESSAGES or judged >= TURN_OCTETS:
                self.unjudged = True
                break
            message = b""
            try:
                cut = cut_message(self._buffer, self._context)
                if cut is None:
                    break
                message = cut
                self._log.add(now, message, sent=False)
                self._counters.received(message[18])
                event = self._read(message, outputs)
            except WireError as error:
                event = self._refused(error, message or bytes(self._buffer[:64]), outputs)
            messages, judged = messages + 1, judged + len(message)
            outputs += self._feed(event, now)
        return outputs

    def _read(self, octets: bytes, outputs: list[Output]) -> Event:
        """One whole message as an event; its content is kept for `Deliver`."""
        found = interpret(octets, self.state, self._context, self._offer)
        if found.faults:
            self._counters.faulty(found.faults)
            outputs.append(Faulty(found.faults, octets, str(found.faults[0])))
        if found.content is not None:
            self._undelivered = found.content
        return found.event

    def _refused(self, error: WireError, message: bytes, outputs: list[Output]) -> Event:
        outputs.append(Faulty((), message, str(error)))
        answer = notification_for(error) if error.answerable else None
        return MessageRefused(answer, str(error))

    def _due(self, now: float, *, unread: bool) -> list[Output]:
        outputs = self._judge_stall(now)
        for timer, event in _EXPIRED.items():
            deadline = self._deadlines.get(timer)
            if deadline is None or deadline > now:
                continue
            if timer is Timer.HOLD and unread:
                continue
            if timer is Timer.KEEPALIVE:
                self.keepalive_late_s = max(self.keepalive_late_s, now - deadline)
            del self._deadlines[timer]
            outputs += self._feed(event, now)
        return outputs

    def _taken(self, octets: int, now: float) -> list[Output]:
        self.outgoing.take(octets)
        self._counters.octets_out += octets
        if self.state is State.CLOSED:
            return []
        if not self.outgoing.size:
            if not self._stall.waiting:
                return []
            self._stall.ended()
            return [*self._feed(SendDrained(), now), SendDrained()]
        progressed = self._stall.left(octets, now)
        return self._feed(SendProgressed() if progressed else SendBlocked(), now)

    def _next_stall(self) -> float | None:
        if self.negotiated is None:
            return None
        return self._stall.next_level_at(self.negotiated.send_hold_time_s)

    def _judge_stall(self, now: float) -> list[Output]:
        if self.negotiated is None:
            return []
        waiting = self.outgoing.size
        due = self._stall.due(self.negotiated.send_hold_time_s, now)
        return [Stalled(level, seconds, waiting) for level, seconds in due]

    def _feed(self, event: Event, now: float) -> list[Output]:
        outputs: list[Output] = []
        for action in self._machine.handle(event):
            outputs += self._perform(action, now)
        return outputs

    def _perform(self, action: Action, now: float) -> list[Output]:
        match action:
            case StartTimer(timer, seconds):
                self._deadlines[timer] = now + self._spread(timer, seconds)
            case StopTimer(timer):
                self._deadlines.pop(timer, None)
            case SendKeepalive():
                if not self._stall.waiting:
                    self._queue(KEEPALIVE, MessageType.KEEPALIVE, now)
            case Deliver():
                return self._deliver()
            case SendOpen():
                message = encode_message(our_open(self._offer), BEFORE_OPEN)
                self._queue(message, MessageType.OPEN, now)
            case SendNotification(notification):
                self.outgoing.cut()
                message = encode_message(notification, BEFORE_OPEN)
                self._queue(message, MessageType.NOTIFICATION, now)
            case AskCollision(negotiated):
                self._held = True
                self._context = self._reading(negotiated.context)
                return [OpenHeld(negotiated)]
            case SessionUp(negotiated):
                self.negotiated = negotiated
                late = self._feed(SendBlocked(), now) if self._stall.waiting else []
                return [action, *late]
            case Close():
                return [action]
            case SessionDown():
                self._end()
                return [action]
            case _:
                assert_never(action)
        return []

    def _reading(self, agreed: WireContext) -> WireContext:
        """How the peer's messages are read; what we may send stays in the negotiated context."""
        if self._offer.accept_long_messages:
            return replace(agreed, extended_messages=True)
        return agreed

    def _end(self) -> None:
        self.negotiated = None
        self.unjudged = False
        self._buffer.clear()
        self._stall.ended()

    def _deliver(self) -> list[Output]:
        message, self._undelivered = self._undelivered, None
        match message:
            case Update():
                return [UpdateArrived(message)]
            case RouteRefresh():
                return [RefreshArrived(message)]
            case None:
                return []
            case _:
                assert_never(message)

    def _queue(self, octets: bytes, kind: MessageType, now: float, messages: int = 1) -> None:
        self.outgoing.append(octets)
        self._counters.sent(kind, messages)
        self._log.add(now, octets, sent=True)

    def _spread(self, timer: Timer, seconds: float) -> float:
        """Keepalives go out after 75 to 100 percent of their interval (RFC 4271 10)."""
        if timer is not Timer.KEEPALIVE:
            return seconds
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        return seconds * (0.75 + 0.25 * self._random / 0x80000000)
