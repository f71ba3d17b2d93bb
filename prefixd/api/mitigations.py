"""Mitigations: list, show, create, extend, withdraw, acknowledge; and withdraw all of them."""

from collections.abc import Sequence

import msgspec

from prefixd.api import render, shapes
from prefixd.api.manual import manual_request, withheld_by, withheld_notes
from prefixd.api.problem import ApiError, bad_request, not_found, refused
from prefixd.api.query import (
    PageQuery,
    checked_reason,
    page_members,
    page_request,
    parse_flag,
    parse_id,
    parse_vector_query,
    parse_victim,
)
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Permission
from prefixd.domain.mitigation import Mitigation, Status
from prefixd.domain.page import MitigationFilter
from prefixd.engine.answers import (
    Created,
    Extended,
    ItemAnswer,
    NotFound,
    NotLive,
    Refused,
    Withdrawn,
)

MAX_IDS = 100
SECOND_US = 1_000_000


class MitigationQuery(PageQuery, kw_only=True):
    status: str | None = None
    customer_id: str | None = None
    victim_ip: str | None = None
    vector: str | None = None
    pop: str | None = None
    acknowledged: str | None = None


def list_at_hand(call: Call[None, MitigationQuery]) -> Reply | None:
    services = call.services
    page = services.lists.fresh(
        call.request.rel_url.raw_query_string,
        services.engine.queries.revision,
        services.clock.monotonic(),
    )
    return None if page is None else page.reply


async def list_mitigations(call: Call[None, MitigationQuery]) -> Reply:
    services = call.services
    page = await services.lists.page(
        call.request.rel_url.raw_query_string,
        services.engine.queries.revision,
        services.clock.monotonic(),
        lambda: _listed(call),
    )
    return page.reply


async def _listed(call: Call[None, MitigationQuery]) -> bytes:
    query, queries = call.query, call.services.engine.queries
    wanted = MitigationFilter(
        statuses=_statuses(query.status),
        customer_id=query.customer_id,
        victim=parse_victim(query.victim_ip),
        vector=parse_vector_query(query.vector),
        pop=query.pop,
        acknowledged=parse_flag(query.acknowledged, "acknowledged"),
    )
    page = await call.services.engine.store.mitigations.page(
        wanted, page_request(query, "mitigations")
    )
    groups = await queries.groups_of({m.group_id for m in page.items if m.group_id is not None})

    def shown(value: Mitigation) -> shapes.Mitigation:
        group = None if value.group_id is None else groups.get(value.group_id)
        return render.mitigation(value, None if group is None else render.correlation(group))

    return msgspec.json.encode(page_members(page, "mitigations", shown))


async def get_mitigation(call: Call[None, NoQuery]) -> Reply:
    queries = call.services.engine.queries
    wanted = parse_id(call.path["id"], "id")
    found = await queries.mitigation(wanted)
    if found is None:
        raise not_found(f"mitigation {wanted}")
    group = None if found.group_id is None else await queries.group(found.group_id)
    if group is None:
        return Reply(render.mitigation(found))
    text = await queries.latest_decision_text(group.group_id) or ""
    return Reply(render.mitigation(found, render.correlation(group, text)))


async def create(call: Call[shapes.ManualIn, NoQuery]) -> Reply:
    request, engine = manual_request(call.body), call.services.engine
    expected = await engine.manual.preview(request, call.actor)
    answer = await engine.manual.create(request, call.actor)
    match answer:
        case Created(mitigation=made) | Extended(mitigation=made):
            is_new = isinstance(answer, Created)
            shown = render.mitigation(made)
            shown.notes = [
                *(answer.notes if isinstance(answer, Created) else expected.notes),
                *withheld_notes(expected.export.neighbors),
            ]
            shown.withheld = withheld_by(expected.export.neighbors)
            return Reply(shown, status=201 if is_new else 200)
        case Refused(reasons=reasons):
            raise refused(reasons)


async def extend(call: Call[shapes.ExtendIn, NoQuery]) -> Reply:
    wanted, ttl_s = parse_id(call.path["id"], "id"), call.body.ttl_seconds
    answer = await call.services.engine.manual.extend(wanted, ttl_s, call.actor)
    match answer:
        case Extended(mitigation=now):
            shown = render.mitigation(now)
            until_us = call.services.clock.now_us() + ttl_s * 1_000_000
            if now.expires_at_us < until_us - SECOND_US:
                shown.notes = ["expires earlier than requested: the TTL and lifetime limits apply"]
            return Reply(shown)
        case NotFound():
            raise not_found(f"mitigation {wanted}")
        case NotLive(mitigation=ended):
            raise _not_live(ended)
        case Refused(reasons=reasons):
            raise refused(reasons)


async def withdraw(call: Call[shapes.ReasonIn, NoQuery]) -> Reply:
    wanted = parse_id(call.path["id"], "id")
    reason = checked_reason(call.body.reason)
    answer = await call.services.engine.manual.withdraw(wanted, reason, call.actor)
    match answer:
        case Withdrawn(mitigation=ended):
            return Reply(render.mitigation(ended))
        case NotFound():
            raise not_found(f"mitigation {wanted}")
        case NotLive(mitigation=ended):
            raise _not_live(ended)


