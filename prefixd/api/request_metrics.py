"""The one place that counts HTTP requests: how many, how long, in progress, refused and why."""

from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram

from prefixd.api.problem import ApiError, LoginFailed, RateLimited
from prefixd.observability.metrics import Metrics

UNMATCHED = "unmatched"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"


class RouteMetrics:
    """The metrics of one route, looked up once. A route without requests has no series."""

    __slots__ = ("_by_status", "_in_flight", "_labels", "_metrics")

    def __init__(self, metrics: Metrics, method: str, path: str) -> None:
        self._metrics = metrics
        self._labels = (method, path)
        self._in_flight: Gauge | None = None
        self._by_status: dict[int, tuple[Counter, Histogram]] = {}

    def begin(self) -> Gauge:
        gauge = self._in_flight
        if gauge is None:
            gauge = self._in_flight = self._metrics.http_in_flight.labels(*self._labels)
        gauge.inc()
        return gauge

    def done(self, status: int, took_s: float) -> None:
        found = self._by_status.get(status)
        if found is None:
            labels = (*self._labels, f"{status // 100}xx")
            found = self._by_status[status] = (
                self._metrics.http_requests.labels(*labels),
                self._metrics.http_time.labels(*labels),
            )
        counter, histogram = found
        counter.inc()
        histogram.observe(took_s)


class RequestMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        metrics.rate_limited.start_at_zero(("address",), ("actor",))
        metrics.login_failures.start_at_zero(("wrong",), ("throttled",))
        self._routes: dict[web.AbstractRoute, RouteMetrics] = {}
        self._unmatched: dict[str, RouteMetrics] = {}

    def route(self, method: str, path: str) -> RouteMetrics:
        return RouteMetrics(self._metrics, method, path)

    def of(self, request: web.Request) -> RouteMetrics:
        """By the route that the router found, or by method alone when there is none."""
        route = request.match_info.route
        found = self._routes.get(route)
        if found is not None:
            return found
        if route.resource is None:  # no such path: such routes are made for one request each
            method = request.method if request.method in KNOWN_METHODS else OTHER_METHOD
            if method not in self._unmatched:
                self._unmatched[method] = self.route(method, UNMATCHED)
            return self._unmatched[method]
        found = self._routes[route] = self.route(route.method, route.resource.canonical)
        return found

    def refused(self, error: ApiError) -> None:
        match error:
            case RateLimited():
                self._metrics.rate_limited.labels(error.budget).inc()
            case LoginFailed():
                self._metrics.login_failures.labels(error.reason).inc()
            case _:
                return
