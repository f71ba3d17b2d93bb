"""Bodies: bounded before they are decoded, and a client that leaves is no fault of ours."""

import asyncio
import gzip
import json

import msgspec
import pytest
from aiohttp import web

from prefixd.api import body, shapes
from prefixd.api.operators import PreferencesBody
from prefixd.api.problem import ApiError
from prefixd.api.tokens import TokenIn
from tests.kit.http import listening


async def test_a_client_that_leaves_mid_body_is_not_an_internal_error() -> None:
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            await body.read_body(request)
        except BaseException as error:
            ended.set_result(error)
            raise
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    async with listening(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 100\r\n\r\n{"a":')
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        async with asyncio.timeout(10):
            error = await ended
    assert isinstance(error, ApiError)
    assert (error.status, error.code) == (400, "bad_body")


A_LIST_OF_ZEROS = b"[" + b"0," * body.MOST_TOKENS + b"0]"


@pytest.mark.parametrize(
    "raw",
    [
        A_LIST_OF_ZEROS,
        b"[" + b'"",' * body.MOST_TOKENS + b'""]',
        b"[" + b"[]," * body.MOST_TOKENS + b"[]]",
        b'{"a":' + A_LIST_OF_ZEROS + b"}",
    ],
)
def test_too_many_values_are_refused_before_they_are_decoded(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "ANY", None)  # decoding would fail now
    with pytest.raises(ApiError, match="more than") as caught:
        body.decode_json(raw, body.ANY)
    assert (caught.value.status, caught.value.code) == (413, "too_large")


@pytest.mark.parametrize("raw", [b'"%b"' % (b"[,]" * 300_000), b'["\\"%b", 1]' % (b"," * 900_000)])
def test_separators_inside_a_string_are_not_values(raw: bytes) -> None:
    assert body.decode_any(raw)


def test_few_compressed_bytes_do_not_become_many_values() -> None:
    packed = gzip.compress(A_LIST_OF_ZEROS)
    assert len(packed) < 2000
    with pytest.raises(ApiError, match="more than"):
        body.decode_any(body.inflated(packed, 8 * 1024 * 1024))
    with pytest.raises(ApiError, match="larger than 100 bytes"):
        body.inflated(packed, 100)
    for broken in (packed[:-1], packed + b"x", b"\x1f\x8bx"):
        with pytest.raises(ApiError) as caught:
            body.inflated(broken, 8 * 1024 * 1024)
        assert caught.value.code == "bad_body"


MANUAL = {
    "reason": "r", "victim_ip": "198.51.100.20", "action": "discard", "ttl_seconds": 60,
}  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "good", "name", "hint"),
    [
        (shapes.ManualIn, MANUAL, "dst_port", "did you mean 'dst_ports'?"),
        (shapes.ManualIn, MANUAL, "src_ports", "did you mean 'dst_ports'?"),
        (shapes.ManualIn, MANUAL, "tcp_flags", "known: reason, victim_ip, action, ttl_seconds"),
        (shapes.ManualIn, MANUAL, "src_prefix", "known: "),
        (shapes.ManualIn, MANUAL, "fragment", "known: "),
        (shapes.ManualIn, MANUAL, "packet_lengths", "known: "),
        (shapes.ExtendIn, {"ttl_seconds": 60}, "ttl_second", "did you mean 'ttl_seconds'?"),
        (shapes.ReasonIn, {"reason": "r"}, "reson", "did you mean 'reason'?"),
        (shapes.SafelistIn, {"prefix": "192.0.2.0/24"}, "expires_at", "known: prefix"),
        (TokenIn, {"name": "n", "permissions": ["read"]}, "expires_at", "known: name"),
        (TokenIn, {"name": "n", "permissions": ["read"]}, "network", "did you mean 'networks'?"),
        (PreferencesBody, {}, "muted_event", "did you mean 'muted_events'?"),
    ],
)
def test_an_unknown_member_of_a_write_is_refused_with_the_nearest_known_one(
    shape: type[msgspec.Struct], good: dict[str, object], name: str, hint: str
) -> None:
    """A member that narrows a rule and is ignored makes a wider rule."""
    decoder = msgspec.json.Decoder(shape)
    assert isinstance(body.decode_json(json.dumps(good).encode(), decoder), shape)
    with pytest.raises(ApiError) as caught:
        body.decode_json(json.dumps({**good, name: [1]}).encode(), decoder)
    error = caught.value
    assert (error.status, error.code, error.field) == (422, "bad_field", name)
    assert f"unknown member '{name}': {hint}" in str(error)
