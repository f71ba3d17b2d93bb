"""Sends one request and says what came back, in words that hold nothing secret.

Nothing raised by the HTTP library leaves this file: its texts contain addresses, and those contain
tokens. Answers are read up to a few kilobytes and never inflated.
"""

import ipaddress
import ssl
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from prefixd.domain.prefix import Prefix
from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.egress import (
    AddressRefused,
    CheckedResolver,
    SystemResolver,
    address_problem,
)
from prefixd.notify.request import Request

CONNECT_S = 3.0
MAX_ANSWER = 8192
MAX_CONNECTIONS = 32


class Sender(Protocol):
    async def send(self, request: Request, timeout_s: float) -> Answer | Unreachable: ...

    async def close(self) -> None: ...


class HttpSender:
    """`resolver` and `tls` are for those who bring their own name service or authority."""

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
        problem = self._literal_problem(request.url)
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
            return Unreachable(f"did not answer within {timeout_s:g} s")
        except aiohttp.ClientConnectorCertificateError:
            return Unreachable("its certificate is not valid")
        except aiohttp.ClientConnectorError as error:
            return _no_connection(error)
        except aiohttp.InvalidURL:
            return Unreachable("not called: its address is not valid", forbidden=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a header value that HTTP cannot carry.
            return Unreachable(f"the exchange broke off ({type(error).__name__})")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await self._checked.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._checked,
                use_dns_cache=False,  # what was checked once may not be trusted for ever
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

    def _literal_problem(self, url: str) -> str | None:
        """The library connects to literal addresses without asking a resolver."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return "is not valid"
        if parts.scheme != "https":
            return "is not https"
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return None
        return address_problem(host, self._allow_private())


def _no_connection(error: aiohttp.ClientConnectorError) -> Unreachable:
    cause = error.os_error
    if isinstance(cause, AddressRefused):
        return Unreachable(f"not called: {cause}", forbidden=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable("its name is not known")
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return Unreachable("the TLS handshake failed")
    return Unreachable(f"no connection: {(cause.strerror or type(cause).__name__).lower()}")
