"""Dialling, accepting, colliding, retrying: the neighbour's machine without any socket."""

from typing import ClassVar

import pytest

from prefixd.bgp.fsm.collision import Identities, Revival
from prefixd.bgp.fsm.neighbour import COLLISION, REJECTED, SHUT_DOWN, Neighbour
from prefixd.bgp.fsm.neighbour_event import (
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
    PeerTimer,
    Proceed,
    Refuse,
    ResetAsked,
    RetryExpired,
    StableExpired,
    Started,
    StartPeerTimer,
    Stopped,
)
from prefixd.bgp.fsm.reason import DownKind, DownReason
from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.wire.notification import Notification

HIGHER = Identities(local_id=2, local_asn=1, peer_id=1, peer_asn=2)
LOWER = Identities(local_id=1, local_asn=1, peer_id=2, peer_asn=2)
CLOSED = DownReason(DownKind.PEER_CLOSED)
SHUTDOWN = Notification(6, 2)


def started(*, may_dial: bool = True, may_accept: bool = True) -> Neighbour:
    neighbour = Neighbour(may_dial=may_dial, may_accept=may_accept)
    neighbour.handle(Started())
    return neighbour


def retry_of(actions: list[PeerAction]) -> float:
    (timer,) = [each for each in actions if isinstance(each, StartPeerTimer)]
    assert timer.timer is PeerTimer.RETRY
    return timer.seconds


def established(number: int = 1) -> Neighbour:
    neighbour = started()
    neighbour.handle(DialSucceeded(number))
    neighbour.handle(OpenArrived(number, HIGHER))
    neighbour.handle(ConnectionUp(number))
    assert neighbour.state is PeerState.ESTABLISHED
    return neighbour


class TestDirections:
    def test_both(self) -> None:
        assert Neighbour(may_dial=True, may_accept=True).handle(Started()) == [Dial()]

    def test_passive_waits(self) -> None:
        neighbour = Neighbour(may_dial=False, may_accept=True)
        assert neighbour.handle(Started()) == []
        assert neighbour.state is PeerState.ACTIVE
        assert neighbour.handle(Accepted(1)) == [BeginSession(1)]
        neighbour.handle(ConnectionLost(1, CLOSED))
        assert neighbour.state is PeerState.ACTIVE
        assert neighbour.running == set()

    def test_active_refuses_callers(self) -> None:
        assert started(may_accept=False).handle(Accepted(1)) == [Refuse(1, REJECTED)]

    def test_disabled_refuses_with_the_operators_word(self) -> None:
        neighbour = Neighbour(may_dial=True, may_accept=True)
        assert neighbour.handle(Accepted(1)) == [Refuse(1, SHUT_DOWN)]


class TestRetry:
    def test_refused_tcp_is_tried_again_soon(self) -> None:
        neighbour = started()
        waits = []
        for _ in range(5):
            waits.append(retry_of(neighbour.handle(DialFailed("refused"))))
            assert neighbour.state is PeerState.ACTIVE
            assert neighbour.handle(RetryExpired()) == [Dial()]
        assert waits == [5, 10, 20, 30, 30]

    def test_a_refused_open_waits_longer_each_time_and_then_shuts_the_door(self) -> None:
        neighbour = started()
        waits = []
        for number in range(1, 6):
            neighbour.handle(DialSucceeded(number))
            waits.append(retry_of(neighbour.handle(ConnectionLost(number, CLOSED))))
            assert neighbour.state is PeerState.IDLE
            if number < 5:
                assert not neighbour.refusing
            neighbour.handle(RetryExpired())
        assert waits == [5, 10, 20, 40, 80]
        neighbour.handle(DialSucceeded(6))
        neighbour.handle(ConnectionLost(6, CLOSED))
        assert neighbour.refusing
        assert neighbour.handle(Accepted(7)) == [Refuse(7, REJECTED)]

    def test_during_an_ordinary_wait_the_peer_may_call(self) -> None:
        neighbour = started()
        neighbour.handle(DialSucceeded(1))
        neighbour.handle(ConnectionLost(1, CLOSED))
        assert neighbour.handle(Accepted(2)) == [BeginSession(2)]

    def test_a_silent_caller_does_not_keep_us_from_dialling(self) -> None:
        neighbour = started()
        neighbour.handle(DialFailed("refused"))
        neighbour.handle(Accepted(1))
        assert neighbour.handle(RetryExpired()) == [Dial()]

    def test_stability_forgets_failures(self) -> None:
        neighbour = established()
        neighbour.handle(ConnectionLost(1, CLOSED))
        neighbour.handle(RetryExpired())
        neighbour.handle(DialSucceeded(2))
        neighbour.handle(OpenArrived(2, HIGHER))
        assert StartPeerTimer(PeerTimer.STABLE, 300.0) in neighbour.handle(ConnectionUp(2))
        neighbour.handle(StableExpired())
        assert retry_of(neighbour.handle(ConnectionLost(2, CLOSED))) == 5

    def test_the_peers_administrator_is_left_in_peace_for_a_minute(self) -> None:
        shut = DownReason(DownKind.PEER_NOTIFIED, SHUTDOWN)
        neighbour = established()
        actions = neighbour.handle(ConnectionLost(1, shut))
        assert StartPeerTimer(PeerTimer.RETRY, 60.0) in actions


