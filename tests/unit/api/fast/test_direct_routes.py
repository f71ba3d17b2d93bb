"""Direct routes: what they take from the router, and what they leave to it."""

import asyncio

from aiohttp import web

from prefixd.api.fast.direct_routes import DirectRoutes
from prefixd.api.fast.response import RawResponse


async def served(*octets: bytes) -> list[bytes]:
    """The body for each request, sent on one connection to a server with one direct route."""

    async def direct(_request: web.Request) -> web.StreamResponse:
        return RawResponse(200, b"", b"direct")

    async def routed(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="routed")

    routes = DirectRoutes()
    routes.add("GET", "/direct", direct)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", routed)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    assert runner.server is not None
    runner.server.request_handler = routes.before(runner.server.request_handler)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        found = []
        for each in octets:
            writer.write(each)
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 100"):
                head = await reader.readuntil(b"\r\n\r\n")
            found.append(await reader.readexactly(6))
        writer.close()
        return found
    finally:
        await runner.cleanup()


def a_request(method: str, target: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: d", *fields, "", ""]).encode()


async def test_only_the_exact_method_and_path_is_direct() -> None:
    found = await served(
        a_request("GET", "/direct"),
        a_request("GET", "/direct?limit=5"),
        a_request("POST", "/direct"),
        a_request("GET", "/direct/"),
        a_request("GET", "/%64irect"),
    )
    assert found == [b"direct", b"direct", b"routed", b"routed", b"routed"]


async def test_a_request_that_expects_100_continue_goes_to_the_router() -> None:
    assert await served(a_request("GET", "/direct", "Expect: 100-continue")) == [b"routed"]


async def test_the_names_of_aiohttp_that_the_fast_path_uses_exist() -> None:
    """An aiohttp that renames one of these fails here and not at a client that hangs."""
    assert {"prepare", "write_eof", "prepared", "keep_alive", "force_close"} <= set(
        dir(web.StreamResponse)
    )
    server = web.Server(lambda _request: asyncio.sleep(0))  # type: ignore[arg-type,return-value]  # because: never called
    assert callable(server.request_handler)
    assert hasattr(web.AppRunner(web.Application()), "server")
