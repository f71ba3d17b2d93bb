"""What surrounds every request: its id, its metrics, its headers, its errors as JSON.

One middleware instead of five, because each costs a few percent of a request. It also answers for
paths and methods that no route has, so a 404 has the same body as every other error.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from prefixd.api.cors import Cors
from prefixd.api.endpoint import ASKED, Asked
from prefixd.api.fast.direct_routes import Answer as DirectAnswer
from prefixd.api.fast.response import JSON_FIELD, RawResponse, field_lines
from prefixd.api.problem import ApiError
from prefixd.api.request_metrics import RequestMetrics, RouteMetrics
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
X_REQUEST_ID = istr("X-Request-ID")
OUR_FAULT = ApiError(500, "internal", "internal error: see the log under this request id")
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})
CLIENT_CLOSED = 499  # the status counted when the client closed the connection first

Answer = Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]


class Guard:
    """One for the whole server. A request to a direct route and one that comes through aiohttp's
    router get the same id, headers, metrics and error bodies."""

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
        self._metrics = RequestMetrics(metrics)
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

    @property
    def middleware(self) -> Middleware:
        """For requests that the router found a route for, and those it found none for."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
                request[ASKED] = asked
                return await handler(request)

            metrics = self._metrics.of(request)
            return await self._guarded(request, metrics, answer, request.match_info)

        return guard

    def direct(self, method: str, path: str, answer: Answer) -> DirectAnswer:
        """The same around a route without path parameters, which needs no router."""
        metrics = self._metrics.route(method, path)
        return lambda request: self._guarded(request, metrics, answer, NO_PARAMETERS)

    async def _guarded(
        self,
        request: web.Request,
        metrics: RouteMetrics,
        answer: Answer,
        path: Mapping[str, str],
    ) -> web.StreamResponse:
        request_id = acceptable_id(request.headers.get(X_REQUEST_ID)) or self._new_id()
        log_request_id.set(request_id)  # every request runs in a task, and so a context, of its own
        in_flight = metrics.begin()
        started = time.perf_counter()
        status = CLIENT_CLOSED
        try:
            try:
                if request.method == "OPTIONS" and self._cors.is_preflight(request):
                    response: web.StreamResponse = RawResponse(204, self._cors.permissions)
                else:
                    asked = Asked(path, request_id, self._address_of(request))
                    response = await answer(request, asked)
            except ApiError as error:
                self._metrics.refused(error)
                response = error_response(error, request_id)
            except web.HTTPException as error:
                response = error_response(_from_http(error, request), request_id, error)
            except Exception as error:
                fields = {"method": request.method, "path": request.path}
                log.error("request failed", exc_info=error, extra=fields)
                response = error_response(OUR_FAULT, request_id)
            status = response.status
            if isinstance(response, RawResponse):
                response.lead = self._lead(request_id) + self._cors.fields(request)
            return response
        finally:
            in_flight.dec()
            metrics.done(status, time.perf_counter() - started)

    def _lead(self, request_id: str) -> bytes:
        """The header lines that all responses share; the date is formatted once a second."""
        second = self._clock.now_us() // 1_000_000
        if second != self._second:
            date = formatdate(second, usegmt=True)
            self._second = second
            self._dated = self._fixed + field_lines((("Date", date),))
        return b"%bX-Request-ID: %b\r\n" % (self._dated, request_id.encode())


def acceptable_id(text: str | None) -> str | None:
    """A client's own request id, if it is short and harmless."""
    if not text or len(text) > MAX_REQUEST_ID:
        return None
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return text if plain.isascii() and (plain.isalnum() or not plain) else None


def error_response(
    error: ApiError, request_id: str, http: web.HTTPException | None = None
) -> RawResponse:
    fields = {}
    if http is not None and "Allow" in http.headers:
        fields["Allow"] = http.headers["Allow"]
    if error.retry_after_s is not None:
        fields["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        fields["WWW-Authenticate"] = 'Bearer realm="prefixd"'
    body = msgspec.json.encode(error.body(request_id))
    return RawResponse(error.status, field_lines(fields.items()) + JSON_FIELD, body)


def _from_http(error: web.HTTPException, request: web.Request) -> ApiError:
    if isinstance(error, web.HTTPNotFound):
        return ApiError(404, "not_found", f"path not found: {request.path[:200]}")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} is not allowed here; allowed: {allowed}"
        return ApiError(405, "method_not_allowed", message)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ApiError(
            413, "too_large", f"the body is larger than {request.client_max_size} bytes"
        )
    return ApiError(error.status, "bad_request", error.reason)
