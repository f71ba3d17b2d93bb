"""The life of a mitigation: every move from every status, and what each leaves behind."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from prefixd.domain.ids import SignalId
from prefixd.domain.mitigation import (
    LIVE,
    IllegalMove,
    Mitigation,
    Move,
    Status,
    acknowledge,
    escalate,
    expire,
    extend,
    intent_of,
    revise,
    withdraw,
)
from prefixd.domain.rule import Discard, scope_hash
from prefixd.domain.vector import Vector
from tests.kit.builders import NOW_US, SECOND, a_mitigation, a_rule, legal

LATER = NOW_US + 60 * SECOND
DISCARD = a_rule(action=Discard())
WIDER = a_rule(ports=())

MOVES: dict[Move, Callable[[Mitigation], Mitigation | IllegalMove]] = {
    Move.EXTEND: lambda m: extend(m, LATER + 120 * SECOND, LATER),
    Move.ESCALATE: lambda m: escalate(m, DISCARD, 1, LATER + 300 * SECOND, LATER),
    Move.REVISE: lambda m: revise(m, WIDER, LATER + 120 * SECOND, LATER),
    Move.WITHDRAW: lambda m: withdraw(m, "ticket 7", "alice", LATER),
    Move.EXPIRE: lambda m: expire(m, m.expires_at_us),
    Move.ACKNOWLEDGE: lambda m: acknowledge(m, "alice", LATER),
}
ACTIVE = a_mitigation()
STANDING: dict[Status, Mitigation] = {
    Status.PENDING: replace(ACTIVE, status=Status.PENDING),  # of an older release
    Status.ACTIVE: ACTIVE,
    Status.ESCALATED: legal(escalate(ACTIVE, DISCARD, 1, LATER + 300 * SECOND, LATER)),
    Status.EXPIRED: legal(expire(ACTIVE, ACTIVE.expires_at_us)),
    Status.WITHDRAWN: legal(withdraw(ACTIVE, "over", "alice", LATER)),
    Status.REJECTED: replace(ACTIVE, status=Status.REJECTED, rejection_reason="no peer"),
}
ALLOWED: dict[Move, dict[Status, Status]] = {
    Move.EXTEND: {Status.ACTIVE: Status.ACTIVE, Status.ESCALATED: Status.ESCALATED},
    Move.ESCALATE: {Status.ACTIVE: Status.ESCALATED},
    Move.REVISE: {Status.ACTIVE: Status.ACTIVE, Status.ESCALATED: Status.ESCALATED},
    Move.WITHDRAW: dict.fromkeys(LIVE, Status.WITHDRAWN),
    Move.EXPIRE: dict.fromkeys(LIVE, Status.EXPIRED),
    Move.ACKNOWLEDGE: {status: status for status in Status if status is not Status.REJECTED},
}


@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("status", Status)
def test_w19_every_move_from_every_status(move: Move, status: Status) -> None:
    before = STANDING[status]
    after = MOVES[move](before)
    to = ALLOWED[move].get(status)
    if to is None:
        assert isinstance(after, IllegalMove)
        assert after.sentence == f"cannot {move} a {_action(before)} mitigation that is {status}"
    else:
        assert isinstance(after, Mitigation)
        assert after.status is to
        assert after.version == before.version + 1


def _action(mitigation: Mitigation) -> str:
    return "discard" if mitigation.rule.action == Discard() else "police"


def test_w19_what_ended_stays_ended() -> None:
    for status in (Status.EXPIRED, Status.WITHDRAWN, Status.REJECTED):
        for move, make in MOVES.items():
            if move is not Move.ACKNOWLEDGE:
                assert isinstance(make(STANDING[status]), IllegalMove), (status, move)


def test_extending_never_shortens_and_remembers_what_kept_it_alive() -> None:
    extended = legal(
        extend(
            ACTIVE,
            ACTIVE.expires_at_us - 1,
            LATER,
            event_id=SignalId("signal-9"),
            vector=Vector.ACK_FLOOD,
            sources=("akvorado",),
        )
    )
    assert extended.expires_at_us == ACTIVE.expires_at_us
    assert extended.last_event_id == "signal-9"
    assert extended.triggering_event_id == ACTIVE.triggering_event_id
    assert extended.sources == ("akvorado", "flowmon-a")


def test_w12_contributing_vectors_are_recorded_and_the_first_reason_stays() -> None:
    once = legal(extend(ACTIVE, LATER, LATER, vector=Vector.ACK_FLOOD))
    twice = legal(extend(once, LATER, LATER, vector=Vector.ACK_FLOOD))
    assert twice.contributing_vectors == (Vector.UDP_FLOOD, Vector.ACK_FLOOD)
    assert twice.reason == ACTIVE.reason
    assert twice.vector is Vector.UDP_FLOOD


def test_w03_escalation_keeps_the_row_and_its_history() -> None:
    escalated = STANDING[Status.ESCALATED]
    assert escalated.mitigation_id == ACTIVE.mitigation_id
    assert escalated.created_at_us == ACTIVE.created_at_us
    assert escalated.escalated_at_us == LATER
    assert escalated.rule == DISCARD
    assert escalated.scope_hash == scope_hash(DISCARD.match)


def test_a_step_back_is_no_escalation() -> None:
    assert isinstance(escalate(ACTIVE, DISCARD, 0, LATER, LATER), IllegalMove)


def test_a_withdrawal_keeps_the_reason_it_was_made_for() -> None:
    withdrawn = STANDING[Status.WITHDRAWN]
    assert withdrawn.reason == ACTIVE.reason
    assert (withdrawn.end_reason, withdrawn.ended_by) == ("over", "alice")
    assert withdrawn.withdrawn_at_us == LATER


def test_w19_an_extension_that_won_the_race_makes_expiry_illegal() -> None:
    extended = legal(extend(ACTIVE, ACTIVE.expires_at_us + SECOND, LATER))
    assert isinstance(expire(extended, ACTIVE.expires_at_us), IllegalMove)
    assert isinstance(expire(extended, extended.expires_at_us), Mitigation)


def test_time_never_runs_backwards_in_a_row() -> None:
    moved = legal(extend(ACTIVE, LATER, NOW_US - SECOND))
    assert moved.updated_at_us == ACTIVE.updated_at_us


def test_an_acknowledgement_is_given_once() -> None:
    once = legal(acknowledge(ACTIVE, "alice", LATER))
    assert (once.acknowledged_by, once.acknowledged_at_us) == ("alice", LATER)
    assert isinstance(acknowledge(once, "bob", LATER), IllegalMove)


def test_w79_a_dry_run_row_is_never_on_the_wire() -> None:
    assert ACTIVE.on_the_wire
    assert not a_mitigation(dry_run=True).on_the_wire
    assert not STANDING[Status.PENDING].on_the_wire
    assert not STANDING[Status.EXPIRED].on_the_wire


def test_an_intent_says_what_should_be_on_the_wire() -> None:
    intent = intent_of(replace(ACTIVE, priority=5), "ams1")
    assert intent.rule is ACTIVE.rule
    assert (intent.priority, intent.owner) == (5, "ams1")
    assert intent.expires_at_us == ACTIVE.expires_at_us
