"""Who did what: the audit trail, newest first."""

from prefixd.api import render, shapes
from prefixd.api.page import PageQuery, page_members, page_request
from prefixd.api.reply import Reply
from prefixd.api.route import Call, Route
from prefixd.domain.actor import Permission
from prefixd.domain.page import AuditFilter


class AuditQuery(PageQuery, kw_only=True):
    actor_id: str | None = None
    action: str | None = None
    target_type: str | None = None
    target_id: str | None = None


async def list_audit(call: Call[None, AuditQuery]) -> Reply:
    query = call.query
    wanted = AuditFilter(
        actor_id=query.actor_id,
        action=query.action,
        target_type=query.target_type,
        target_id=query.target_id,
    )
    page = await call.services.engine.store.audit.page(wanted, page_request(query, "entries"))
    return Reply(page_members(page, "entries", render.audit_entry))


ROUTES = (
    Route(
        method="GET", path="/v1/audit", handle=list_audit, summary="The audit trail", tag="audit",
        permission=Permission.AUDIT, query=AuditQuery, replies={200: shapes.AuditPage},
        errors=("bad_cursor",),
    ),
)  # fmt: skip
