"""What RFC 4271 8 and its successors ask of a connection, in their own terms."""

import pytest

from prefixd.bgp.fsm.action import (
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
    NotificationReceived,
    OpenAccepted,
    RefreshReceived,
    SendBlocked,
    SendHoldExpired,
    StopRequested,
    TransportClosed,
    TransportOpened,
    UpdateReceived,
)
from prefixd.bgp.fsm.machine import Machine
from prefixd.bgp.fsm.state import DownKind, DownReason, State
from prefixd.bgp.wire.notification import Notification
from tests.kit.fsm_document import TERMS, machine_in, terms

ENDINGS = [
    TransportClosed("fin"),
    NotificationReceived(Notification(6, 4)),
    MessageRefused(Notification(1, 1)),
    HoldExpired(),
    StopRequested(Notification(6, 2)),
    StopRequested(None),
]
CONNECTED = ["open_sent", "open_sent, held", "open_confirm", "established", "established, blocked"]


def test_the_way_up() -> None:
    machine = Machine(30.0)
    assert machine.handle(TransportOpened()) == [SendOpen(), StartTimer(Timer.HOLD, 30.0)]
    assert machine.handle(OpenAccepted(TERMS)) == [AskCollision(TERMS)]
    assert machine.handle(CollisionCleared()) == [
        SendKeepalive(),
        StartTimer(Timer.HOLD, 90),
        StartTimer(Timer.KEEPALIVE, 30),
    ]
    assert machine.handle(KeepaliveReceived()) == [StartTimer(Timer.HOLD, 90), SessionUp(TERMS)]
    assert machine.state is State.ESTABLISHED


@pytest.mark.parametrize(
    ("state", "event", "subcode", "data"),
    [
        ("open_sent", KeepaliveReceived(), 1, b"\x04"),
        ("open_sent", UpdateReceived(), 1, b"\x02"),
        ("open_sent", RefreshReceived(), 1, b"\x05"),
        ("open_confirm", OpenAccepted(TERMS), 2, b"\x01"),
        ("open_confirm", UpdateReceived(), 2, b"\x02"),
        ("open_confirm", RefreshReceived(), 2, b"\x05"),
        ("established", OpenAccepted(TERMS), 3, b"\x01"),
    ],
)
def test_a_message_in_the_wrong_state(state: str, event: Event, subcode: int, data: bytes) -> None:
    """RFC 6608: the subcode names the state, the data the message."""
    actions = machine_in(state).handle(event)
    assert SendNotification(Notification(5, subcode, data)) in actions
    assert Close(CloseMode.NOTIFIED) in actions


@pytest.mark.parametrize("state", CONNECTED)
@pytest.mark.parametrize("event", ENDINGS, ids=lambda event: str(event)[:40])
def test_every_connected_state_ends_once_and_leaves_no_timer(state: str, event: Event) -> None:
    machine = machine_in(state)
    running = set(machine.running)
    actions = machine.handle(event)
    assert machine.state is State.CLOSED
    assert sum(isinstance(action, SessionDown) for action in actions) == 1
    stopped = {action.timer for action in actions if isinstance(action, StopTimer)}
    fired = {Timer.HOLD} if isinstance(event, HoldExpired) else set[Timer]()
    assert stopped | fired == running
    assert machine.handle(StopRequested(Notification(6, 2))) == []


def test_a_notification_is_never_answered() -> None:
    for state in CONNECTED:
        actions = machine_in(state).handle(NotificationReceived(Notification(6, 9)))
        assert not any(isinstance(action, SendNotification) for action in actions)


def test_a_broken_notification_counts_as_a_cease_and_is_not_answered() -> None:
    actions = machine_in("established").handle(MessageRefused(None, "too short"))
    assert not any(isinstance(action, SendNotification) for action in actions)
    (down,) = [action for action in actions if isinstance(action, SessionDown)]
    assert down.reason == DownReason(DownKind.PEER_NOTIFIED, Notification(6), "too short")


def test_a_silent_stop_flushes_and_tells_nothing() -> None:
    actions = machine_in("established").handle(StopRequested(None, "upgrade"))
    assert Close(CloseMode.FLUSH) in actions
    assert not any(isinstance(action, SendNotification) for action in actions)


def test_hold_time_zero_keeps_the_first_timer_until_established() -> None:
    agreed = terms(0)
    machine = Machine(30.0)
    machine.handle(TransportOpened())
    machine.handle(OpenAccepted(agreed))
    assert machine.handle(CollisionCleared()) == [SendKeepalive()]
    assert machine.running == {Timer.HOLD}
    assert machine.handle(KeepaliveReceived()) == [StopTimer(Timer.HOLD), SessionUp(agreed)]
    assert machine.running == set()


def test_updates_and_keepalives_restart_the_hold_timer() -> None:
    for event in (KeepaliveReceived(), UpdateReceived(), RefreshReceived()):
        assert StartTimer(Timer.HOLD, 90) in machine_in("established").handle(event)
    assert Deliver() in machine_in("established").handle(UpdateReceived())


def test_send_hold_aborts_after_trying_to_say_so() -> None:
    """RFC 9687 4: code 8, and no waiting for a peer that does not read."""
    machine = machine_in("established")
    assert machine.handle(SendBlocked()) == [StartTimer(Timer.SEND_HOLD, 180)]
    assert machine.handle(SendBlocked()) == []
    actions = machine.handle(SendHoldExpired())
    assert actions[:2] == [SendNotification(Notification(8)), Close(CloseMode.ABORT)]


def test_a_timer_that_was_stopped_does_not_fire() -> None:
    assert machine_in("established").handle(SendHoldExpired()) == []
    assert machine_in("open_sent").handle(KeepaliveExpired()) == []
