"""Answers as they stand on the wire: framing by status, method and version of HTTP."""

import asyncio

import pytest
from aiohttp import web

from prefixd.api.fast.response import JSON_FIELD, RawResponse, field_lines


async def exchanged(answer: RawResponse, octets: bytes) -> bytes:
    """What a server with this one answer sends back, until it closes or falls silent."""

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return answer

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(octets)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Connection: close" in head:
            rest = await reader.read()
        else:
            writer.write_eof()
            rest = await reader.read()
        writer.close()
        return head + rest
    finally:
        await runner.cleanup()


def get(version: str = "1.1", *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: d", *fields, "", ""]).encode()


async def test_an_answer_is_its_fields_its_length_and_its_body() -> None:
    answer = RawResponse(200, JSON_FIELD, b'{"a":1}')
    answer.lead = b"X-Request-ID: r\r\n"
    assert await exchanged(answer, get()) == (
        b"HTTP/1.1 200 OK\r\nX-Request-ID: r\r\nContent-Type: application/json\r\n"
        b'Content-Length: 7\r\n\r\n{"a":1}'
    )


async def test_a_head_request_gets_the_length_and_no_body() -> None:
    found = await exchanged(RawResponse(200, JSON_FIELD, b'{"a":1}'), get(method="HEAD"))
    assert b"Content-Length: 7\r\n" in found
    assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_what_cannot_have_a_body_has_no_length(status: int) -> None:
    found = await exchanged(RawResponse(status), get())
    assert found.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Length" not in found


async def test_an_empty_response_has_content_length_0() -> None:
    assert b"Content-Length: 0\r\n" in await exchanged(RawResponse(200), get())


async def test_connection_close_is_answered_with_connection_close() -> None:
    found = await exchanged(RawResponse(200, b"", b"x"), get("1.1", "Connection: close"))
    assert b"Connection: close\r\n" in found


async def test_a_client_of_http_1_0_is_kept_only_when_it_asks() -> None:
    kept = await exchanged(RawResponse(200, b"", b"x"), get("1.0", "Connection: keep-alive"))
    assert b"Connection: keep-alive\r\n" in kept
    assert b"Connection: close\r\n" in await exchanged(RawResponse(200, b"", b"x"), get("1.0"))


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x", "a\nb", "a\rb"])
def test_a_line_break_in_a_header_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ETag holds a line break"):
        field_lines((("ETag", text),))


async def test_a_kept_connection_serves_the_next_request() -> None:
    """aiohttp asks the response's `keep_alive` after it was sent."""

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return RawResponse(200, b"", b"x")

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        for _ in range(2):
            writer.write(get())
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"x"
        writer.write(get("1.1", "Connection: close"))
        assert (await reader.read()).endswith(b"x")
        writer.close()
    finally:
        await runner.cleanup()


async def test_a_forced_close_is_announced_and_kept() -> None:
    answer = RawResponse(200, b"", b"x")
    answer.force_close()
    assert b"Connection: close\r\n" in await exchanged(answer, get())
    assert answer.keep_alive is False
