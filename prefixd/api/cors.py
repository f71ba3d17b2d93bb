"""Browsers on other sites: one configured origin may call us, and cookies count only from our own.

Cross-origin reads are the browser's business (CORS headers). Cross-origin *writes* with a cookie
are ours: a form on any site can send one, so a request that carries a session cookie must come
from our own origin or the configured one.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import hdrs, web

METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = (
    "content-type, authorization, cookie, if-match, if-none-match, idempotency-key, x-request-id"
)
EXPOSED = "etag, x-request-id, retry-after"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Cors:
    def __init__(self, origin: str | None) -> None:
        self._origin = None if origin is None else origin.rstrip("/")

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser's question before a cross-origin call, if this is one."""
        if (
            request.method != hdrs.METH_OPTIONS
            or "Access-Control-Request-Method" not in request.headers
        ):
            return None
        if self._origin is None or request.headers.get(hdrs.ORIGIN) != self._origin:
            return None
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": HEADERS,
                "Access-Control-Max-Age": "600",
            },
        )

    def decorate(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._origin is None:
            return
        response.headers["Vary"] = "Origin"
        if request.headers.get(hdrs.ORIGIN) == self._origin:
            response.headers["Access-Control-Allow-Origin"] = self._origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = EXPOSED

    def same_site(self, headers: Mapping[str, str], host: str) -> bool:
        """Whether a request with a cookie may count as the person's own wish."""
        site = headers.get("Sec-Fetch-Site")
        if site in {"same-origin", "none"}:
            return True
        origin = headers.get(hdrs.ORIGIN)
        if origin is None:
            return site is None  # not a browser's cross-site request: those always say so
        return origin == self._origin or urlsplit(origin).netloc == host
