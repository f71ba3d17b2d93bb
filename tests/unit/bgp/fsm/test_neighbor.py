"""Dialling, accepting, colliding, retrying: the neighbor's machine without any socket."""

from typing import ClassVar

import pytest

from prefixd.bgp.fsm.collision import Identities, Revival
from prefixd.bgp.fsm.neighbor import COLLISION, REJECTED, SHUT_DOWN, Neighbor
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
from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState
from prefixd.bgp.wire.notification import Notification

HIGHER = Identities(local_id=2, local_asn=1, peer_id=1, peer_asn=2)
LOWER = Identities(local_id=1, local_asn=1, peer_id=2, peer_asn=2)
CLOSED = DownReason(DownKind.PEER_CLOSED)
SHUTDOWN = Notification(6, 2)


def started(*, may_dial: bool = True, may_accept: bool = True) -> Neighbor:
    neighbor = Neighbor(may_dial=may_dial, may_accept=may_accept)
    neighbor.handle(Started())
    return neighbor


def retry_of(actions: list[PeerAction]) -> float:
    (timer,) = [each for each in actions if isinstance(each, StartPeerTimer)]
    assert timer.timer is PeerTimer.RETRY
    return timer.seconds


def established(number: int = 1) -> Neighbor:
    neighbor = started()
    neighbor.handle(DialSucceeded(number))
    neighbor.handle(OpenArrived(number, HIGHER))
    neighbor.handle(ConnectionUp(number))
    assert neighbor.state is PeerState.ESTABLISHED
    return neighbor


class TestDirections:
    def test_both(self) -> None:
        assert Neighbor(may_dial=True, may_accept=True).handle(Started()) == [Dial()]

    def test_passive_waits(self) -> None:
        neighbor = Neighbor(may_dial=False, may_accept=True)
        assert neighbor.handle(Started()) == []
        assert neighbor.state is PeerState.ACTIVE
        assert neighbor.handle(Accepted(1)) == [BeginSession(1)]
        neighbor.handle(ConnectionLost(1, CLOSED))
        assert neighbor.state is PeerState.ACTIVE
        assert neighbor.running == set()

    def test_active_refuses_callers(self) -> None:
        assert started(may_accept=False).handle(Accepted(1)) == [Refuse(1, REJECTED)]

    def test_disabled_refuses_with_the_operators_word(self) -> None:
        neighbor = Neighbor(may_dial=True, may_accept=True)
        assert neighbor.handle(Accepted(1)) == [Refuse(1, SHUT_DOWN)]


class TestRetry:
    def test_refused_tcp_is_tried_again_soon(self) -> None:
        neighbor = started()
        waits = []
        for _ in range(5):
            waits.append(retry_of(neighbor.handle(DialFailed("refused"))))
            assert neighbor.state is PeerState.ACTIVE
            assert neighbor.handle(RetryExpired()) == [Dial()]
        assert waits == [5, 10, 20, 30, 30]

    def test_a_refused_open_waits_longer_each_time_and_then_shuts_the_door(self) -> None:
        neighbor = started()
        waits = []
        for number in range(1, 6):
            neighbor.handle(DialSucceeded(number))
            waits.append(retry_of(neighbor.handle(ConnectionLost(number, CLOSED))))
            assert neighbor.state is PeerState.IDLE
            if number < 5:
                assert not neighbor.refusing
            neighbor.handle(RetryExpired())
        assert waits == [5, 10, 20, 40, 80]
        neighbor.handle(DialSucceeded(6))
        neighbor.handle(ConnectionLost(6, CLOSED))
        assert neighbor.refusing
        assert neighbor.handle(Accepted(7)) == [Refuse(7, REJECTED)]

    def test_during_an_ordinary_wait_the_peer_may_call(self) -> None:
        neighbor = started()
        neighbor.handle(DialSucceeded(1))
        neighbor.handle(ConnectionLost(1, CLOSED))
        assert neighbor.handle(Accepted(2)) == [BeginSession(2)]

    def test_a_silent_caller_does_not_keep_us_from_dialling(self) -> None:
        neighbor = started()
        neighbor.handle(DialFailed("refused"))
        neighbor.handle(Accepted(1))
        assert neighbor.handle(RetryExpired()) == [Dial()]

    def test_stability_forgets_failures(self) -> None:
        neighbor = established()
        neighbor.handle(ConnectionLost(1, CLOSED))
        neighbor.handle(RetryExpired())
        neighbor.handle(DialSucceeded(2))
        neighbor.handle(OpenArrived(2, HIGHER))
        assert StartPeerTimer(PeerTimer.STABLE, 300.0) in neighbor.handle(ConnectionUp(2))
        neighbor.handle(StableExpired())
        assert retry_of(neighbor.handle(ConnectionLost(2, CLOSED))) == 5

    def test_the_peers_administrator_is_left_in_peace_for_a_minute(self) -> None:
        shut = DownReason(DownKind.PEER_NOTIFIED, SHUTDOWN)
        neighbor = established()
        actions = neighbor.handle(ConnectionLost(1, shut))
        assert StartPeerTimer(PeerTimer.RETRY, 60.0) in actions


