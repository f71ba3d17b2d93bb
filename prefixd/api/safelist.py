"""Prefixes that are never mitigated. Adding one withdraws what it covers."""

from collections.abc import Sequence

import msgspec

from prefixd.api import render, shapes
from prefixd.api.problem import ApiError, bad_request, not_found
from prefixd.api.query import MAX_REASON, MAX_TTL_S
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Permission
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import EntrySource, SafelistEntry


class Added(msgspec.Struct):
    entry: shapes.SafelistEntry
    withdrawn: list[str]


async def list_entries(call: Call[None, NoQuery]) -> Reply:
    entries = call.services.engine.queries.safelist()
    return Reply([render.safelist_entry(entry) for entry in entries])


async def add(call: Call[shapes.SafelistIn, NoQuery]) -> Reply:
    body, now_us = call.body, call.services.clock.now_us()
    prefix = Prefix.parse(body.prefix)
    if prefix is None:
        raise bad_request(f"invalid prefix: {body.prefix[:60]!r}", "prefix")
    if body.reason is not None and len(body.reason) > MAX_REASON:
        raise bad_request(f"reason must have at most {MAX_REASON} characters", "reason")
    if body.ttl_seconds is not None and not 0 < body.ttl_seconds <= MAX_TTL_S:
        raise bad_request(f"ttl_seconds must be 1 to {MAX_TTL_S}", "ttl_seconds")
    entry = SafelistEntry(
        prefix=prefix,
        source=EntrySource.API,
        added_at_us=now_us,
        added_by=call.actor.name,
        reason=body.reason,
        expires_at_us=None if body.ttl_seconds is None else now_us + body.ttl_seconds * 1_000_000,
    )
    withdrawn = await call.services.engine.safelist_add(entry, call.actor)
    return Reply(Added(render.safelist_entry(entry), list(withdrawn)), status=201)


async def remove(call: Call[None, NoQuery]) -> Reply:
    text = call.path["prefix"]
    prefix = Prefix.parse(text)
    if prefix is None:
        raise bad_request(f"invalid prefix: {text[:60]!r}", "prefix")
    if await call.services.engine.safelist_remove(prefix, call.actor):
        return Reply(status=204)
    entries = call.services.engine.queries.safelist()
    source = next((entry.source for entry in entries if entry.prefix == prefix), None)
    if source is None or source is EntrySource.API:  # the latter: another request removed it first
        raise not_found(f"safelist entry {prefix}")
    raise ApiError(409, "configured", f"safelist entry {prefix} {NOT_REMOVABLE[source]}")


NOT_REMOVABLE = {
    EntrySource.CONFIG: "comes from the configuration: remove it from the file and reload",
    EntrySource.INFRASTRUCTURE: "protects a router, a management network or this daemon: it follows"
    " from the configured neighbors and networks",
}


ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/safelist", handle=list_entries, summary="Every entry",
        tag="safelist", replies={200: list[shapes.SafelistEntry]},
    ),
    Route(
        method="POST", path="/v1/safelist", handle=add,
        summary="Protect a prefix, now; what it covers is withdrawn", tag="safelist",
        permission=Permission.SAFELIST, body=shapes.SafelistIn, replies={201: Added},
        errors=("bad_request",),
    ),
    Route(
        method="DELETE", path="/v1/safelist/{prefix:.+}", handle=remove,
        summary="Remove an entry", tag="safelist", permission=Permission.SAFELIST,
        replies={204: None}, errors=("bad_request", "not_found", "configured"),
        description="The slash of the prefix may be percent-encoded or plain.",
    ),
)  # fmt: skip
