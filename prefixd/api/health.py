"""Liveness, readiness, the state of every component, and the metrics text.

Liveness says only that the process answers. Readiness is for load balancers and
supervisors: 503 with every reason while rules are not loaded, the database is unreachable or the
daemon stops.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from prefixd.api.problem import ApiError
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.engine.answers import ReconcileAnswer


class Liveness(msgspec.Struct):
    status: str
    version: str
    auth_mode: str


class Readiness(msgspec.Struct):
    status: str
    reasons: list[str]


class Component(msgspec.Struct, omit_defaults=True):
    status: str
    error: str | None = None


class Detail(msgspec.Struct):
    """`gobgp` keeps the word that existing clients read; it is our own speaker now, and its
    status says `no_neighbors` when none is configured."""

    status: str
    version: str
    pop: str
    uptime_seconds: int
    bgp_sessions: Mapping[str, str]
    active_mitigations: int
    database: str
    gobgp: Component
    auth_mode: str
    ready: bool
    reasons: list[str]
    dry_run: bool
    queue_depth: int
    last_reconcile: ReconcileAnswer | None


def at_hand(call: Call[None, NoQuery]) -> Reply:
    return _alive(call.services.version, call.services.authenticator.mode)


async def live(call: Call[None, NoQuery]) -> Reply:
    return at_hand(call)


@lru_cache(maxsize=8)
def _alive(version: str, auth_mode: str) -> Reply:
    """The same while the process runs, so it is encoded once."""
    found = Liveness(status="ok", version=version, auth_mode=auth_mode)
    return Reply(msgspec.json.encode(found))


async def ready(call: Call[None, NoQuery]) -> Reply:
    reasons = not_ready_reasons(call)
    if reasons:
        raise ApiError(503, "not_ready", "; ".join(reasons), retry_after_s=1, errors=reasons)
    return Reply(Readiness(status="ready", reasons=[]))


async def detail(call: Call[None, NoQuery]) -> Reply:
    services, health = call.services, call.services.engine.health()
    sessions = services.speaker.session_words()
    reasons = not_ready_reasons(call)
    down = [peer for peer, word in sessions.items() if word != "established"]
    reasons += [f"the BGP session with {peer} is {sessions[peer]}" for peer in down]
    inexpressible = len(services.speaker.inexpressible())
    if inexpressible:
        reasons.append(f"{inexpressible} live mitigations cannot be announced to any router")
    if health.suspect:
        reasons.append("the database and the RIB are being compared")
    value = Detail(
        status="healthy" if not reasons else "degraded",
        version=services.version,
        pop=services.pop,
        uptime_seconds=max(0, (services.clock.now_us() - health.started_at_us) // 1_000_000),
        bgp_sessions=sessions,
        active_mitigations=health.live,
        database="connected" if health.store_problem is None else f"error: {health.store_problem}",
        gobgp=Component(
            status="degraded" if down else "connected" if sessions else "no_neighbors",
            error=f"{len(down)} of {len(sessions)} sessions are down" if down else None,
        ),
        auth_mode=services.authenticator.mode,
        ready=not not_ready_reasons(call),
        reasons=reasons,
        dry_run=health.dry_run,
        queue_depth=health.queue_depth,
        last_reconcile=health.last_reconcile,
    )
    return Reply(value)


def not_ready_reasons(call: Call[None, NoQuery]) -> list[str]:
    health = call.services.engine.health()
    reasons: list[str] = []
    if health.stopping:
        reasons.append("the daemon is stopping")
    if not health.ready:
        reasons.append("the rules are not loaded yet")
    if health.store_problem is not None:
        reasons.append(f"{health.store_problem.summary}: rules stay on the routers")
    if health.ready and not health.safelist_ok:
        reasons.append("the safelist cannot be read: no new mitigations")
    return reasons


async def metrics(call: Call[None, NoQuery]) -> Reply:
    accept = call.request.headers.get("Accept", "")
    text, content_type = await call.services.exposition.text(accept)
    return Reply(text, content_type=content_type)


ROUTES = (
    Route(
        method="GET", path="/v1/health", handle=live, summary="The process answers", tag="health",
        permission=None, limited=False, at_hand=at_hand, replies={200: Liveness},
    ),
    Route(
        method="GET", path="/v1/health/ready", handle=ready,
        summary="Ready to take events, or 503 with the reasons", tag="health",
        permission=None, limited=False, replies={200: Readiness}, errors=("not_ready",),
    ),
    Route(
        method="GET", path="/v1/health/detail", handle=detail, summary="Every component",
        tag="health", limited=False, replies={200: Detail},
    ),
    Route(
        method="GET", path="/metrics", handle=metrics, summary="Prometheus text", tag="health",
        permission=None, limited=False, replies={200: str}, content_type="text/plain",
    ),
)  # fmt: skip