async def bulk_withdraw(call: Call[shapes.BulkWithdrawIn, NoQuery]) -> Reply:
    ids = checked_ids(call.body.mitigation_ids)
    reason = checked_reason(call.body.reason)
    answers = await call.services.engine.manual.bulk_withdraw(ids, reason, call.actor)
    items = _items(answers, "withdrawn")
    failed = sum(item.error is not None for item in items)
    return Reply(shapes.BulkWithdrawReply(len(items) - failed, failed, items))


async def acknowledge(call: Call[shapes.IdsIn, NoQuery]) -> Reply:
    ids = checked_ids(call.body.mitigation_ids)
    answers = await call.services.engine.manual.acknowledge(ids, call.actor)
    items = _items(answers, "acknowledged")
    failed = sum(item.error is not None for item in items)
    return Reply(shapes.AcknowledgeReply(len(items) - failed, failed, items))


async def panic(call: Call[shapes.PanicIn, NoQuery]) -> Reply:
    """Withdraw everything this POP announces; the confirmation names the POP."""
    expected = f"withdraw all of {call.services.pop}"
    if call.body.confirm != expected:
        raise bad_request(f"confirm must be {expected!r}", "confirm")
    answers = await call.services.engine.manual.panic(checked_reason(call.body.reason), call.actor)
    items = _items(answers, "withdrawn")
    failed = sum(item.error is not None for item in items)
    return Reply(shapes.BulkWithdrawReply(len(items) - failed, failed, items))


def checked_ids(ids: Sequence[str]) -> list[str]:
    if not 1 <= len(ids) <= MAX_IDS:
        raise bad_request(f"send 1 to {MAX_IDS} ids, not {len(ids)}", "mitigation_ids")
    return [parse_id(text, f"mitigation_ids[{index}]") for index, text in enumerate(ids)]


def _statuses(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    words = {word.strip() for word in text.split(",")}
    unknown = words - set(Status)
    if unknown:
        message = (
            f"status must be among {', '.join(Status)}, not {', '.join(sorted(unknown))[:60]!r}"
        )
        raise ApiError(400, "bad_query", message, field="status")
    return frozenset(words)


def _items(answers: Sequence[ItemAnswer], done: str) -> list[shapes.BulkItem]:
    return [
        shapes.BulkItem(mitigation_id=answer.mitigation_id, status=done)
        if answer.problem is None
        else shapes.BulkItem(
            mitigation_id=answer.mitigation_id, status="error", error=answer.problem
        )
        for answer in answers
    ]


def _not_live(ended: Mitigation) -> ApiError:
    message = f"mitigation {ended.mitigation_id} has ended: {ended.status}"
    return ApiError(400, "not_live", message)


_MITIGATE = Permission.MITIGATE
ONE = r"/v1/mitigations/{id:(?!withdraw$|acknowledge$)[^/]+}"  # those two are verbs, not ids
ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/mitigations", handle=list_mitigations, at_hand=list_at_hand,
        summary="Mitigations, newest first", tag="mitigations", query=MitigationQuery,
        replies={200: shapes.MitigationPage, 304: None}, errors=("bad_cursor",),
    ),
    Route(
        method="POST", path="/v1/mitigations", handle=create, summary="Create one manually",
        tag="mitigations", permission=_MITIGATE, body=shapes.ManualIn,
        replies={200: shapes.Mitigation, 201: shapes.Mitigation},
        errors=("bad_request", "guardrail", "conflict"),
        description="200 when the same scope was live already: it was extended.",
    ),
    Route(
        method="POST", path="/v1/mitigations/withdraw", handle=bulk_withdraw,
        summary="Withdraw up to 100", tag="mitigations", permission=_MITIGATE,
        body=shapes.BulkWithdrawIn, replies={200: shapes.BulkWithdrawReply},
        errors=("bad_request", "bad_query"),
    ),
    Route(
        method="POST", path="/v1/mitigations/acknowledge", handle=acknowledge,
        summary="Acknowledge up to 100", tag="mitigations", permission=_MITIGATE,
        body=shapes.IdsIn, replies={200: shapes.AcknowledgeReply},
        errors=("bad_request", "bad_query"),
    ),
    Route(
        method="GET", path=ONE, handle=get_mitigation, summary="One, in full",
        tag="mitigations", replies={200: shapes.Mitigation}, errors=("not_found", "bad_query"),
    ),
    Route(
        method="POST", path=f"{ONE}/withdraw", handle=withdraw,
        summary="Withdraw one", tag="mitigations", permission=_MITIGATE, body=shapes.ReasonIn,
        replies={200: shapes.Mitigation},
        errors=("bad_request", "bad_query", "not_found", "not_live", "conflict"),
    ),
    Route(
        method="POST", path=f"{ONE}/extend", handle=extend,
        summary="Extend one", tag="mitigations", permission=_MITIGATE,
        body=shapes.ExtendIn, replies={200: shapes.Mitigation},
        errors=("bad_request", "bad_query", "not_found", "not_live", "guardrail", "conflict"),
    ),
    Route(
        method="POST", path="/v1/panic", handle=panic, summary="Withdraw everything of this POP",
        tag="mitigations", permission=_MITIGATE, body=shapes.PanicIn,
        replies={200: shapes.BulkWithdrawReply}, errors=("bad_request",),
        description="`confirm` must read `withdraw all of <pop>`.",
    ),
)  # fmt: skip
