"""Calling out without being turned inwards: names are resolved once, checked, and used as checked.

A webhook address is typed by somebody who may configure alerts, and must not become a way to
reach what only this machine can reach. Its name is resolved when a connection is made; if any
answer is not public (and not explicitly allowed) there is no connection at all, and otherwise the
very addresses that were checked are connected to: a second look at the name, which could answer
differently, never happens. Addresses where clouds serve credentials are refused whatever is
allowed. Redirects and proxies of the environment are not used.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.domain.prefix import Address, Prefix
from prefixd.notify.settings import is_public

METADATA = frozenset(
    Address.parse(text) for text in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")
)
LOOKUP_THREADS = 8  # a name server that does not answer blocks these, not the daemon's others


class AddressRefused(OSError):
    """We will not connect there."""


def address_problem(text: str, allow_private: tuple[Prefix, ...]) -> str | None:
    """Why this address may not be connected to, or None."""
    address = Address.parse(text)  # unwraps IPv4-mapped addresses
    if address is None:
        return "is not an address"
    if address in METADATA:
        return "is where clouds keep credentials"
    if any(allowed.contains(address) for allowed in allow_private):
        return None
    if not is_public(ipaddress.ip_address(str(address))):
        return "is private, local or reserved"
    return None


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
                raise AddressRefused(f"its name leads to an address that {problem}")
        return found

    async def close(self) -> None:
        await self._inner.close()
