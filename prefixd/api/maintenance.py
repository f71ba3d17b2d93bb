"""The audit trail, whether it is complete, and which migrations the database has."""

from collections.abc import Sequence

import msgspec

from prefixd.api import render, shapes
from prefixd.api.query import PageQuery, page_members, page_request
from prefixd.api.render import format_time
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Permission
from prefixd.domain.page import AuditFilter
from prefixd.store.audit import AuditFault
from prefixd.store.store import Store


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


class Chain(msgspec.Struct):
    chain: str
    rows: int
    head: str
    fault: str | None


class AuditVerdict(msgspec.Struct):
    ok: bool
    chains: list[Chain]


class MigrationRow(msgspec.Struct):
    version: int
    name: str
    applied_at: str


class MigrationList(msgspec.Struct):
    migrations: list[MigrationRow]
    count: int


def _fault_text(fault: AuditFault | None) -> str | None:
    return None if fault is None else f"row {fault.number}: {fault.reason}"


class MaintenanceRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def verify_audit(self, _call: Call[None, NoQuery]) -> Reply:
        """Reads every row of every chain; rows removed or altered anywhere show as a fault."""
        reports = await self._store.audit.verify()
        chains = [
            Chain(each.chain, each.rows, each.head.hash, _fault_text(each.fault))
            for each in reports
        ]
        return Reply(AuditVerdict(all(each.fault is None for each in chains), chains))

    async def migrations(self, _call: Call[None, NoQuery]) -> Reply:
        rows = [
            MigrationRow(each.version, each.name, format_time(each.applied_at_us))
            for each in await self._store.migrations()
        ]
        return Reply(MigrationList(rows, len(rows)))

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="GET", path="/v1/audit/verify", handle=self.verify_audit,
                summary="Check the audit trail", tag="audit", permission=Permission.AUDIT,
                replies={200: AuditVerdict},
            ),
            Route(
                method="GET", path="/v1/migrations", handle=self.migrations,
                summary="Applied migrations of the database", tag="health",
                replies={200: MigrationList},
            ),
        )  # fmt: skip


ROUTES = (
    Route(
        method="GET", path="/v1/audit", handle=list_audit, summary="The audit trail", tag="audit",
        permission=Permission.AUDIT, query=AuditQuery, replies={200: shapes.AuditPage},
        errors=("bad_cursor",),
    ),
)  # fmt: skip
