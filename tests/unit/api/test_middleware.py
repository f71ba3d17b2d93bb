"""The middleware: request ids of clients, and errors of the router in our shape."""

import pytest
from aiohttp import web

from prefixd.api.middleware import acceptable_id, error_response
from prefixd.api.problem import ApiError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("noc-7", True),
        ("a_b.C-9", True),
        ("-", True),
        ("", False),
        (None, False),
        ("x" * 129, False),
        ("a b", False),
        ("a\nb", False),
        ("é", False),
    ],
)
def test_a_clients_id_is_kept_when_it_is_short_and_plain(given: str | None, kept: bool) -> None:
    assert acceptable_id(given) == (given if kept else None)


def test_an_error_has_its_headers() -> None:
    late = error_response(ApiError(429, "rate_limited", "x", retry_after_s=7), "id-1")
    assert b"Retry-After: 7\r\n" in late.fields
    unknown = error_response(ApiError(401, "unauthorized", "x"), "id-1")
    assert b"WWW-Authenticate: Bearer" in unknown.fields
    http = web.HTTPMethodNotAllowed("DELETE", ["GET", "HEAD"])
    other = error_response(ApiError(405, "method_not_allowed", "x"), "id-1", http)
    assert b"Allow: GET,HEAD\r\n" in other.fields
