"""The live state holds what is live, in the order of creation, and never goes back a version."""

import msgspec

from prefixd.domain.actor import SYSTEM
from prefixd.domain.group import GroupState
from prefixd.domain.mitigation import Mitigation, extend, withdraw
from prefixd.engine.due_heap import Due
from prefixd.engine.live_state import LiveState
from tests.kit.builders import NOW_US, SECOND, a_group, a_mitigation, legal


def filled(*rows: Mitigation) -> LiveState:
    live = LiveState(episode_limit=10)
    for row in rows:
        live.put(row)
    return live


ONE = a_mitigation()
TWO = a_mitigation(mitigation_id="mitigation-2")


def test_rows_are_kept_in_the_order_of_creation_whatever_changes_later() -> None:
    live = filled(ONE, TWO)
    longer = legal(extend(ONE, ONE.expires_at_us + 1, NOW_US))
    live.put(longer)
    assert live.of_victim(ONE.victim) == (longer, TWO)
    assert list(live.newest_first()) == [TWO, longer]
    assert live.quotas.counts(None, NOW_US).pop == 2


def test_an_older_version_changes_nothing() -> None:
    longer = legal(extend(ONE, ONE.expires_at_us + 1, NOW_US))
    live = filled(longer)
    revision = live.revision
    live.put(ONE)
    assert live.mitigations[ONE.mitigation_id] == longer
    assert live.revision == revision


def test_what_an_operator_withdrew_is_remembered_and_what_the_system_ended_is_not() -> None:
    live = filled(ONE, TWO)
    live.put(legal(withdraw(ONE, "wrong", "alice", NOW_US + SECOND)))
    live.put(legal(withdraw(TWO, "over", SYSTEM.name, NOW_US + SECOND)))
    (remembered,) = live.withdrawals_of(ONE.victim)
    assert remembered.at_us == NOW_US + SECOND
    assert live.of_victim(ONE.victim) == ()
    live.forget_withdrawals_before(NOW_US + SECOND)
    assert len(live.withdrawals_of(ONE.victim)) == 1
    live.forget_withdrawals_before(NOW_US + SECOND + 1)
    assert live.withdrawals_of(ONE.victim) == ()


def test_moments_follow_the_civil_clock_and_end_with_the_row() -> None:
    live = filled(ONE)
    key = (Due.MITIGATION, ONE.mitigation_id)
    assert live.next_moment_us(key) == ONE.expires_at_us
    live.untranslated[ONE.victim] = 5 * SECOND
    assert live.next_moment_us(key) == ONE.expires_at_us + 5 * SECOND
    live.forget(ONE.mitigation_id)
    assert live.next_moment_us(key) is None


def test_a_closed_group_leaves_and_takes_its_look_along() -> None:
    group = a_group()
    live = filled()
    live.put_group(group)
    live.looks[group.group_id] = NOW_US
    assert live.groups_of(group.victim) == (group,)
    live.put_group(msgspec.structs.replace(group, state=GroupState.CLOSED))
    assert live.groups_of(group.victim) == ()
    assert live.next_moment_us((Due.GROUP, group.group_id)) is None


def test_rehearsed_rows_are_counted_while_they_are_live() -> None:
    rehearsed = a_mitigation(mitigation_id="rehearsed", dry_run=True)
    live = filled(ONE, rehearsed)
    live.put(legal(extend(rehearsed, rehearsed.expires_at_us + 1, NOW_US)))
    assert live.rehearsed == 1
    live.forget(rehearsed.mitigation_id)
    assert (live.rehearsed, len(live.mitigations)) == (0, 1)
