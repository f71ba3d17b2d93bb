"""Browsers on other sites: one configured origin may call us; cookies count only from our pages.

Without authentication any page could also reach us under a name of its own whose address it changes
to ours (DNS rebinding): for a browser it is then the same origin. So a caller without credentials
must name the host by an address, or by a name that is known to be ours.

The browser guards cross-origin reads (CORS headers). Cross-origin *writes* with a cookie are ours
to guard: a form on any site can send one, so a request that carries a session cookie must come
from our own origin or the configured one.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from multidict import istr

from prefixd.api.fast.response import field_lines

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = (
    "content-type, authorization, cookie, if-match, if-none-match, idempotency-key, x-request-id"
)
EXPOSED = "etag, x-request-id, retry-after"
SEC_FETCH_SITE = istr("Sec-Fetch-Site")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Cors:
    def __init__(self, origin: str | None) -> None:
        self._origin = None if origin is None else origin.rstrip("/")
        self._shared = field_lines((("Vary", "Origin"),))
        self._readable = field_lines(
            (
                ("Access-Control-Allow-Origin", self._origin or ""),
                ("Access-Control-Allow-Credentials", "true"),
                ("Access-Control-Expose-Headers", EXPOSED),
            )
        )
        self.permissions = field_lines(
            (
                ("Access-Control-Allow-Methods", METHODS),
                ("Access-Control-Allow-Headers", HEADERS),
                ("Access-Control-Max-Age", "600"),
            )
        )
        """The answer to a preflight."""

    def is_preflight(self, request: web.Request) -> bool:
        """Whether this is a browser of the configured origin, asking before a call."""
        return (
            self._origin is not None
            and "Access-Control-Request-Method" in request.headers
            and request.headers.get(hdrs.ORIGIN) == self._origin
        )

    def fields(self, request: web.Request) -> bytes:
        """The header lines of every response about reads from other sites."""
        if self._origin is None:
            return b""
        own = request.headers.get(hdrs.ORIGIN) == self._origin
        return self._shared + self._readable if own else self._shared

    def same_site(self, request: web.Request) -> bool:
        """Whether a request with a cookie comes from our own pages or the configured origin."""
        site = request.headers.get(SEC_FETCH_SITE)
        if site in {"same-origin", "none"}:
            return True
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return site is None  # not a browser's cross-site request: those always say so
        return origin == self._origin or urlsplit(origin).netloc == request.host


class OwnHosts:
    """The host names under which this service is reached."""

    def __init__(self, names: Iterable[str | None]) -> None:
        self.names = frozenset(name.lower().rstrip(".") for name in names if name)

    def has(self, request: web.Request) -> bool:
        """A browser always sends Host, and never chooses it: an address cannot be rebound."""
        text = request.headers.get(hdrs.HOST)
        if text is None:
            return True
        try:
            name = (urlsplit(f"//{text}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
