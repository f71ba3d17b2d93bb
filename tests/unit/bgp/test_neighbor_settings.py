"""The parts of a neighbor's settings: what an operator leaves out is safe."""

from prefixd.bgp.neighbor_settings import (
    MAX_RESTART_TIME_S,
    MAX_STALE_TIME_S,
    AoKey,
    ImportMode,
    ImportSettings,
    RestartPolicy,
    RestartSettings,
    Secret,
    TimerSettings,
)

KEY = Secret(b"secret")


def test_keys_never_print() -> None:
    assert "secret" not in str(KEY)
    assert "b'" not in repr(AoKey(send_id=1, receive_id=1, secret=KEY))


def test_nothing_is_accepted_until_it_is_asked_for() -> None:
    accept = ImportSettings()
    assert accept.mode is ImportMode.DENY
    assert not accept.destinations


def test_rules_do_not_outlive_us_for_long_by_default() -> None:
    restart = RestartSettings()
    assert restart.policy is RestartPolicy.BRIDGE
    assert restart.restart_time_s < MAX_RESTART_TIME_S
    assert restart.llgr_stale_time_s < MAX_STALE_TIME_S


def test_a_stranger_does_not_keep_a_slot_for_four_minutes() -> None:
    assert TimerSettings().initial_hold_time_s <= 30
