"""From a request to an actor, by the mode the operator chose.

    none         every caller is admin; for loopback and trials
    bearer       a session, a scoped token, or the shared token (operator by default)
    credentials  a session or a scoped token
    mtls         a client certificate whose name is mapped to a role; tokens and sessions too

Scoped tokens work in every mode that asks for anything. What a browser sends by itself (a cookie, a
certificate, or nothing in mode none) counts only on requests that come from our own pages: the
`Cors` object knows which those are.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from prefixd.api.cors import SAFE_METHODS, Cors, OwnHosts
from prefixd.api.problem import ApiError
from prefixd.auth.accounts import Accounts
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.auth.token import PREFIX, same_secret
from prefixd.domain.actor import Actor, Role, operator

COOKIE = "id"
LOCAL = "local"
"""The address of a caller on the unix socket, which no browser opens."""
ANONYMOUS = operator("anonymous", Role.ADMIN)


class ModeAuthenticator:
    def __init__(
        self, settings: AuthSettings, accounts: Accounts, cors: Cors, own: OwnHosts
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._cors = cors
        self._own = own
        self._shared = operator("bearer-token", settings.bearer_role)

    @property
    def mode(self) -> str:
        return self._settings.mode

    async def actor_of(self, request: web.Request, address: str) -> Actor | None:
        headers = request.headers
        cookie = request.cookies.get(COOKIE) if hdrs.COOKIE in headers else None
        if cookie is not None:
            actor = await self._accounts.session_actor(cookie)
            if actor is not None:
                return self._on_own_pages(request, actor)
        scheme, _, text = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "bearer" and text:
            actor = await self._by_token(text.strip(), address)
            if actor is not None or self._settings.mode is not AuthMode.NONE:
                return actor
        match self._settings.mode:
            case AuthMode.NONE:
                return self._without_credentials(request, address)
            case AuthMode.MTLS:
                return self._on_own_pages(request, self._by_certificate(request))
            case AuthMode.BEARER | AuthMode.CREDENTIALS:
                return None

    async def _by_token(self, text: str, address: str) -> Actor | None:
        if text.startswith(PREFIX):
            return await self._accounts.token_actor(text, address)
        shared = self._settings.bearer_token
        if self._settings.mode is AuthMode.BEARER and shared and same_secret(text, shared):
            return self._shared
        return None

    def _without_credentials(self, request: web.Request, address: str) -> Actor | None:
        if address != LOCAL and not self._own.has(request):
            host = request.headers.get(hdrs.HOST, "")[:100]
            message = (
                f"unknown host {host!r}: without authentication a caller must use an address of "
                "this service, or a name listed under http.allowed_hosts"
            )
            raise ApiError(403, "bad_host", message, field="Host")
        return self._on_own_pages(request, ANONYMOUS)

    def _by_certificate(self, request: web.Request) -> Actor | None:
        transport = request.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        for name in certificate_names(certificate or {}):
            role = self._settings.mtls_roles.get(name)
            if role is not None:
                return operator(name, role)
        return None

    def _on_own_pages(self, request: web.Request, actor: Actor | None) -> Actor | None:
        """A browser sends cookies and client certificates with requests of any page, and reaches
        networks that the page's author cannot. Such requests must come from our own pages when
        they change or stream something."""
        upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        harmless = request.method in SAFE_METHODS and not upgrade
        if not harmless and not self._cors.same_site(request):
            raise ApiError(403, "bad_origin", "this request came from another site")
        return actor


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """The common name and the DNS subject names of a verified client certificate."""
    names = [
        value
        for part in certificate.get("subject", ())
        for key, value in part
        if key == "commonName"
    ]
    names += [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return names