class TestOperator:
    def test_stop_ends_everything(self) -> None:
        neighbor = established()
        neighbor.handle(Accepted(2))
        actions = neighbor.handle(Stopped(SHUTDOWN, "bye"))
        assert Drop(1, SHUTDOWN, "bye") in actions
        assert Drop(2, SHUTDOWN, "bye") in actions
        assert neighbor.state is PeerState.DISABLED
        assert neighbor.running == set()
        assert neighbor.handle(ConnectionLost(1, CLOSED)) == []

    def test_stop_while_dialling(self) -> None:
        assert started().handle(Stopped(None)) == [AbortDial()]

    def test_reset_starts_afresh_at_once(self) -> None:
        neighbor = established()
        actions = neighbor.handle(ResetAsked(Notification(6, 4)))
        assert StartPeerTimer(PeerTimer.RETRY, 0.0) in actions
        assert neighbor.handle(RetryExpired()) == [Dial()]

    def test_start_again(self) -> None:
        neighbor = established()
        neighbor.handle(Stopped(SHUTDOWN))
        assert neighbor.handle(Started()) == [Dial()]


class TestCollision:
    """Connection 1 is ours, connection 2 the peer's. The four orders: which OPEN comes first, and
    who has the higher identifier."""

    SURVIVOR: ClassVar = {HIGHER: 1, LOWER: 2}

    def colliding(self) -> Neighbor:
        neighbor = started()
        neighbor.handle(Accepted(2))
        neighbor.handle(DialSucceeded(1))
        return neighbor

    @pytest.mark.parametrize("ids", [HIGHER, LOWER])
    @pytest.mark.parametrize("first", [1, 2])
    def test_four_orders(self, ids: Identities, first: int) -> None:
        neighbor = self.colliding()
        survivor = self.SURVIVOR[ids]
        loser = 3 - survivor
        advertised = neighbor.handle(OpenArrived(first, ids))
        advertised += neighbor.handle(OpenArrived(3 - first, ids))
        assert Proceed(survivor) in advertised
        assert Proceed(loser) not in advertised
        drops = [each for each in advertised if isinstance(each, Drop)]
        assert [(drop.connection, drop.notification) for drop in drops] == [(loser, COLLISION)]
        assert neighbor.connections == {survivor}

    def test_the_held_one_goes_on_when_the_better_one_dies(self) -> None:
        neighbor = self.colliding()
        neighbor.handle(OpenArrived(2, HIGHER))
        assert Proceed(2) in neighbor.handle(ConnectionLost(1, CLOSED))

    def test_the_held_one_goes_on_when_the_better_one_stays_silent(self) -> None:
        neighbor = self.colliding()
        actions = neighbor.handle(OpenArrived(2, HIGHER))
        assert actions == [StartPeerTimer(PeerTimer.COLLISION, 5.0)]
        actions = neighbor.handle(CollisionExpired())
        assert Proceed(2) in actions
        assert any(isinstance(each, Drop) and each.connection == 1 for each in actions)

    def test_an_open_ends_a_dial_that_has_not_connected(self) -> None:
        neighbor = started()
        neighbor.handle(Accepted(2))
        assert neighbor.handle(OpenArrived(2, HIGHER)) == [AbortDial(), Proceed(2)]

    def test_established_wins_over_a_newcomer(self) -> None:
        neighbor = established()
        neighbor.handle(Accepted(2))
        assert neighbor.handle(OpenArrived(2, LOWER)) == [
            Drop(2, COLLISION, "connection collision")
        ]
        assert neighbor.state is PeerState.ESTABLISHED

    def test_a_restarted_peer_replaces_its_old_session_silently(self) -> None:
        """RFC 4724 4.2: without NOTIFICATION."""
        neighbor = established()
        neighbor.handle(Accepted(2))
        actions = neighbor.handle(OpenArrived(2, HIGHER, Revival(restarting=True)))
        drops = [each for each in actions if isinstance(each, Drop)]
        assert [(drop.connection, drop.notification) for drop in drops] == [(1, None)]
        assert Proceed(2) in actions

    def test_a_third_connection_is_refused(self) -> None:
        neighbor = self.colliding()
        assert neighbor.handle(Accepted(3)) == [Refuse(3, REJECTED)]

    def test_a_dial_that_succeeds_too_late_is_closed_without_a_word(self) -> None:
        neighbor = established()
        assert neighbor.handle(DialSucceeded(9)) == [Refuse(9, None)]
