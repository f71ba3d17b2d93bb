"""Who is really calling, when a proxy stands in between.

`X-Forwarded-For` is believed only from a trusted proxy, and read from the right: the last address
that is not itself a trusted proxy is the caller. Everything further left was written by strangers.
"""

from collections.abc import Callable, Sequence

from aiohttp import web

from prefixd.api.app import client_address
from prefixd.domain.prefix import Address, Prefix


def address_reader(trusted: Sequence[Prefix]) -> Callable[[web.Request], str]:
    if not trusted:
        return client_address

    def is_trusted(text: str) -> bool:
        address = Address.parse(text)
        return address is not None and any(network.contains(address) for network in trusted)

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
