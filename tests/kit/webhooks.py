"""A receiver of webhooks on loopback: real HTTPS, a certificate of a test's own authority."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.notify.transport import HttpSender
from tests.kit.builders import a_prefix
from tests.kit.certificates import Authority

NAME = "hooks.example.net"
LOOPBACK = a_prefix("127.0.0.0/8")


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


@dataclass
class Receiver:
    """Answers with the next of `answers`, then 204. `/hang` never answers, `/move` redirects."""

    url: str = ""
    tls: ssl.SSLContext | None = None
    answers: list[web.Response] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a request to /hang is held."""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def sender(self) -> HttpSender:
        return HttpSender(lambda: (LOOPBACK,), resolver=Loopback(), tls=self.tls)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append(Got(request.path, dict(request.headers), body))
        if request.path == "/hang":
            self.hanging.set()
            await self.let_go.wait()
        if request.path == "/move":
            return web.Response(status=302, headers={"Location": f"{self.url}/moved"})
        self.arrived.set()
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@asynccontextmanager
async def receiving(directory: Path) -> AsyncIterator[Receiver]:
    authority = Authority(directory)
    certificate, key = authority.issue(NAME)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate, key)
    receiver = Receiver(tls=ssl.create_default_context(cafile=str(authority.path)))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        receiver.url = f"https://{NAME}:{listening.getsockname()[1]}"
        await web.SockSite(runner, listening, ssl_context=ours).start()
        try:
            yield receiver
        finally:
            receiver.let_go.set()
            await runner.cleanup()
