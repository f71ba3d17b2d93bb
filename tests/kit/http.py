"""A real HTTP server around the web application, and a client for it, on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """The port of the running application."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[ClientSession]:
    """A client session whose base URL is the running application."""
    async with listening(app) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
