"""What surrounds every request: its id, its count and time, its headers, its errors as JSON.

One middleware instead of five, because each costs a few percent of a request. It also answers for
paths and methods that no route has, so a 404 looks like every other refusal.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType
from typing import cast

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr
from prometheus_client import Counter, Gauge, Histogram

from prefixd.api.cors import Cors
from prefixd.api.endpoint import ASKED, Asked
from prefixd.api.problem import ApiError
from prefixd.api.raw_response import JSON_FIELD, Octets, field_lines
from prefixd.clock import Clock
from prefixd.observability.log import request_id as log_request_id
from prefixd.observability.metrics import Metrics

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
MAX_REQUEST_ID = 128
UNMATCHED = "unmatched"
X_REQUEST_ID = istr("X-Request-ID")
EXPECT = istr("Expect")
OUR_FAULT = ApiError(500, "internal", "internal error; the log has more under this request id")
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})
LEFT = 499  # what the log calls a client that left before the answer

Answer = Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]
ServerHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Guard:
    """One for the whole server. Most requests come through a door: a method and a path without
    parameters, found in one look. The rest come through the library's router and `middleware`.
    Either way the same is done around them."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        clock: Clock,
        new_id: Callable[[], str],
        address_of: Callable[[web.Request], str],
        cors: Cors,
        secure: bool,
    ) -> None:
        self._metrics = metrics
        metrics.rate_limited.start_at_zero(("address",), ("actor",))
        metrics.login_failures.start_at_zero(("wrong",), ("throttled",))
        self._clock = clock
        self._new_id = new_id
        self._address_of = address_of
        self._cors = cors
        headers = dict(SECURITY_HEADERS)
        if secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._fixed = field_lines(headers.items())
        self._second = -1
        self._dated = b""
        self._doors: dict[tuple[str, str], tuple[Answer, _Counts]] = {}
        self._counts: dict[web.AbstractRoute, _Counts] = {}
        self._unmatched: dict[str, _Counts] = {}

    @property
    def middleware(self) -> Middleware:
        """For requests that came through the router, and those it has no route for."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
                request[ASKED] = asked
                return await handler(request)

            path = request.match_info
            return await self._guarded(request, self._counts_of(request), answer, path)

        return guard

    def door(self, method: str, path: str, answer: Answer) -> None:
        """A path without parameters: its requests need no router."""
        self._doors[method, path] = (answer, _Counts(self._metrics, method, path))

    def before(self, router: ServerHandler) -> ServerHandler:
        """The server's handler: through a door where there is one, else by the router."""
        doors = self._doors

        def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            found = doors.get((request.method, request.raw_path.partition("?")[0]))
            if found is None or EXPECT in request.headers:
                return router(request)
            answer, counts = found
            # The server is the application's, which makes no other kind.
            return self._guarded(cast(web.Request, request), counts, answer, NO_PARAMETERS)

        return handle

    async def _guarded(
        self,
        request: web.Request,
        counts: "_Counts",
        answer: Answer,
        path: Mapping[str, str],
    ) -> web.StreamResponse:
        request_id = acceptable_id(request.headers.get(X_REQUEST_ID)) or self._new_id()
        log_request_id.set(request_id)  # every request runs in a task, and so a context, of its own
        in_flight = counts.begin()
        started = time.perf_counter()
        status = LEFT
        try:
            try:
                if request.method == "OPTIONS" and self._cors.is_preflight(request):
                    response: web.StreamResponse = Octets(204, self._cors.permissions)
                else:
                    asked = Asked(path, request_id, self._address_of(request))
                    response = await answer(request, asked)
            except ApiError as error:
                response = error_response(error, request_id)
            except web.HTTPException as error:
                response = error_response(_from_http(error, request), request_id, error)
            except Exception as error:
                fields = {"method": request.method, "path": request.path}
                log.error("request failed", exc_info=error, extra=fields)
                response = error_response(OUR_FAULT, request_id)
            status = response.status
            if isinstance(response, Octets):
                response.lead = self._lead(request_id) + self._cors.fields(request)
            return response
        finally:
            in_flight.dec()
            counts.done(status, time.perf_counter() - started)

    def _lead(self, request_id: str) -> bytes:
        """The head's lines that all answers share; the date is written once a second."""
        second = self._clock.now_us() // 1_000_000
        if second != self._second:
            date = formatdate(second, usegmt=True)
            self._second = second
            self._dated = self._fixed + field_lines((("Date", date),))
        return b"%bX-Request-ID: %b\r\n" % (self._dated, request_id.encode())

    def _counts_of(self, request: web.Request) -> "_Counts":
        route = request.match_info.route
        found = self._counts.get(route)
        if found is not None:
            return found
        if route.resource is None:  # no such path: such routes are made for one request each
            method = request.method if request.method in KNOWN_METHODS else OTHER_METHOD
            found = self._unmatched.get(method)
            if found is None:
                found = self._unmatched[method] = _Counts(self._metrics, method, UNMATCHED)
            return found
        found = _Counts(self._metrics, route.method, route.resource.canonical)
        self._counts[route] = found
        return found


class _Counts:
    """The metrics of one route, looked up once. A route nobody asked for has no series."""

    __slots__ = ("_cells", "_in_flight", "_labels", "_metrics")

    def __init__(self, metrics: Metrics, method: str, path: str) -> None:
        self._metrics = metrics
        self._labels = (method, path)
        self._in_flight: Gauge | None = None
        self._cells: dict[int, tuple[Counter, Histogram]] = {}

    def begin(self) -> Gauge:
        gauge = self._in_flight
        if gauge is None:
            gauge = self._in_flight = self._metrics.http_in_flight.labels(*self._labels)
        gauge.inc()
        return gauge

    def done(self, status: int, took_s: float) -> None:
        cells = self._cells.get(status)
        if cells is None:
            labels = (*self._labels, f"{status // 100}xx")
            cells = self._cells[status] = (
                self._metrics.http_requests.labels(*labels),
                self._metrics.http_time.labels(*labels),
            )
        counter, histogram = cells
        counter.inc()
        histogram.observe(took_s)


def acceptable_id(text: str | None) -> str | None:
    """A client's own request id, if it is short and harmless."""
    if not text or len(text) > MAX_REQUEST_ID:
        return None
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return text if plain.isascii() and (plain.isalnum() or not plain) else None


def error_response(
    error: ApiError, request_id: str, http: web.HTTPException | None = None
) -> Octets:
    fields = {}
    if http is not None and "Allow" in http.headers:
        fields["Allow"] = http.headers["Allow"]
    if error.retry_after_s is not None:
        fields["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        fields["WWW-Authenticate"] = 'Bearer realm="prefixd"'
    body = msgspec.json.encode(error.body(request_id))
    return Octets(error.status, field_lines(fields.items()) + JSON_FIELD, body)


def _from_http(error: web.HTTPException, request: web.Request) -> ApiError:
    if isinstance(error, web.HTTPNotFound):
        return ApiError(404, "not_found", f"no such path: {request.path[:200]}")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} is not possible here; allowed: {allowed}"
        return ApiError(405, "method_not_allowed", message)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ApiError(
            413, "too_large", f"the body is larger than {request.client_max_size} bytes"
        )
    return ApiError(error.status, "bad_request", error.reason)


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"
