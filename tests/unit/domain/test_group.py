"""Groups in the words older clients know."""

import pytest

from prefixd.domain.group import CloseReason, GroupState, compatible_status
from tests.kit.builders import NOW_US, a_group

STATES = [
    (GroupState.OPEN, None, "open"),
    (GroupState.READY, None, "open"),
    (GroupState.HELD, None, "open"),
    (GroupState.UNOWNED, None, "open"),
    (GroupState.MITIGATING, None, "resolved"),
    (GroupState.CLEARING, None, "resolved"),
    (GroupState.CLOSED, CloseReason.ENDED, "resolved"),
    (GroupState.CLOSED, CloseReason.TIMEOUT, "expired"),
    (GroupState.CLOSED, CloseReason.CLEARED, "expired"),
    (GroupState.CLOSED, CloseReason.DISMISSED, "expired"),
]


@pytest.mark.parametrize(("state", "reason", "word"), STATES)
def test_three_words_for_all_states(
    state: GroupState, reason: CloseReason | None, word: str
) -> None:
    group = a_group(state=state, close_reason=reason)
    assert compatible_status(group) == word
    assert group.is_live is (state is not GroupState.CLOSED)


def test_every_state_is_in_the_table() -> None:
    assert {state for state, _, _ in STATES} == set(GroupState)


def test_met_is_a_moment() -> None:
    assert not a_group().met
    assert a_group(met_at_us=NOW_US).met
