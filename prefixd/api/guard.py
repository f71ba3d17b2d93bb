"""What surrounds every request: its id, its count and time, its headers, its errors as JSON.

One middleware instead of five, because each costs a few percent of a request. It also answers for
paths and methods that no route has, so a 404 looks like every other refusal.
"""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prefixd.api.cors import Cors
from prefixd.api.endpoint import ADDRESS, REQUEST_ID
from prefixd.api.problem import ApiError
from prefixd.observability.log import request_id as log_request_id
from prefixd.observability.metrics import Metrics
from prefixd.observability.registry import Counter, Gauge, Histogram

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
MAX_REQUEST_ID = 128
UNMATCHED = "unmatched"

_Cells = tuple[Counter, Histogram]


class Guard:
    """The middleware object; `Guard.wrap` is what aiohttp calls."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        new_id: Callable[[], str],
        address_of: Callable[[web.Request], str],
        cors: Cors,
        secure: bool,
    ) -> None:
        self._metrics = metrics
        self._new_id = new_id
        self._address_of = address_of
        self._cors = cors
        self._headers = dict(SECURITY_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"
        self._cells: dict[tuple[str, str, int], _Cells] = {}
        self._gauges: dict[tuple[str, str], Gauge] = {}

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        return guard

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = acceptable_id(request.headers.get("X-Request-ID")) or self._new_id()
        request[REQUEST_ID] = request_id
        request[ADDRESS] = self._address_of(request)
        bound = log_request_id.set(request_id)
        route = _route_of(request)
        gauge = self._gauge(request.method, route)
        gauge.inc()
        started = time.perf_counter()
        status = 499  # what the log calls a client that left before the answer
        try:
            preflight = self._cors.preflight(request)
            response = preflight or await self._answered(request, handler, request_id)
            status = response.status
            if not response.prepared:
                response.headers.update(self._headers_for(response))
                response.headers["X-Request-ID"] = request_id
                self._cors.decorate(request, response)
            return response
        finally:
            gauge.dec()
            counter, histogram = self._cell(request.method, route, status)
            counter.inc()
            histogram.observe(time.perf_counter() - started)
            log_request_id.reset(bound)

    async def _answered(
        self, request: web.Request, handler: Handler, request_id: str
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return error_response(error, request_id)
        except web.HTTPException as error:
            return error_response(_from_http(error, request), request_id, error)
        except Exception as error:
            log.error(
                "request failed",
                exc_info=error,
                extra={"method": request.method, "path": request.path},
            )
            message = "internal error; the log has more under this request id"
            return error_response(ApiError(500, "internal", message), request_id)

    def _headers_for(self, response: web.StreamResponse) -> dict[str, str]:
        if "Cache-Control" not in response.headers:
            return self._headers
        return {name: text for name, text in self._headers.items() if name != "Cache-Control"}

    def _gauge(self, method: str, route: str) -> Gauge:
        key = (method, route)
        gauge = self._gauges.get(key)
        if gauge is None:
            gauge = self._gauges[key] = self._metrics.http_in_flight.labels(*_bounded(key))
        return gauge

    def _cell(self, method: str, route: str, status: int) -> _Cells:
        key = (method, route, status // 100)
        cells = self._cells.get(key)
        if cells is None:
            labels = (*_bounded((method, route)), f"{status // 100}xx")
            cells = (
                self._metrics.http_requests.labels(*labels),
                self._metrics.http_time.labels(*labels),
            )
            self._cells[key] = cells
        return cells


def acceptable_id(text: str | None) -> str | None:
    """A client's own request id, if it is short and harmless."""
    if not text or len(text) > MAX_REQUEST_ID:
        return None
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return text if plain.isascii() and (plain.isalnum() or not plain) else None


def error_response(
    error: ApiError, request_id: str, http: web.HTTPException | None = None
) -> web.Response:
    headers = (
        {} if http is None or "Allow" not in http.headers else {"Allow": http.headers["Allow"]}
    )
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="prefixd"'
    return web.Response(
        body=msgspec.json.encode(error.body(request_id)),
        status=error.status,
        headers=headers,
        content_type="application/json",
    )


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


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _bounded(key: tuple[str, str]) -> tuple[str, str]:
    method, route = key
    return (method if method in KNOWN_METHODS else "OTHER", route)


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
