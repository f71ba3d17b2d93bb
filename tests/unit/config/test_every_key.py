"""Promises that hold for every key of every file, found by walking the tables."""

from pathlib import Path
from typing import Any

import pytest

from prefixd.config.kinds import Number, Whole
from prefixd.config.reader import BAD, Reader
from prefixd.config.schema import Key, Section
from tests.unit.config.directories import MAIN, load, make, problems
from tests.unit.config.test_schema import ALL

NOBODY_HAS_THIS_KEY = "nobody_has_this_key"
# Durations of which there may be none: a wait that is left out, or a limit that is off. None of
# them paces a task.
MAY_BE_ZERO = {
    "hold_time_seconds", "stable_seconds", "restart_time_seconds", "llgr_stale_time_seconds",
    "batch_ms", "quiet_ms", "window_seconds", "linger_seconds",
    "quiet_period_after_withdraw_seconds", "max_lifetime_seconds", "min_persistence_seconds",
    "max_escalated_duration_seconds", "events_days", "mitigations_days", "groups_days",
    "decisions_days", "audit_days", "notifications_days", "drain_timeout_seconds",
    "group_wait_seconds", "confidence_decay_half_life_seconds", "transport_retry_seconds",
    "clear_hold_seconds", "incident_join_seconds", "max_clock_skew_seconds",
    "stale_after_seconds", "expect_every_seconds", "tolerance_seconds", "max_skew_past_seconds",
    "max_skew_future_seconds", "hold_seconds", "half_life_seconds", "ttl_seconds",
    "require_persistence_seconds",
}  # fmt: skip
DURATIONS = [
    (f"{path}.{entry.name}", entry)
    for path, section in ALL
    for entry in section.keys
    if entry.replaced_by is None and entry.unit in {"s", "ms", "days"}
]


def read(kind: Any, value: object) -> tuple[object, list[str]]:
    reader = Reader({}, Path("/nonexistent"))
    found = kind.read(value, reader)
    return found, [problem.message for problem in reader.problems]


@pytest.mark.parametrize(("path", "section"), ALL, ids=[path for path, _ in ALL])
def test_w65_no_section_takes_a_key_it_does_not_know(path: str, section: Section[Any]) -> None:
    _, messages = read(section, {NOBODY_HAS_THIS_KEY: 1})
    assert any("unknown key" in message for message in messages)


def test_w65_a_misspelt_key_is_named_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    found = problems(make(tmp_path, prefixd=MAIN.replace("local_asn", "local_ans")))
    (misspelt,) = (each for each in found if "local_ans" in str(each))
    assert misspelt.line == MAIN.splitlines().index("  local_asn: 64500") + 1
    assert "local_asn" in (misspelt.hint or "")


def test_w65_a_variable_is_put_in_its_place(tmp_path: Path) -> None:
    found = load(make(tmp_path, prefixd=MAIN.replace("lab1", "${WHERE}")), WHERE="ams1")
    assert found.pop == "ams1"


@pytest.mark.parametrize(("path", "entry"), DURATIONS, ids=[path for path, _ in DURATIONS])
def test_w75_nothing_that_paces_a_task_may_be_zero(path: str, entry: Key) -> None:
    found, messages = read(entry.kind, 0)
    if entry.name in MAY_BE_ZERO:
        assert not entry.name.endswith("interval_seconds")
    else:
        assert found is BAD
        assert messages


@pytest.mark.parametrize("name", ["events_per_second", "burst"])
@pytest.mark.parametrize("value", [0, -1, 0.5, "unlimited"])
def test_w81_no_rate_limit_divides_by_zero(name: str, value: object) -> None:
    (kind,) = (key.kind for path, s in ALL for key in s.keys if _is_rate(path, key, name))
    assert isinstance(kind, Number | Whole)
    found, messages = read(kind, value)
    assert found is BAD
    assert messages


def _is_rate(path: str, entry: Key, name: str) -> bool:
    return path.endswith("prefixd.yaml.http.rate_limit") and entry.name == name
