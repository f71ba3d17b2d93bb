"""Detectors report here: one event, or up to a hundred in one request; and the list of them.

An answer carries two words. `status` is the one older clients know; `outcome` is the precise one,
with a sentence in `reason`. A guardrail's refusal is a 422 for a single event, with every limit and
value, so that a person or a script does not take it for a success.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefixd.api import render, shapes
from prefixd.api.problem import ApiError, bad_request
from prefixd.api.query import (
    PageQuery,
    page_members,
    page_request,
    parse_vector_query,
    parse_victim,
)
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Actor, Permission
from prefixd.domain.page import EventFilter
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Signal
from prefixd.engine.answers import IngestAnswer
from prefixd.signals.json_value import JsonValue
from prefixd.signals.native import BATCH_MAX, read_event
from prefixd.signals.reading import Reading

NIL_ID = "00000000-0000-0000-0000-000000000000"
# Held without a guardrail's refusal: nothing is wrong with the event.
NOT_A_SOURCE = ("corroborating_source", "unknown_source")
UNJUDGED = frozenset({"no_playbook", "approval_required"})

# outcome -> the word existing clients know
STATUS: Mapping[Outcome, str] = {
    Outcome.MITIGATED: "accepted",
    Outcome.EXTENDED: "extended",
    Outcome.ESCALATED: "extended",
    Outcome.REFRESHED: "extended",
    Outcome.WAITING: "accepted",
    Outcome.HELD: "accepted",
    Outcome.IGNORED: "accepted_no_mitigation",
    Outcome.CLEARED: "withdrawn",
    Outcome.CLEARING: "withdrawn",
    Outcome.NO_EFFECT: "no_active_mitigation",
    Outcome.DUPLICATE: "duplicate",
    Outcome.QUEUED: "accepted",
    Outcome.ERROR: "error",
}
# A rule exists, whatever the codes say.
ACTED = frozenset({Outcome.MITIGATED, Outcome.EXTENDED, Outcome.ESCALATED})


class EventQuery(PageQuery, kw_only=True):
    source: str | None = None
    victim_ip: str | None = None
    vector: str | None = None
    outcome: str | None = None
    action: str | None = None
    pop: str | None = None


def status_of(answer: IngestAnswer) -> str:
    """The older word; what is finer than those words can say is in `outcome`."""
    if answer.outcome in ACTED:
        return STATUS[answer.outcome]
    if answer.outcome is Outcome.REFRESHED and answer.mitigation_id is None:
        return "accepted"
    if answer.outcome is Outcome.HELD and "no_playbook" in answer.codes:
        return "accepted_no_playbook"
    if answer.outcome is Outcome.CLEARED and answer.mitigation_id is None:
        return "no_active_mitigation"
    return STATUS[answer.outcome]


def event_reply(answer: IngestAnswer) -> shapes.EventReply:
    return shapes.EventReply(
        event_id=answer.signal_id,
        external_event_id=render.external_id(answer.external_id),
        status=status_of(answer),
        mitigation_id=answer.mitigation_id,
        outcome=answer.outcome,
        reason=answer.reason,
        group_id=answer.group_id,
        episode=answer.episode,
        duplicate=answer.duplicate,
    )


def refusal_of(answer: IngestAnswer) -> ApiError | None:
    """The error a single event deserves, if its answer is one."""
    if answer.outcome is Outcome.DUPLICATE:
        return ApiError(
            409, "duplicate", f"duplicate event: {answer.external_id} has ended already"
        )
    if answer.outcome is Outcome.HELD and answer.codes and not UNJUDGED & set(answer.codes):
        return ApiError(
            422, "guardrail", f"guardrail violation: {answer.reason}", errors=list(answer.codes)
        )
    if answer.outcome is Outcome.ERROR:
        return _not_taken(answer)
    return None


def _not_taken(answer: IngestAnswer) -> ApiError:
    """Nothing was stored. A detector repeats a 5xx for ever, so a source that must not report
    here gets a 400."""
    for code in answer.codes:
        if code in NOT_A_SOURCE:
            return ApiError(400, code, answer.reason, field="source")
        if code == "unavailable":
            return ApiError(503, code, answer.reason, retry_after_s=1)
    message = "no decision on this event; the log has more under this request id"
    return ApiError(500, "internal", message)


class Readings:
    """How the configuration wants each source to be read, for what came in one request."""

    def __init__(self, call: Call[Any, Any]) -> None:
        self._rules = call.services.engine.snapshot.rules.correlation
        self._now_us = call.services.clock.now_us()
        self._known: dict[str, Reading] = {}

    def of(self, source: object) -> Reading:
        name = source if isinstance(source, str) else ""
        found = self._known.get(name)
        if found is None:
            rules = self._rules
            found = self._known[name] = Reading(
                received_at_us=self._now_us,
                confidence_mapping=rules.source(name).confidence_mapping,
                max_signal_age_s=rules.max_signal_age_s,
                max_clock_skew_s=rules.max_clock_skew_s,
            )
        return found


def reading_for(call: Call[Any, Any], source: object) -> Reading:
    return Readings(call).of(source)


def checked_event(
    payload: JsonValue, readings: Readings, actor: Actor
) -> Signal | tuple[Problem, ...]:
    """The signal of one event, or its problems: wrong fields, or a caller who may not send it."""
    source = payload.get("source") if isinstance(payload, dict) else None
    found = read_event(payload, readings.of(source))
    if not isinstance(found, Signal):
        return found
    wrong = may_say(found, actor)
    return found if wrong is None else (wrong,)


def may_say(signal: Signal, actor: Actor) -> Problem | None:
    """A token may be limited to source names; `force` needs the permission to mitigate."""
    if not actor.may_speak_for(signal.source):
        return Problem("source", f"{actor.name} may not report as {signal.source!r}", "forbidden")
    if signal.force and not actor.may(Permission.MITIGATE):
        return Problem("force", f"{actor.name} may not force a mitigation", "forbidden")
    return None


def wrong_event(problems: Sequence[Problem]) -> ApiError:
    """422 for a wrong shape, 403 for a source the caller may not use, else 400; all problems."""
    codes = {problem.code for problem in problems}
    if "forbidden" in codes:
        code, status = "forbidden", 403
    elif codes & {"bad_type", "missing"}:
        code, status = "bad_field", 422
    else:
        code, status = "bad_request", 400
    texts = [str(problem) for problem in problems]
    return ApiError(status, code, "; ".join(texts), field=problems[0].field or None, errors=texts)


async def ingest_one(call: Call[Any, NoQuery]) -> Reply:
    found = checked_event(call.body, Readings(call), call.actor)
    if not isinstance(found, Signal):
        raise wrong_event(found)
    (answer,) = await call.services.engine.ingest([found], call.actor)
    refusal = refusal_of(answer)
    if refusal is not None:
        raise refusal
    return Reply(event_reply(answer), status=202)


async def ingest_batch(call: Call[Any, NoQuery]) -> Reply:
    events = call.body.get("events") if isinstance(call.body, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= BATCH_MAX:
        raise bad_request(f"events must be a list of 1 to {BATCH_MAX} events", "events")
    readings, actor = Readings(call), call.actor
    found = [checked_event(event, readings, actor) for event in events]
    good = [signal for signal in found if isinstance(signal, Signal)]
    answers = iter(await call.services.engine.ingest(good, actor) if good else [])
    results = [
        _batch_item(index, next(answers))
        if isinstance(entry, Signal)
        else _rejected(index, "; ".join(map(str, entry)))
        for index, entry in enumerate(found)
    ]
    rejected = sum(item.status == "rejected" for item in results)
    reply = shapes.BatchReply(accepted=len(results) - rejected, rejected=rejected, results=results)
    return Reply(reply, status=207 if rejected else 202)


async def list_events(call: Call[None, EventQuery]) -> Reply:
    query = call.query
    wanted = EventFilter(
        source=query.source,
        victim=parse_victim(query.victim_ip),
        vector=parse_vector_query(query.vector),
        kind=None if query.action is None else _kind(query.action),
        outcome=query.outcome,
        pop=query.pop,
    )
    page = await call.services.engine.store.signals.page(wanted, page_request(query, "events"))
    return Reply(page_members(page, "events", render.event))


def _batch_item(index: int, answer: IngestAnswer) -> shapes.BatchItem:
    refusal = None if answer.outcome in ACTED else refusal_of(answer)
    if refusal is not None:
        return _rejected(index, refusal.message, answer.signal_id)
    return shapes.BatchItem(
        index=index,
        event_id=answer.signal_id,
        status=status_of(answer),
        mitigation_id=answer.mitigation_id,
        outcome=answer.outcome,
    )


def _rejected(index: int, error: str, event_id: str = NIL_ID) -> shapes.BatchItem:
    return shapes.BatchItem(index=index, event_id=event_id, status="rejected", error=error)


def _kind(action: str) -> str:
    kinds = {"ban": "firing", "unban": "cleared"}
    if action not in kinds:
        raise ApiError(400, "bad_query", "action must be ban or unban", field="action")
    return kinds[action]


ROUTES: Sequence[Route] = (
    Route(
        method="POST", path="/v1/events", handle=ingest_one, summary="Report an attack, or its end",
        tag="events", permission=Permission.INGEST, body=shapes.EventIn, loose=True,
        replies={202: shapes.EventReply},
        errors=("bad_request", *NOT_A_SOURCE, "duplicate", "guardrail"),
    ),
    Route(
        method="POST", path="/v1/events/batch", handle=ingest_batch,
        summary="Report up to 100 at once", tag="events", permission=Permission.INGEST,
        body=shapes.BatchIn, loose=True, replies={202: shapes.BatchReply, 207: shapes.BatchReply},
        errors=("bad_request",),
        description="Items are independent: 207 when at least one was refused.",
    ),
    Route(
        method="GET", path="/v1/events", handle=list_events, summary="Events, newest first",
        tag="events", query=EventQuery, replies={200: shapes.EventPage}, errors=("bad_cursor",),
    ),
)  # fmt: skip
