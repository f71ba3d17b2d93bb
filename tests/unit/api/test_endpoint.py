"""What happens around every handler: callers, limits, bodies, errors, headers. Real sockets."""

import asyncio
import json

import msgspec
import pytest
from aiohttp import web
from prometheus_client import generate_latest

from prefixd.api.app import build_app
from prefixd.api.openapi import build_document
from prefixd.api.problem import CODES, ApiError
from prefixd.api.query import PageQuery, page_request
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route, Services, documented_codes
from prefixd.api.settings import ApiSettings, RateLimitSettings
from prefixd.domain.actor import Permission
from prefixd.errors import StoreUnavailable
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from tests.kit.api_services import ByHeader, NoPeers
from tests.kit.clock import FakeClock
from tests.kit.http import serving


class Echo(msgspec.Struct):
    word: str
    number: int = 0


async def echo(call: Call[Echo, NoQuery]) -> Reply:
    return Reply({"word": call.body.word, "by": call.actor.name})


async def listed(call: Call[None, PageQuery]) -> Reply:
    request = page_request(call.query, "things")
    return Reply({"limit": request.limit})


async def store_unreachable(_call: Call[None, NoQuery]) -> Reply:
    raise StoreUnavailable("the database failed: no such table: shadow", retry_after_s=3)


async def broken(_call: Call[None, NoQuery]) -> Reply:
    raise RuntimeError("secret path /etc/shadow")


async def undocumented(_call: Call[None, NoQuery]) -> Reply:
    raise ApiError(409, "duplicate", "x")


async def endless_wait(_call: Call[None, NoQuery]) -> Reply:
    await asyncio.Event().wait()
    return Reply()


async def tagged(_call: Call[None, NoQuery]) -> Reply:
    return Reply({"a": 1}, etag='"7"')


ROUTES = (
    Route(
        method="POST",
        path="/v1/echo",
        handle=echo,
        summary="Echo",
        tag="t",
        permission=Permission.MITIGATE,
        body=Echo,
    ),
    Route(
        method="GET", path="/v1/things", handle=listed, summary="List", tag="t", query=PageQuery,
        errors=("bad_cursor",),
    ),
    Route(method="GET", path="/v1/away", handle=store_unreachable, summary="Away", tag="t"),
    Route(method="GET", path="/v1/away-too", handle=store_unreachable, summary="Away", tag="t"),
    Route(method="GET", path="/v1/broken", handle=broken, summary="Broken", tag="t"),
    Route(method="GET", path="/v1/undocumented", handle=undocumented, summary="U", tag="t"),
    Route(method="GET", path="/v1/slow", handle=endless_wait, summary="Slow", tag="t"),
    Route(
        method="GET", path="/v1/tagged", handle=tagged, summary="T", tag="t",
        replies={200: None, 304: None},
    ),
)  # fmt: skip
VIEWER, OPERATOR = {"X-Role": "viewer"}, {"X-Role": "operator"}


def an_app(
    clock: FakeClock | None = None, metrics: Metrics | None = None, **settings: object
) -> web.Application:
    ids = iter(f"id-{number}" for number in range(10_000))
    metrics = metrics or Metrics()
    services = Services(
        engine=None,  # type: ignore[arg-type]  # because: no route of this test asks it
        authenticator=ByHeader(),
        speaker=NoPeers({}),
        clock=clock or FakeClock(),
        metrics=metrics,
        exposition=Exposition(metrics.registry),
        new_id=lambda: next(ids),
        version="0",
        pop="test1",
    )
    return build_app(services, ApiSettings(**settings), routes=ROUTES, strict=True)  # type: ignore[arg-type]  # because: test knobs


async def test_a_good_request_is_answered_with_the_fixed_headers() -> None:
    async with (
        serving(an_app()) as http,
        http.post(
            "/v1/echo", json={"word": "hi"}, headers={**OPERATOR, "X-Request-ID": "noc-7"}
        ) as reply,
    ):
        assert reply.status == 200
        assert await reply.json() == {"word": "hi", "by": "a-operator"}
        assert reply.headers["X-Request-ID"] == "noc-7"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


