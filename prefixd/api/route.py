"""What a route is: one row that the router, the permission check and the OpenAPI document share.

A handler gets a `Call` (who, what, with which services) and returns a `Reply`. It parses nothing
and checks no permission itself: the row says which body, query and permission it wants, and
`endpoint.py` has done all of it before the handler runs. What a handler may reach is in `Services`,
which `app.py` fills once per process.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec
from aiohttp import web

from prefixd.api.cors import SAFE_METHODS
from prefixd.api.list_cache import ListCache
from prefixd.api.problem import CODES
from prefixd.api.reply import Reply
from prefixd.clock import Clock
from prefixd.domain.actor import Actor, PeerOperation, Permission
from prefixd.domain.prefix import Address
from prefixd.engine.engine import Engine
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from prefixd.store.store import Store

# `{id}` or `{id:pattern}` in a path.
PARAMETER = re.compile(r"{(\w+)(?::(?:[^{}]|{[^}]*})*)?}")

Body = TypeVar("Body")
Query = TypeVar("Query")


class NoQuery(msgspec.Struct):
    """A route without query parameters."""


class PacketQuery(msgspec.Struct, kw_only=True):
    """A packet, as far as rules look at it."""

    dst: str
    src: str
    protocol: Annotated[int, msgspec.Meta(ge=0, le=255)]
    dst_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None = None
    src_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None = None
    tcp_flags: Annotated[int, msgspec.Meta(ge=0, le=4095)] | None = None
    length: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 64


class Authenticator(Protocol):
    """Finds the caller of a request."""

    @property
    def mode(self) -> str: ...

    async def actor_of(self, request: web.Request, address: str) -> Actor | None:
        """None: no credentials, or unknown ones. Raises ApiError for credentials that are known and
        refused for a reason the caller may learn (an expired token)."""
        ...


class Speaker(Protocol):
    """What the API asks of BGP; every answer can be encoded as JSON."""

    def peers(self) -> Sequence[Mapping[str, object]]: ...
    def peer(self, name: str) -> Mapping[str, object] | None: ...
    def rib(self) -> Sequence[Mapping[str, object]]: ...
    def inexpressible(self) -> Sequence[Mapping[str, object]]:
        """Live mitigations that no router can carry, each with its reason."""
        ...

    def explain(self, rule: str, peer: str) -> Mapping[str, object] | None: ...
    def operate(
        self, peer: str, operation: PeerOperation, operator: str, reason: str
    ) -> str | None:
        """Do it to a known neighbor; None, or why it cannot be done now."""
        ...

    def simulate(
        self, dst: Address, src: Address, packet: PacketQuery
    ) -> Mapping[str, Mapping[str, object]]:
        """Rule and action that decide this packet, by neighbor."""
        ...

    def session_words(self) -> Mapping[str, str]:
        """Peer address or name -> `established`, `idle`, ... for the health page."""
        ...


def _not_watched(_source: str) -> None:
    """For tests and tools that do not watch sources."""


class OncePer:
    """True at most once in a period."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._last_s = float("-inf")

    def due(self, now_s: float) -> bool:
        if now_s - self._last_s < self._period_s:
            return False
        self._last_s = now_s
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    engine: Engine
    authenticator: Authenticator
    speaker: Speaker
    clock: Clock
    metrics: Metrics
    exposition: Exposition
    new_id: Callable[[], str]
    version: str
    pop: str
    answers: Store | None = None
    """Where answers to requests with an `Idempotency-Key` are kept; None ignores the key."""
    lists: ListCache = field(default_factory=ListCache)
    outage_noted: OncePer = field(default_factory=lambda: OncePer(60.0))
    heard: Callable[[str], None] = _not_watched
    """Called with a source that is alive: it sent an event or a heartbeat."""


@dataclass(slots=True)
class Call(Generic[Body, Query]):
    """One authenticated, decoded request on its way into a handler."""

    services: Services
    actor: Actor
    body: Body
    query: Query
    path: Mapping[str, str]
    request: web.Request
    request_id: str
    address: str


# A handler's body and query types are checked where it is written; the table holds all of them.
Handler = Callable[[Call[Any, Any]], Awaitable[Reply | web.StreamResponse]]
AtHand = Callable[[Call[Any, Any]], Reply | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    handle: Handler
    summary: str
    tag: str
    permission: Permission | None = Permission.READ
    """None: public. Every other route needs a caller with this permission."""
    signed_in: bool = False
    """Any authenticated caller, without a permission (its own session, its own preferences)."""
    body: Any = None
    """A msgspec type, or `bytes` for bodies that the handler must see as they were sent."""
    body_required: bool = True
    loose: bool = False
    """Decode any JSON; `body` only documents it, and the handler's adapter says what is wrong."""
    query: type[msgspec.Struct] = NoQuery
    replies: Mapping[int, Any] = field(default_factory=lambda: {200: None})
    """Success statuses and the type of each body; None is an empty body."""
    errors: tuple[str, ...] = ()
    """Codes of `problem.CODES` this route can answer beyond those every such route can."""
    repeatable: bool = True
    """Whether a POST takes an `Idempotency-Key`. Not where the answer carries a secret."""
    limited: bool = True
    """Whether the rate limit applies; health and metrics must answer under load."""
    content_type: str = "application/json"
    description: str = ""
    endless: bool = False
    """A stream: no limit on how long it takes."""
    at_hand: AtHand | None = None
    """Asked before `handle`: the answer, if it is in memory and nothing has to be waited for."""


def documented_statuses(route: Route) -> frozenset[int]:
    """Every status a route can answer: what it says plus what its features bring along."""
    return frozenset({*route.replies, *(CODES[code][0] for code in documented_codes(route))})


def documented_codes(route: Route) -> tuple[str, ...]:
    codes = ["internal"] if route.endless else ["internal", "too_slow"]
    if route.permission is not None or route.signed_in:
        codes += ["unauthorized", "bad_host", "unavailable"]
    if route.permission is not None:
        codes += ["forbidden"]
    if "unauthorized" in codes and route.method not in SAFE_METHODS:
        codes += ["bad_origin"]
    if route.body is not None:
        codes += ["too_large", "timeout", "bad_body"]
        if route.body is not bytes:
            codes += ["bad_json", "bad_media_type", "bad_field"]
    if takes_key(route):
        codes += ["bad_request", "key_in_use", "key_reused"]
    if route.query is not NoQuery:
        codes += ["bad_query"]
    if route.limited:
        codes += ["rate_limited"]
    return tuple(dict.fromkeys([*codes, *route.errors]))


def takes_key(route: Route) -> bool:
    """Whether an `Idempotency-Key` counts here: something is changed, by a known caller."""
    return route.method == "POST" and route.repeatable and route.permission is not None


def plain_path(path: str) -> str:
    """The path as documents write it: parameters without their patterns."""
    return PARAMETER.sub(r"{\1}", path)
