"""What if: how a manual rule would be decided, and what each neighbor would receive."""

from collections.abc import Sequence

import msgspec

from prefixd.api import shapes
from prefixd.api.manual import manual_request, neighbor_line
from prefixd.api.mitigations import checked_reason
from prefixd.api.problem import not_found
from prefixd.api.query import parse_id
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Permission
from prefixd.domain.rule import RulePreview, format_action, format_match
from prefixd.guardrails.facts import Refusal


class PreviewReply(msgspec.Struct, kw_only=True):
    plan: str
    match: str
    action: str
    ttl_seconds: int
    notes: list[str]
    refusals: list[Refusal]
    peers: list[str]


async def preview(call: Call[shapes.ManualIn, NoQuery]) -> Reply:
    answer = call.services.engine.manual.preview(manual_request(call.body), call.actor)
    return Reply(
        PreviewReply(
            plan=answer.plan,
            match=format_match(answer.rule.match),
            action=format_action(answer.rule.action),
            ttl_seconds=answer.ttl_s,
            notes=list(answer.notes),
            refusals=list(answer.reasons),
            peers=_peers(answer.export),
        )
    )


def _peers(export: RulePreview) -> list[str]:
    if export.inexpressible:
        return [f"no router can carry this rule: {export.inexpressible}"]
    return [neighbor_line(each) for each in export.neighbors]


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


ROUTES: Sequence[Route] = (
    Route(
        method="POST", path="/v1/preview", handle=preview,
        summary="What a manual rule would do; sends nothing", tag="mitigations",
        body=shapes.ManualIn, replies={200: PreviewReply}, errors=("bad_request",),
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
