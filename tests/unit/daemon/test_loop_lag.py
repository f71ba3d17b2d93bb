from prefixd.daemon.loop_lag import WINDOW, LoopLag
from tests.kit.clock import FakeClock


def test_the_worst_of_all_and_of_the_last_minute() -> None:
    lag = LoopLag(FakeClock())
    assert (lag.last_s, lag.recent_s, lag.worst_s) == (0.0, 0.0, 0.0)
    lag.note(2.0)
    for _ in range(WINDOW):
        lag.note(0.1)
    assert (lag.last_s, lag.recent_s, lag.worst_s) == (0.1, 0.1, 2.0)


def test_early_is_not_late() -> None:
    lag = LoopLag(FakeClock())
    lag.note(-0.001)
    assert lag.worst_s == 0.0
