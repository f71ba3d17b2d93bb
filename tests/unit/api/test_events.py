"""One answer of the engine, as the status older clients know and as an error."""

import pytest

from prefixd.api.events import STATUS, event_reply, refusal_of, status_of, wrong_event
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.engine.answers import IngestAnswer


def an_answer(outcome: Outcome, *codes: str, mitigation_id: str | None = None) -> IngestAnswer:
    return IngestAnswer(
        signal_id="s", external_id="auto:1", outcome=outcome, codes=codes,
        mitigation_id=mitigation_id,
    )  # fmt: skip


def test_every_outcome_has_a_status() -> None:
    assert set(STATUS) == set(Outcome)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (an_answer(Outcome.MITIGATED, mitigation_id="m"), "accepted"),
        (an_answer(Outcome.REFRESHED, mitigation_id="m"), "extended"),
        (an_answer(Outcome.REFRESHED), "accepted"),
        (an_answer(Outcome.HELD, "no_playbook"), "accepted_no_playbook"),
        (an_answer(Outcome.HELD, "ttl"), "accepted"),
        (an_answer(Outcome.CLEARED, mitigation_id="m"), "withdrawn"),
        (an_answer(Outcome.CLEARED), "no_active_mitigation"),
    ],
)
def test_the_status_follows_the_outcome(answer: IngestAnswer, status: str) -> None:
    assert status_of(answer) == status
    assert event_reply(answer).external_event_id is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (an_answer(Outcome.DUPLICATE), "duplicate"),
        (an_answer(Outcome.HELD, "ttl"), "guardrail"),
        (an_answer(Outcome.HELD, "approval_required"), None),
        (an_answer(Outcome.HELD), None),
        (an_answer(Outcome.ERROR), "internal"),
        (an_answer(Outcome.ERROR, "unknown_source"), "unknown_source"),
        (an_answer(Outcome.ERROR, "corroborating_source"), "corroborating_source"),
        (an_answer(Outcome.ERROR, "unavailable"), "unavailable"),
        (an_answer(Outcome.MITIGATED, "ttl"), None),
    ],
)
def test_only_a_refusal_is_an_error(answer: IngestAnswer, code: str | None) -> None:
    found = refusal_of(answer)
    assert (None if found is None else found.code) == code


def test_a_forbidden_source_outweighs_a_wrong_field() -> None:
    problems = [Problem("bps", "must be positive", "bad_type")]
    assert wrong_event(problems).status == 422
    assert wrong_event([*problems, Problem("source", "not yours", "forbidden")]).status == 403
    assert wrong_event([Problem("bps", "too large")]).status == 400
