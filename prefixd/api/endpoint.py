"""From a request to a handler and back: one pass, in one order.

    authenticate -> rate limit -> permission -> body and query -> handler -> encode

Callers are refused before the body is read: an unauthenticated megabyte is never parsed. A status
that a route does not document is a fault of ours; `strict` (tests) makes it an error.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from prefixd.api.body import ANY, check_media_type, decode_json, read_body
from prefixd.api.idempotency import FOLDED, Repeats
from prefixd.api.problem import ApiError, RateLimited, conflict, unavailable
from prefixd.api.query import QueryReader
from prefixd.api.reply import Reply, encoded
from prefixd.api.route import Call, NoQuery, Route, Services, documented_statuses, takes_key
from prefixd.auth.throttle import RateLimiter
from prefixd.domain.actor import Actor, ActorKind
from prefixd.engine.answers import Busy
from prefixd.errors import Conflict, StoreUnavailable

log = logging.getLogger(__name__)

NO_CALLER = Actor(kind=ActorKind.OPERATOR, name="unauthenticated", permissions=frozenset())


class Asked(NamedTuple):
    """What is known of a request before its route looks at it."""

    path: Mapping[str, str]
    """The path's parameters."""
    request_id: str
    address: str


ASKED = web.RequestKey("asked", Asked)

NO_QUERY = NoQuery()


class Endpoint:
    """One route, ready to answer: what does not depend on the request is made once."""

    def __init__(
        self,
        route: Route,
        services: Services,
        limiter: RateLimiter,
        timeout_s: float,
        *,
        strict: bool = False,
    ) -> None:
        self.route = route
        self._services = services
        self._limiter = limiter if route.limited else None
        self._timeout_s = timeout_s
        self._strict = strict
        self._public = route.permission is None and not route.signed_in
        self._free = self._public and not route.limited
        answers = services.answers
        self._repeats = (
            Repeats(answers, services.clock) if answers is not None and takes_key(route) else None
        )
        self._statuses = documented_statuses(route)
        self._query = None if route.query is NoQuery else QueryReader(route.query)
        self._decoder = (
            None
            if route.body is None or route.body is bytes
            else ANY
            if route.loose
            else msgspec.json.Decoder(route.body)
        )

    async def routed(self, request: web.Request) -> web.StreamResponse:
        """Called by the router."""
        return await self.answer(request, request[ASKED])

    async def answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        route = self.route
        limit: asyncio.Timeout | None = None
        try:
            path, request_id, address = asked
            actor = NO_CALLER if self._free else await self._actor(request, address)
            call: Call[Any, Any] = Call(
                self._services,
                actor,
                None if route.body is None else await self._body(request),
                NO_QUERY if self._query is None else self._query.read(request),
                path,
                request,
                request_id,
                address,
            )
            reply: Reply | web.StreamResponse | None = (
                None if route.at_hand is None else route.at_hand(call)
            )
            if reply is None and route.endless:
                reply = await route.handle(call)
            elif reply is None:
                async with asyncio.timeout(self._timeout_s) as limit:
                    reply = await self._handled(call)
        except (ApiError, StoreUnavailable, Busy, Conflict, TimeoutError) as error:
            refusal = self._refusal(error, limit)
            if refusal is None:
                raise
            self._check(refusal.status)
            raise refusal from error
        if isinstance(reply, web.StreamResponse):
            return reply
        self._check(reply.status)
        return encoded(reply, request)

    def _refusal(self, error: Exception, limit: asyncio.Timeout | None) -> ApiError | None:
        """The response to the caller, if the error is not a fault of ours."""
        match error:
            case ApiError():
                return error
            case TimeoutError() if limit is not None and limit.expired():
                message = f"no answer within {self._timeout_s:.0f} s; it may still happen"
                return ApiError(503, "too_slow", message, retry_after_s=1)
            case StoreUnavailable():
                self._note_refusal(error)
                return unavailable(error)
            case Busy():
                return unavailable(error)
            case Conflict():
                return conflict(error)
            case _:
                return None

    def _note_refusal(self, error: StoreUnavailable) -> None:
        """While the database is unreachable every request ends like this: one log line a minute
        for all of them."""
        if self._services.outage_noted.due(self._services.clock.monotonic()):
            fields = {"route": self.route.path, "reason": str(error)}
            log.warning("request failed: database unreachable", extra=fields)

    async def _handled(self, call: Call[Any, Any]) -> Reply | web.StreamResponse:
        key = None if self._repeats is None else call.request.headers.get(FOLDED)
        if self._repeats is None or key is None:
            return await self.route.handle(call)

        async def run() -> Reply:
            reply = await self.route.handle(call)
            assert isinstance(reply, Reply), "routes with a key answer with values"
            return reply

        return await self._repeats.answer(key, call.request, call.actor, run)

    async def _actor(self, request: web.Request, address: str) -> Actor:
        """Unauthenticated requests share the limit of their address; callers have their own."""
        if self._public:
            self._take("address", address)
            return NO_CALLER
        actor = await self._services.authenticator.actor_of(request, address)
        if actor is None:
            self._take("address", address)
            raise ApiError(401, "unauthorized", "unauthorized: sign in or send a valid token")
        self._take("actor", actor.name, actor.kind)
        permission = self.route.permission
        if permission is not None and permission not in actor.permissions:
            message = f"forbidden: {actor.name} lacks the permission {permission!s}"
            raise ApiError(403, "forbidden", message)
        return actor

    def _take(self, budget: str, name: str, kind: str = "") -> None:
        if self._limiter is None:
            return
        wait_s = self._limiter.take(f"{budget}:{kind}:{name}", self._services.clock.monotonic())
        if wait_s > 0:
            raise RateLimited(wait_s, budget)

    async def _body(self, request: web.Request) -> object:
        raw = await read_body(request)
        if self._decoder is None:
            return raw
        if not raw and not self.route.body_required:
            return None
        check_media_type(request)
        return decode_json(raw, self._decoder)

    def _check(self, status: int) -> None:
        if self._strict and status not in self._statuses:
            raise AssertionError(
                f"{self.route.method} {self.route.path} answered {status}, "
                f"which its documentation does not list ({sorted(self._statuses)})"
            )
