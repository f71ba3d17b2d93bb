import pytest

from prefixd.bgp.fsm.backoff import Backoff, Cause, classify
from prefixd.bgp.fsm.state import DownKind, DownReason
from prefixd.bgp.wire.notification import Notification


def delays(cause: Cause, count: int, jitter: float = 0.5) -> list[float]:
    backoff = Backoff(5.0)
    return [backoff.next_delay(cause, jitter) for _ in range(count)]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.UNREACHABLE, [5, 10, 20, 30, 30]),
        (Cause.FLAP, [5, 10, 20, 40, 80, 160, 300, 300]),
        (Cause.REJECTED, [5, 10, 20, 40, 80, 160, 300, 300]),
        (Cause.LONG, [60, 120, 240, 300, 300]),
        (Cause.IMMEDIATE, [0, 5, 10, 20]),
    ],
)
def test_schedules(cause: Cause, expected: list[float]) -> None:
    assert delays(cause, len(expected)) == expected


def test_jitter_is_a_quarter_either_way() -> None:
    assert delays(Cause.FLAP, 1, 0.0) == [3.75]
    assert delays(Cause.FLAP, 1, 0.999)[0] == pytest.approx(6.25, abs=0.01)


def test_causes_are_counted_apart_and_stability_forgets() -> None:
    backoff = Backoff(5.0)
    for _ in range(4):
        backoff.next_delay(Cause.UNREACHABLE, 0.5)
    assert backoff.next_delay(Cause.FLAP, 0.5) == 5
    backoff.reached()
    assert backoff.next_delay(Cause.UNREACHABLE, 0.5) == 5
    assert backoff.next_delay(Cause.FLAP, 0.5) == 10
    backoff.reset()
    assert backoff.next_delay(Cause.FLAP, 0.5) == 5


def test_oscillation_is_failing_after_tcp_came_up() -> None:
    backoff = Backoff(5.0)
    for _ in range(9):
        backoff.next_delay(Cause.UNREACHABLE, 0.5)
    assert not backoff.oscillating
    for _ in range(5):
        backoff.next_delay(Cause.REJECTED, 0.5)
    assert backoff.oscillating


def note(code: int, subcode: int, kind: DownKind = DownKind.PEER_NOTIFIED) -> DownReason:
    return DownReason(kind, Notification(code, subcode))


@pytest.mark.parametrize(
    ("reason", "established", "cause"),
    [
        (note(6, 1), True, Cause.LONG),
        (note(6, 2), True, Cause.LONG),
        (note(6, 3), True, Cause.LONG),
        (note(6, 4), True, Cause.IMMEDIATE),
        (note(6, 6), True, Cause.IMMEDIATE),
        (note(6, 9), True, Cause.IMMEDIATE),
        (note(6, 7), False, Cause.UNREACHABLE),
        (note(6, 5), False, Cause.REJECTED),
        (note(6, 8), True, Cause.FLAP),
        (note(2, 7), False, Cause.LONG),
        (note(2, 7, DownKind.WE_NOTIFIED), False, Cause.LONG),
        (note(2, 2), False, Cause.REJECTED),
        (note(3, 1), True, Cause.FLAP),
        (DownReason(DownKind.TRANSPORT), True, Cause.FLAP),
        (DownReason(DownKind.PEER_CLOSED), False, Cause.REJECTED),
    ],
)
def test_which_schedule(reason: DownReason, established: bool, cause: Cause) -> None:
    assert classify(reason, established=established) is cause
