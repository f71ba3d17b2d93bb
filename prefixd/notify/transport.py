"""Sends one request and reports what came back, in words that hold nothing secret.

Nothing raised by the HTTP library leaves this file: its texts contain addresses, and those contain
tokens. Answers are read up to a few kilobytes and never inflated.

A webhook address must not become a way to reach what only this machine can reach. Its name is
resolved when a connection is made; if any answer is not public (and not explicitly allowed) there
is no connection at all, and otherwise the very addresses that were checked are connected to: the
name is not resolved a second time, when the answer could differ. A host that is written as a number
takes no resolver, and there are more ways to write one than a check of the text finds, so each
socket is judged once more by the address it is made for. Addresses where clouds serve credentials
are refused whatever is allowed. Redirects and proxies of the environment are not used.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.domain.prefix import Prefix
from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.message import Request
from prefixd.notify.settings import address_problem, url_problem

LOOKUP_THREADS = 8  # a name server that does not answer blocks these, not the daemon's others


class AddressRefused(OSError):
    """We will not connect there."""


class SystemResolver(AbstractResolver):
    """getaddrinfo, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="alert-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads,
            lambda: socket.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            ),
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """Answers only with addresses that may be connected to; one bad answer spoils all."""

    def __init__(
        self, inner: AbstractResolver, allow_private: Callable[[], tuple[Prefix, ...]]
    ) -> None:
        self._inner = inner
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for each in found:
            problem = address_problem(each["host"], self._allow_private())
            if problem is not None:
                raise AddressRefused(f"an address of its name {problem}")
        return found

    async def close(self) -> None:
        await self._inner.close()


CONNECT_S = 3.0
MAX_ANSWER = 8192
MAX_CONNECTIONS = 32


class Sender(Protocol):
    async def send(self, request: Request, timeout_s: float) -> Answer | Unreachable: ...

    async def close(self) -> None: ...


class HttpSender:
    """`resolver` and `tls`: a name service or certificate authority of one's own."""

    def __init__(
        self,
        allow_private: Callable[[], tuple[Prefix, ...]],
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._checked = CheckedResolver(resolver or SystemResolver(), allow_private)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request, timeout_s: float) -> Answer | Unreachable:
        # Known before a connection: the scheme, and hosts that name an address.
        problem = url_problem(request.url, self._allow_private())
        if problem is not None:
            return Unreachable(f"not called: its address {problem}", forbidden=True)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_S)
        try:
            async with self._opened().request(
                request.method,
                request.url,
                data=request.body,
                headers={"Accept-Encoding": "identity", **request.headers},
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                body = await response.content.read(MAX_ANSWER)
                return Answer(response.status, response.headers.get("Retry-After"), body)
        except TimeoutError:
            return Unreachable(f"no answer within {timeout_s:g} s")
        except aiohttp.ClientConnectorCertificateError:
            return Unreachable("invalid TLS certificate")
        except aiohttp.ClientConnectorError as error:
            return _no_connection(error)
        except aiohttp.InvalidURL:
            return Unreachable("not called: its address is not valid", forbidden=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a header value that HTTP cannot carry.
            return Unreachable(f"HTTP request failed ({type(error).__name__})")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await self._checked.close()
            self._session = None

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Every connection of the session is made here, whatever its URL looked like."""
        family, kind, protocol, _, where = address
        problem = address_problem(str(where[0]), self._allow_private())
        if problem is not None:
            raise AddressRefused(f"its address {problem}")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._checked,
                use_dns_cache=False,  # each connection checks its addresses again
                socket_factory=self._socket,
                limit=MAX_CONNECTIONS,
                ssl=self._tls if self._tls is not None else True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                connector_owner=True,
            )
        return self._session


def _no_connection(error: aiohttp.ClientConnectorError) -> Unreachable:
    cause = error.os_error
    if isinstance(cause, AddressRefused):
        return Unreachable(f"not called: {cause}", forbidden=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable("name resolution failed")
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return Unreachable("TLS handshake failed")
    return Unreachable(f"no connection: {(cause.strerror or type(cause).__name__).lower()}")