class TestOperator:
    def test_stop_ends_everything(self) -> None:
        neighbour = established()
        neighbour.handle(Accepted(2))
        actions = neighbour.handle(Stopped(SHUTDOWN, "bye"))
        assert Drop(1, SHUTDOWN, "bye") in actions
        assert Drop(2, SHUTDOWN, "bye") in actions
        assert neighbour.state is PeerState.DISABLED
        assert neighbour.running == set()
        assert neighbour.handle(ConnectionLost(1, CLOSED)) == []

    def test_stop_while_dialling(self) -> None:
        assert started().handle(Stopped(None)) == [AbortDial()]

    def test_reset_starts_afresh_at_once(self) -> None:
        neighbour = established()
        actions = neighbour.handle(ResetAsked(Notification(6, 4)))
        assert StartPeerTimer(PeerTimer.RETRY, 0.0) in actions
        assert neighbour.handle(RetryExpired()) == [Dial()]

    def test_start_again(self) -> None:
        neighbour = established()
        neighbour.handle(Stopped(SHUTDOWN))
        assert neighbour.handle(Started()) == [Dial()]


class TestCollision:
    """Connection 1 is ours, connection 2 the peer's. The four orders: which OPEN comes first, and
    who has the higher identifier."""

    SURVIVOR: ClassVar = {HIGHER: 1, LOWER: 2}

    def colliding(self) -> Neighbour:
        neighbour = started()
        neighbour.handle(Accepted(2))
        neighbour.handle(DialSucceeded(1))
        return neighbour

    @pytest.mark.parametrize("ids", [HIGHER, LOWER])
    @pytest.mark.parametrize("first", [1, 2])
    def test_four_orders(self, ids: Identities, first: int) -> None:
        neighbour = self.colliding()
        survivor = self.SURVIVOR[ids]
        loser = 3 - survivor
        told = neighbour.handle(OpenArrived(first, ids))
        told += neighbour.handle(OpenArrived(3 - first, ids))
        assert Proceed(survivor) in told
        assert Proceed(loser) not in told
        drops = [each for each in told if isinstance(each, Drop)]
        assert [(drop.connection, drop.notification) for drop in drops] == [(loser, COLLISION)]
        assert neighbour.connections == {survivor}

    def test_the_held_one_goes_on_when_the_better_one_dies(self) -> None:
        neighbour = self.colliding()
        neighbour.handle(OpenArrived(2, HIGHER))
        assert Proceed(2) in neighbour.handle(ConnectionLost(1, CLOSED))

    def test_the_held_one_goes_on_when_the_better_one_stays_silent(self) -> None:
        neighbour = self.colliding()
        actions = neighbour.handle(OpenArrived(2, HIGHER))
        assert actions == [StartPeerTimer(PeerTimer.COLLISION, 5.0)]
        actions = neighbour.handle(CollisionExpired())
        assert Proceed(2) in actions
        assert any(isinstance(each, Drop) and each.connection == 1 for each in actions)

    def test_an_open_ends_a_dial_that_has_not_connected(self) -> None:
        neighbour = started()
        neighbour.handle(Accepted(2))
        assert neighbour.handle(OpenArrived(2, HIGHER)) == [AbortDial(), Proceed(2)]

    def test_established_wins_over_a_newcomer(self) -> None:
        neighbour = established()
        neighbour.handle(Accepted(2))
        assert neighbour.handle(OpenArrived(2, LOWER)) == [
            Drop(2, COLLISION, "connection collision")
        ]
        assert neighbour.state is PeerState.ESTABLISHED

    def test_a_restarted_peer_replaces_its_old_session_silently(self) -> None:
        """RFC 4724 4.2: without NOTIFICATION."""
        neighbour = established()
        neighbour.handle(Accepted(2))
        actions = neighbour.handle(OpenArrived(2, HIGHER, Revival(restarting=True)))
        drops = [each for each in actions if isinstance(each, Drop)]
        assert [(drop.connection, drop.notification) for drop in drops] == [(1, None)]
        assert Proceed(2) in actions

    def test_a_third_connection_is_refused(self) -> None:
        neighbour = self.colliding()
        assert neighbour.handle(Accepted(3)) == [Refuse(3, REJECTED)]

    def test_a_dial_that_succeeds_too_late_is_closed_without_a_word(self) -> None:
        neighbour = established()
        assert neighbour.handle(DialSucceeded(9)) == [Refuse(9, None)]
