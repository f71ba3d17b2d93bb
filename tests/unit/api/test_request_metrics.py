"""Refusals are counted where they are answered, by their reason."""

import pytest

from prefixd.api.problem import ApiError, LoginFailed, RateLimited
from prefixd.api.request_metrics import RequestMetrics
from prefixd.observability.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("error", "name", "labels"),
    [
        (RateLimited(1.0, "actor"), "prefixd_http_rate_limited_total", {"scope": "actor"}),
        (LoginFailed(), "prefixd_login_failures_total", {"reason": "wrong"}),
        (LoginFailed(9.0), "prefixd_login_failures_total", {"reason": "throttled"}),
    ],
)
def test_a_refusal_is_counted_by_its_reason_from_zero(
    error: ApiError, name: str, labels: dict[str, str]
) -> None:
    metrics = Metrics()
    counted = RequestMetrics(metrics)
    assert value(metrics, name, **labels) == 0
    counted.refused(error)
    counted.refused(ApiError(404, "not_found", "x"))
    assert value(metrics, name, **labels) == 1


def test_a_route_counts_from_its_first_request() -> None:
    metrics = Metrics()
    route = RequestMetrics(metrics).route("GET", "/v1/things")
    name = "prefixd_http_requests_total"
    labels = {"method": "GET", "route": "/v1/things", "status_class": "2xx"}
    assert value(metrics, name, **labels) is None
    route.begin().dec()
    route.done(200, 0.01)
    route.done(204, 0.01)
    assert value(metrics, name, **labels) == 2
