"""The helping side of graceful restart, family by family."""

from dataclasses import replace

import pytest

from prefixd.bgp.fsm.graceful import (
    Freshness,
    Helper,
    MarkLongLived,
    MarkStale,
    StaleAction,
    Sweep,
)
from prefixd.bgp.fsm.negotiate import Negotiated, PeerGraceful
from prefixd.bgp.fsm.state import DownKind, DownReason
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.bgp.wire.notification import Notification
from tests.kit.fsm_document import TERMS

V4, V6 = IPV4_FLOWSPEC, IPV6_FLOWSPEC
CLOSED = DownReason(DownKind.PEER_CLOSED)
CEASED = DownReason(DownKind.PEER_NOTIFIED, Notification(6, 4))
HARD = DownReason(DownKind.PEER_NOTIFIED, Notification(6, 9))


def with_graceful(
    families: set[Family] | None,
    preserved: set[Family] | None = None,
    *,
    both_n: bool = False,
    long_lived: int = 0,
) -> Negotiated:
    if families is None:
        return replace(TERMS, graceful=None)
    graceful = PeerGraceful(
        restart_time_s=100,
        restarting=False,
        notification=both_n,
        families=frozenset(families),
        preserved=frozenset(families if preserved is None else preserved),
        long_lived=tuple((family, long_lived) for family in sorted(families) if long_lived),
    )
    return replace(TERMS, graceful=graceful, notification_restart=both_n)


@pytest.mark.parametrize(
    ("terms", "reason", "expected"),
    [
        (with_graceful(None), CLOSED, [Sweep((V4, V6))]),
        (with_graceful({V4, V6}), CLOSED, [MarkStale((V4, V6))]),
        (with_graceful({V4}), CLOSED, [MarkStale((V4,)), Sweep((V6,))]),
        (with_graceful({V4, V6}), CEASED, [Sweep((V4, V6))]),
        (with_graceful({V4, V6}, both_n=True), CEASED, [MarkStale((V4, V6))]),
        (with_graceful({V4, V6}, both_n=True), HARD, [Sweep((V4, V6))]),
        (with_graceful({V4, V6}), DownReason(DownKind.TRANSPORT), [MarkStale((V4, V6))]),
        (
            with_graceful({V4, V6}),
            DownReason(DownKind.WE_NOTIFIED, Notification(4)),
            [Sweep((V4, V6))],
        ),
    ],
)
def test_what_a_loss_leaves(
    terms: Negotiated, reason: DownReason, expected: list[StaleAction]
) -> None:
    assert Helper(360).lost(terms, reason, 1000.0) == expected


def test_the_restart_time_runs_out() -> None:
    helper = Helper(360)
    helper.lost(with_graceful({V4, V6}), CLOSED, 1000.0)
    assert helper.next_deadline == 1100.0
    assert helper.due(1099.9) == []
    assert helper.due(1100.0) == [Sweep((V4, V6))]
    assert helper.next_deadline is None


def test_long_lived_comes_after_the_restart_time() -> None:
    """RFC 9494 4.2."""
    helper = Helper(360)
    helper.lost(with_graceful({V4}, long_lived=1000), CLOSED, 0.0)
    assert helper.due(100.0) == [MarkLongLived((V4,))]
    assert helper.freshness(V4) is Freshness.LONG_LIVED
    assert helper.due(1099.0) == []
    assert helper.due(1100.0) == [Sweep((V4,))]


def test_a_peer_that_comes_back_sweeps_at_end_of_rib() -> None:
    helper = Helper(360)
    helper.lost(with_graceful({V4, V6}), CLOSED, 0.0)
    assert helper.returned(with_graceful({V4, V6}), 50.0) == []
    assert helper.freshness(V4) is Freshness.AWAITING_EOR
    assert helper.end_of_rib(V4) == [Sweep((V4,))]
    assert helper.end_of_rib(V4) == []
    assert helper.due(409.0) == []
    assert helper.due(410.0) == [Sweep((V6,))], "stale_routes_max without End-of-RIB"


def test_a_family_without_the_f_bit_goes_at_once() -> None:
    helper = Helper(360)
    helper.lost(with_graceful({V4, V6}), CLOSED, 0.0)
    assert helper.returned(with_graceful({V4, V6}, preserved={V4}), 1.0) == [Sweep((V6,))]
    assert helper.freshness(V6) is Freshness.FRESH


def test_a_peer_that_comes_back_without_graceful_restart() -> None:
    helper = Helper(360)
    helper.lost(with_graceful({V4, V6}), CLOSED, 0.0)
    assert helper.returned(with_graceful(None), 1.0) == [Sweep((V4, V6))]


def test_end_of_rib_in_peace_sweeps_nothing() -> None:
    assert Helper(360).end_of_rib(V4) == []


def test_forgetting_a_peer() -> None:
    helper = Helper(360)
    helper.lost(with_graceful({V4}), CLOSED, 0.0)
    assert helper.forget() == [Sweep((V4,))]
    assert helper.forget() == []
