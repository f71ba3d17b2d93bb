"""Signal groups and the decisions about them, as they were recorded when they were made."""

from collections.abc import Sequence

from prefixd.api import render, shapes
from prefixd.api.problem import ApiError, not_found
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
from prefixd.domain.group import GroupState
from prefixd.domain.page import GroupFilter

DECISIONS = 200

# The words older clients filter by, as the states they stand for.
COMPATIBLE: dict[str, frozenset[str]] = {
    "open": frozenset({GroupState.OPEN, GroupState.READY, GroupState.HELD, GroupState.UNOWNED}),
    "resolved": frozenset({GroupState.MITIGATING, GroupState.CLEARING}),
    "expired": frozenset({GroupState.CLOSED}),
}


class GroupQuery(PageQuery, kw_only=True):
    status: str | None = None
    state: str | None = None
    vector: str | None = None
    victim_ip: str | None = None
    customer_id: str | None = None
    source: str | None = None
    met: str | None = None
    has_mitigation: str | None = None
    pop: str | None = None


async def list_groups(call: Call[None, GroupQuery]) -> Reply:
    query = call.query
    wanted = GroupFilter(
        states=_states(query),
        vector=parse_vector_query(query.vector),
        victim=parse_victim(query.victim_ip),
        customer_id=query.customer_id,
        source=query.source,
        met=parse_flag(query.met, "met"),
        has_mitigation=parse_flag(query.has_mitigation, "has_mitigation"),
        pop=query.pop,
    )
    page = await call.services.engine.store.groups.page(wanted, page_request(query, "groups"))
    return Reply(page_members(page, "groups", render.group))


async def get_group(call: Call[None, NoQuery]) -> Reply:
    wanted = parse_id(call.path["id"], "id")
    found = await call.services.engine.queries.group(wanted)
    if found is None:
        raise not_found(f"signal group {wanted}")
    return Reply(render.group_detail(found))


async def decisions_of_group(call: Call[None, NoQuery]) -> Reply:
    wanted = parse_id(call.path["id"], "id")
    records = await call.services.engine.store.decisions.of_group(wanted, DECISIONS)
    return Reply([render.decision(record) for record in records])


async def get_decision(call: Call[None, NoQuery]) -> Reply:
    wanted = parse_id(call.path["id"], "id")
    found = await call.services.engine.store.decisions.get(wanted)
    if found is None:
        raise not_found(f"decision {wanted}")
    return Reply(render.decision(found))


async def approve_group(call: Call[None, NoQuery]) -> Reply:
    wanted = parse_id(call.path["id"], "id")
    if not await call.services.engine.manual.approve_group(wanted, call.actor):
        raise not_found(f"live signal group {wanted}")
    return Reply(status=204)


async def dismiss_group(call: Call[shapes.ReasonIn, NoQuery]) -> Reply:
    wanted, reason = parse_id(call.path["id"], "id"), checked_reason(call.body.reason)
    if not await call.services.engine.manual.dismiss_group(wanted, reason, call.actor):
        raise not_found(f"live signal group {wanted}")
    return Reply(status=204)


def _states(query: GroupQuery) -> frozenset[str] | None:
    if query.state is not None:
        if query.state not in set(GroupState):
            message = f"state must be one of {', '.join(GroupState)}"
            raise ApiError(400, "bad_query", message, field="state")
        return frozenset({query.state})
    if query.status is not None:
        if query.status not in COMPATIBLE:
            message = f"status must be one of {', '.join(COMPATIBLE)}"
            raise ApiError(400, "bad_query", message, field="status")
        return COMPATIBLE[query.status]
    return None


ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/signal-groups", handle=list_groups,
        summary="Signal groups, newest first", tag="signal groups", query=GroupQuery,
        replies={200: shapes.GroupPage}, errors=("bad_cursor",),
    ),
    Route(
        method="GET", path="/v1/signal-groups/{id}", handle=get_group,
        summary="One group with its evidence", tag="signal groups",
        replies={200: shapes.GroupDetail}, errors=("not_found", "bad_query"),
    ),
    Route(
        method="GET", path="/v1/signal-groups/{id}/decisions", handle=decisions_of_group,
        summary="What was decided about it, newest first", tag="signal groups",
        replies={200: list[shapes.Decision]}, errors=("bad_query",),
    ),
    Route(
        method="GET", path="/v1/decisions/{id}", handle=get_decision,
        summary="One decision: inputs, numbers, reasons", tag="signal groups",
        replies={200: shapes.Decision}, errors=("not_found", "bad_query"),
    ),
    Route(
        method="POST", path="/v1/signal-groups/{id}/approve", handle=approve_group,
        summary="Act on a group that waits for approval", tag="signal groups",
        permission=Permission.MITIGATE, replies={204: None},
        errors=("bad_query", "not_found", "conflict"),
    ),
    Route(
        method="POST", path="/v1/signal-groups/{id}/dismiss", handle=dismiss_group,
        summary="Close a group without acting", tag="signal groups",
        permission=Permission.MITIGATE, body=shapes.ReasonIn, replies={204: None},
        errors=("bad_request", "bad_query", "not_found", "conflict"),
    ),
)  # fmt: skip