REFUSALS = [
    # method, path, headers, body -> status, code, field
    ("POST", "/v1/echo", {}, b"{}", 401, "unauthorized", None),
    ("POST", "/v1/echo", VIEWER, b"{}", 403, "forbidden", None),
    ("POST", "/v1/echo", OPERATOR, b"{", 400, "bad_json", None),
    ("POST", "/v1/echo", OPERATOR, b"", 400, "bad_json", None),
    ("POST", "/v1/echo", OPERATOR, b'{"word": NaN}', 400, "bad_json", None),
    ("POST", "/v1/echo", OPERATOR, b'{"word": "\xff"}', 400, "bad_json", None),
    ("POST", "/v1/echo", OPERATOR, b'{"word":"a","x":' + b"[" * 100_000, 400, "bad_json", None),
    ("POST", "/v1/echo", OPERATOR, b'{"word": 7}', 422, "bad_field", "word"),
    ("POST", "/v1/echo", OPERATOR, b"{}", 422, "bad_field", "word"),
    ("POST", "/v1/echo", OPERATOR, b'{"word":"a","number":1e400}', 422, "bad_field", "number"),
    ("POST", "/v1/echo", OPERATOR, b'{"word":"' + b"x" * 3000 + b'"}', 413, "too_large", None),
    ("POST", "/v1/echo", {**OPERATOR, "Content-Type": "text/plain"}, b"{}", 415,
     "bad_media_type", None),
    ("GET", "/v1/things?limit=x", VIEWER, None, 400, "bad_query", "limit"),
    ("GET", "/v1/things?limit=0", VIEWER, None, 400, "bad_query", "limit"),
    ("GET", "/v1/things?cursor=zzz", VIEWER, None, 400, "bad_cursor", "cursor"),
    ("GET", "/v1/things?start=yesterday", VIEWER, None, 400, "bad_query", "start"),
    ("GET", "/v1/nowhere", VIEWER, None, 404, "not_found", None),
    ("DELETE", "/v1/echo", VIEWER, None, 405, "method_not_allowed", None),
    ("GET", "/v1/away", VIEWER, None, 503, "unavailable", None),
    ("GET", "/v1/broken", VIEWER, None, 500, "internal", None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code", "field"), REFUSALS)
async def test_every_refusal_has_the_same_shape(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | None,
    status: int,
    code: str,
    field: str | None,
) -> None:
    headers = {"Content-Type": "application/json", **headers}
    app = an_app(max_body_bytes=2000) if code == "too_large" else an_app()
    async with (
        serving(app) as http,
        http.request(method, path, data=body, headers=headers) as reply,
    ):
        found = await reply.json()
        assert (reply.status, found["code"], found["field"]) == (status, code, field), found
        assert found["error"]
        assert found["request_id"] == reply.headers["X-Request-ID"]
        assert "shadow" not in json.dumps(found)
        assert CODES[code][0] == status


async def test_the_reason_of_the_database_is_only_logged_and_not_for_every_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    async with serving(an_app(clock)) as http:
        for _ in range(5):
            async with http.get("/v1/away", headers=VIEWER) as reply:
                assert (await reply.json())["error"] == "database unreachable"
                assert reply.headers["Retry-After"] == "3"
            await http.get("/v1/away-too", headers=VIEWER)  # the same outage, no line of its own
        clock.advance(60)
        await http.get("/v1/away", headers=VIEWER)
    reasons = [getattr(record, "reason", "") for record in caplog.records]
    assert reasons == ["the database failed: no such table: shadow"] * 2


async def test_an_undocumented_status_is_a_fault_of_ours() -> None:
    async with serving(an_app()) as http, http.get("/v1/undocumented", headers=VIEWER) as reply:
        assert reply.status == 500


async def test_a_client_over_its_rate_waits_and_others_do_not() -> None:
    clock = FakeClock()
    limit = RateLimitSettings(events_per_second=2, burst=2)
    async with serving(an_app(clock, rate_limit=limit)) as http:
        statuses = [(await http.get("/v1/things", headers=VIEWER)).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        async with http.get("/v1/things", headers=VIEWER) as reply:
            assert reply.headers["Retry-After"] == "1"
            assert (await reply.json())["retry_after_seconds"] == 1
        assert (await http.get("/v1/things", headers=OPERATOR)).status == 200
        clock.advance(1)
        assert (await http.get("/v1/things", headers=VIEWER)).status == 200


async def test_a_known_list_is_not_sent_again() -> None:
    async with serving(an_app()) as http:
        async with http.get("/v1/tagged", headers=VIEWER) as reply:
            assert reply.headers["ETag"] == '"7"'
        async with http.get("/v1/tagged", headers={**VIEWER, "If-None-Match": '"7"'}) as reply:
            assert (reply.status, await reply.read()) == (304, b"")


async def test_a_handler_over_its_time_limit_is_answered_with_503() -> None:
    async with (
        serving(an_app(request_timeout_s=0.05)) as http,
        http.get("/v1/slow", headers=VIEWER) as reply,
    ):
        assert (reply.status, (await reply.json())["code"]) == (503, "too_slow")
        assert reply.headers["Retry-After"] == "1"


async def test_only_the_configured_origin_may_read_across_sites() -> None:
    async with serving(an_app(cors_origin="https://noc.example")) as http:
        asks = {"Origin": "https://noc.example", "Access-Control-Request-Method": "PUT"}
        async with http.options("/v1/echo", headers=asks) as reply:
            assert reply.status == 204
            assert "PUT" in reply.headers["Access-Control-Allow-Methods"]
            assert reply.headers["Access-Control-Allow-Origin"] == "https://noc.example"
        async with http.get(
            "/v1/things", headers={**VIEWER, "Origin": "https://evil.example"}
        ) as reply:
            assert "Access-Control-Allow-Origin" not in reply.headers


async def test_a_slow_body_ends_in_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.api.body.BODY_TIMEOUT_S", 0.05)
    hold = asyncio.Event()

    async def dribble() -> object:
        yield b'{"word":'
        await hold.wait()

    async with (
        serving(an_app()) as http,
        http.post(
            "/v1/echo", data=dribble(), headers={**OPERATOR, "Content-Type": "application/json"}
        ) as reply,
    ):
        assert reply.status == 408
        hold.set()


async def test_requests_are_counted_by_route_and_class_and_none_is_left_in_flight() -> None:
    metrics = Metrics()
    async with serving(an_app(metrics=metrics)) as http:
        await http.get("/v1/things", headers=VIEWER)
        await http.get("/v1/nowhere")
        await http.get("/v1/broken", headers=VIEWER)
    text = generate_latest(metrics.registry).decode()
    assert (
        'prefixd_http_requests_total{method="GET",route="/v1/things",status_class="2xx"} 1.0'
        in text
    )
    assert 'route="unmatched",status_class="4xx"} 1.0' in text
    assert 'route="/v1/broken",status_class="5xx"} 1.0' in text
    assert 'prefixd_http_in_flight_requests{method="GET",route="/v1/broken"} 0.0' in text


def test_the_document_names_every_route_and_every_status() -> None:
    document = build_document(ROUTES)
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        statuses = {*map(str, route.replies), *(str(CODES[c][0]) for c in documented_codes(route))}
        assert set(operation["responses"]) == statuses
    assert len(document["paths"]) == len(ROUTES)


async def test_the_document_can_be_fetched() -> None:
    async with serving(an_app()) as http, http.get("/openapi.json") as reply:
        assert reply.status == 200
        assert set((await reply.json())["paths"]) >= {route.path for route in ROUTES}
