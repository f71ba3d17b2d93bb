"""The address of the caller behind a proxy, and whether the browser spoke TLS.

`X-Forwarded-For` is believed only from a trusted proxy, and read from the right: the last address
that is not itself a trusted proxy is the caller. Everything further left may be forged.
"""

from collections.abc import Callable, Sequence
from functools import partial

from aiohttp import web

from prefixd.api.app import client_address
from prefixd.auth.settings import CookiePolicy
from prefixd.domain.prefix import Address, Prefix


def address_reader(trusted: Sequence[Prefix]) -> Callable[[web.Request], str]:
    if not trusted:
        return client_address
    is_trusted = _judge_of(trusted)

    def read(request: web.Request) -> str:
        caller = client_address(request)
        if not is_trusted(caller):
            return caller
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        for hop in reversed(hops):
            if Address.parse(hop) is None:
                return caller
            caller = hop
            if not is_trusted(hop):
                break
        return caller

    return read


def cookie_is_secure(
    policy: CookiePolicy, trusted: Sequence[Prefix], *, own_tls: bool
) -> Callable[[web.Request], bool]:
    """Whether the session cookie of an answer is marked Secure. Left to itself it is when the
    browser spoke TLS: to us, or to a trusted proxy that says so in `X-Forwarded-Proto`."""
    match policy:
        case CookiePolicy.ALWAYS:
            return lambda _request: True
        case CookiePolicy.NEVER:
            return lambda _request: False
        case CookiePolicy.AUTO if own_tls or not trusted:
            return lambda _request: own_tls
        case CookiePolicy.AUTO:
            return partial(_spoke_tls_to_proxy, _judge_of(trusted))


def _spoke_tls_to_proxy(is_trusted: Callable[[str], bool], request: web.Request) -> bool:
    """Of several values the last is the one that our own proxy wrote."""
    said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return said == "https" and is_trusted(client_address(request))


def _judge_of(trusted: Sequence[Prefix]) -> Callable[[str], bool]:
    def is_trusted(text: str) -> bool:
        address = Address.parse(text)
        return address is not None and any(network.contains(address) for network in trusted)

    return is_trusted
