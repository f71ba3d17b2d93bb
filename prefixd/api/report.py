"""The incident report: what happened, as Markdown for a ticket.

Text from a detector or an operator is escaped: a table cell stays a table cell, and a link
or a heading cannot be smuggled into a ticket system.
"""

import re
from collections.abc import Sequence

import msgspec

from prefixd.api.problem import ApiError, not_found
from prefixd.api.query import parse_id, parse_victim
from prefixd.api.render import format_time
from prefixd.api.reply import Reply
from prefixd.api.route import Call, Route
from prefixd.domain.audit import AuditRow
from prefixd.domain.group import Group
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.page import (
    AuditFilter,
    EventFilter,
    MitigationFilter,
    PageRequest,
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import SignalRecord
from prefixd.domain.rule import format_action, format_match

MAX_EVENTS = 1000
MAX_MITIGATIONS = 100
MAX_AUDIT = 1000

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")


class ReportQuery(msgspec.Struct, kw_only=True):
    mitigation_id: str | None = None
    ip: str | None = None


async def incident(call: Call[None, ReportQuery]) -> Reply:
    query, queries = call.query, call.services.engine.queries
    if (query.mitigation_id is None) == (query.ip is None):
        raise ApiError(400, "bad_query", "give exactly one of mitigation_id and ip")
    if query.mitigation_id is not None:
        wanted = parse_id(query.mitigation_id, "mitigation_id")
        found = await queries.mitigation(wanted)
        if found is None:
            raise not_found(f"mitigation {wanted}")
        victim = found.victim
        mitigations: tuple[Mitigation, ...] = (found,)
    else:
        parsed = parse_victim(query.ip, "ip")
        if parsed is None:
            raise ApiError(400, "bad_query", "give exactly one of mitigation_id and ip")
        victim = parsed
        page = await call.services.engine.store.mitigations.page(
            MitigationFilter(victim=victim), PageRequest(limit=MAX_MITIGATIONS)
        )
        mitigations = page.items
    events = await call.services.engine.store.signals.page(
        EventFilter(victim=victim), PageRequest(limit=MAX_EVENTS)
    )
    groups = await queries.groups_of({m.group_id for m in mitigations if m.group_id is not None})
    audit = [
        row
        for mitigation in mitigations
        for row in (
            await call.services.engine.store.audit.page(
                AuditFilter(target_id=mitigation.mitigation_id), PageRequest(limit=MAX_AUDIT)
            )
        ).items
    ][:MAX_AUDIT]
    text = report(
        victim,
        mitigations,
        events.items,
        list(groups.values()),
        audit,
        call.services.clock.now_us(),
    )
    return Reply(
        text.encode(),
        content_type="text/markdown",
        headers={"Content-Disposition": 'attachment; filename="incident-report.md"'},
    )


def report(
    victim: Prefix,
    mitigations: Sequence[Mitigation],
    events: Sequence[SignalRecord],
    groups: Sequence[Group],
    audit: Sequence[AuditRow],
    now_us: int,
) -> str:
    parts = [
        f"# Incident report: {victim.victim_text()}",
        f"Made {format_time(now_us)}.",
        "## Summary",
        _summary(mitigations, events),
        "## Timeline",
        _table(("time", "what"), _timeline(mitigations, events)),
        "## Events",
        _table(
            ("time", "source", "vector", "bit/s", "packets/s", "outcome"),
            [
                (
                    format_time(r.signal.received_at_us), r.signal.source, r.signal.vector,
                    r.signal.bps, r.signal.pps, r.outcome,
                )
                for r in events
            ],
        ),
        "## Mitigations",
        _table(
            ("id", "status", "rule", "action", "created", "expires", "reason"),
            [
                (
                    m.mitigation_id, m.status, format_match(m.rule.match),
                    format_action(m.rule.action), format_time(m.created_at_us),
                    format_time(m.expires_at_us), m.reason,
                )
                for m in mitigations
            ],
        ),
        "## Correlation",
        _table(
            ("group", "state", "confidence", "sources"),
            [
                (
                    g.group_id, g.state, f"{g.confidence:.2f}",
                    ", ".join(sorted({e.source for e in g.evidence})),
                )
                for g in groups
            ],
        ),
        "## Audit trail",
        _table(
            ("time", "actor", "action", "details"),
            [
                (format_time(r.entry.at_us), r.entry.actor_id, r.entry.action, r.entry.details)
                for r in audit
            ],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def escape(value: object) -> str:
    """Any text as one harmless table cell."""
    text = "" if value is None else str(value)
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return _SPECIAL.sub(r"\\\1", printable)


def _summary(mitigations: Sequence[Mitigation], events: Sequence[SignalRecord]) -> str:
    rates = [r.signal.bps for r in events if r.signal.bps is not None]
    lines = [
        f"- events: {len(events)}",
        f"- mitigations: {len(mitigations)}",
        f"- still active: {sum(m.is_live for m in mitigations)}",
    ]
    if rates:
        lines.append(f"- highest reported rate: {max(rates)} bit/s")
    return "\n".join(lines)


def _timeline(
    mitigations: Sequence[Mitigation], events: Sequence[SignalRecord]
) -> list[tuple[object, ...]]:
    moments: list[tuple[int, str]] = [
        (r.signal.received_at_us, f"{r.signal.source} reports {r.signal.vector}: {r.outcome}")
        for r in events
    ]
    for m in mitigations:
        moments.append((m.created_at_us, f"mitigation: {format_action(m.rule.action)}"))
        if m.escalated_at_us is not None:
            moments.append((m.escalated_at_us, "mitigation escalated"))
        if m.withdrawn_at_us is not None:
            moments.append((m.withdrawn_at_us, f"mitigation {m.status}: {m.end_reason or ''}"))
    return [(format_time(at_us), what) for at_us, what in sorted(moments)]


def _table(names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return "None."
    head = f"| {' | '.join(names)} |"
    rule = f"|{'---|' * len(names)}"
    lines = [f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows]
    return "\n".join([head, rule, *lines])


ROUTES = (
    Route(
        method="GET", path="/v1/reports/incident", handle=incident,
        summary="A Markdown report about a mitigation or an address", tag="reports",
        query=ReportQuery, replies={200: str}, errors=("not_found",),
        content_type="text/markdown",
    ),
)  # fmt: skip
