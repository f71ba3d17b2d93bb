"""Any history of events keeps both machines honest."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.bgp.fsm.action import (
    Close,
    SendKeepalive,
    SendNotification,
    SendOpen,
    SessionDown,
    SessionUp,
    StartTimer,
    StopTimer,
    Timer,
)
from prefixd.bgp.fsm.collision import Identities, Revival
from prefixd.bgp.fsm.event import HoldExpired, KeepaliveExpired, SendHoldExpired, TransportClosed
from prefixd.bgp.fsm.machine import Machine
from prefixd.bgp.fsm.neighbor import MAX_CONNECTIONS, Neighbor
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
from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState, State
from prefixd.bgp.wire.notification import Notification
from tests.kit.fsm_document import EVENTS, INITIAL_HOLD_S, TERMS, terms

EXPIRES = {
    HoldExpired(): Timer.HOLD,
    KeepaliveExpired(): Timer.KEEPALIVE,
    SendHoldExpired(): Timer.SEND_HOLD,
}
ORDER = [State.IDLE, State.OPEN_SENT, State.OPEN_CONFIRM, State.ESTABLISHED, State.CLOSED]

any_event = st.sampled_from([*EVENTS.values(), *[type(EVENTS["OPEN good"])(terms(0))]])
# Random events rarely find the way up, so most histories start on it.
way_up = st.sampled_from([0, 1, 2, 3, 4, 4, 4]).map(
    lambda n: [EVENTS[k] for k in ("TCP up", "OPEN good", "collision cleared", "KEEPALIVE")][:n]
)


@settings(max_examples=400, deadline=None)
@given(way_up, st.lists(any_event, max_size=40))
def test_a_connection_keeps_its_promises(start: list, rest: list) -> None:  # type: ignore[type-arg]  # events
    machine = Machine(INITIAL_HOLD_S)
    running: set[Timer] = set()
    notifications = downs = ups = closes = 0
    for event in [*start, *rest]:
        before = machine.state
        if event in EXPIRES and EXPIRES[event] in running:
            running.discard(EXPIRES[event])
        actions = machine.handle(event)
        assert ORDER.index(machine.state) >= ORDER.index(before), "no way back"
        if before is State.CLOSED:
            assert actions == []
        for action in actions:
            match action:
                case StartTimer(timer, seconds):
                    assert seconds > 0
                    running.add(timer)
                case StopTimer(timer):
                    assert timer in running, "only what runs is stopped"
                    running.discard(timer)
                case SendNotification():
                    notifications += 1
                case SessionDown():
                    downs += 1
                case SessionUp():
                    ups += 1
                case Close():
                    closes += 1
                case SendOpen() | SendKeepalive():
                    assert not closes
                case _:
                    pass
        if isinstance(event, TransportClosed) or before is State.IDLE:
            assert not any(isinstance(a, SendNotification | Close) for a in actions)
        assert machine.running == running
    assert notifications <= 1
    assert ups <= 1
    assert downs == (machine.state is State.CLOSED)
    assert machine.state is not State.CLOSED or not running


@settings(max_examples=100, deadline=None)
@given(way_up, st.lists(any_event, max_size=20))
def test_a_connected_machine_always_has_a_way_out(start: list, rest: list) -> None:  # type: ignore[type-arg]  # events
    machine = Machine(INITIAL_HOLD_S)
    for event in [*start, *rest]:
        machine.handle(event)
    if machine.state in (State.OPEN_SENT, State.OPEN_CONFIRM):
        assert Timer.HOLD in machine.running
    assert TERMS.hold_time_s == 90


numbers = st.integers(1, 6)
ids = st.builds(Identities, st.just(5), st.just(5), st.integers(4, 6), st.integers(4, 6))
reasons = st.sampled_from(
    [
        DownReason(DownKind.PEER_CLOSED),
        DownReason(DownKind.PEER_NOTIFIED, Notification(6, 2)),
        DownReason(DownKind.PEER_NOTIFIED, Notification(6, 4)),
        DownReason(DownKind.PEER_NOTIFIED, Notification(6, 7)),
        DownReason(DownKind.WE_NOTIFIED, Notification(2, 7)),
    ]
)
peer_events: st.SearchStrategy[PeerEvent] = st.one_of(
    st.sampled_from(
        [
            Started(),
            Stopped(Notification(6, 2)),
            Stopped(None),
            ResetAsked(None),
            RetryExpired(),
            CollisionExpired(),
            StableExpired(),
            DialFailed("x"),
        ]
    ),
    st.sampled_from([DialSucceeded, Accepted]).flatmap(lambda kind: st.just(kind(0))),
    st.builds(OpenArrived, numbers, ids, st.builds(Revival, st.booleans())),
    st.builds(ConnectionUp, numbers),
    st.builds(ConnectionLost, numbers, reasons),
)


class Model:
    """The shell's view: what is open, what is dialled, which timers run."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.new: set[int] = set()
        self.dialling = False
        self.timers: set[PeerTimer] = set()

    def perform(self, action: PeerAction) -> None:
        match action:
            case Dial():
                assert not self.dialling
                self.dialling = True
            case AbortDial():
                assert self.dialling
                self.dialling = False
            case BeginSession(number):
                assert number in self.new
                self.new.discard(number)
                self.open.add(number)
            case Refuse(number):
                assert number in self.new, "only a connection on which nothing was said"
                self.new.discard(number)
            case Proceed(number):
                assert number in self.open, "nothing is asked of a closed connection"
            case Drop(number):
                assert number in self.open
                self.open.discard(number)
            case StartPeerTimer(timer, seconds):
                assert seconds >= 0
                self.timers.add(timer)
            case StopPeerTimer(timer):
                assert timer in self.timers
                self.timers.discard(timer)


_FIRES = {
    RetryExpired(): PeerTimer.RETRY,
    CollisionExpired(): PeerTimer.COLLISION,
    StableExpired(): PeerTimer.STABLE,
}


@settings(max_examples=400, deadline=None)
@given(st.booleans(), st.booleans(), st.lists(peer_events, max_size=60), st.floats(0, 0.99))
def test_a_neighbor_keeps_its_promises(
    may_dial: bool, may_accept: bool, events: list[PeerEvent], jitter: float
) -> None:
    neighbor = Neighbor(may_dial=may_dial, may_accept=may_accept)
    model = Model()
    fresh = 0
    for event in [Started(), *events]:
        match event:
            case DialSucceeded():
                if not model.dialling:
                    continue
                fresh += 1
                model.dialling = False
                model.new.add(fresh)
                event = DialSucceeded(fresh)
            case Accepted():
                fresh += 1
                model.new.add(fresh)
                event = Accepted(fresh)
            case DialFailed():
                if not model.dialling:
                    continue
                model.dialling = False
            case ConnectionLost(number):
                model.open.discard(number)
            case RetryExpired() | CollisionExpired() | StableExpired():
                model.timers.discard(_FIRES[event])
            case _:
                pass
        for action in neighbor.handle(event, jitter):
            model.perform(action)
        assert not model.new, "every new connection is taken or refused"
        assert neighbor.connections == model.open
        assert neighbor.running == model.timers
        assert len(model.open) <= MAX_CONNECTIONS
        if neighbor.state is PeerState.DISABLED:
            assert not model.open
            assert not model.dialling
            assert not model.timers
        elif may_dial and not model.open and not model.dialling:
            assert PeerTimer.RETRY in model.timers, "an enabled neighbor always wakes up again"
