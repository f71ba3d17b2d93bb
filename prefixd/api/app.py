"""The web application: every route in one table, one guard around all of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from aiohttp import web

from prefixd.api import (
    corroborators,
    events,
    groups,
    health,
    maintenance,
    manual,
    mitigations,
    peers,
    report,
    safelist,
    stats,
)
from prefixd.api.cors import Cors
from prefixd.api.endpoint import Endpoint
from prefixd.api.fast.direct_routes import DirectRoutes
from prefixd.api.middleware import Guard
from prefixd.api.openapi import document_route
from prefixd.api.operators import OperatorRoutes, PreferenceRoutes
from prefixd.api.reference import FRONT_PAGE, reference_route
from prefixd.api.route import Route, Services
from prefixd.api.sessions import SessionRoutes
from prefixd.api.settings import ApiSettings
from prefixd.api.tokens import TokenRoutes
from prefixd.auth.accounts import Accounts
from prefixd.auth.throttle import RateLimiter
from prefixd.domain.actor import Permission

ROUTES: tuple[Route, ...] = (
    *health.ROUTES,
    *events.ROUTES,
    *corroborators.ROUTES,
    *mitigations.ROUTES,
    *groups.ROUTES,
    *safelist.ROUTES,
    *maintenance.ROUTES,
    *stats.ROUTES,
    *report.ROUTES,
    *manual.ROUTES,
    *peers.ROUTES,
)
"""Routes that need nothing but `Services`. Those with a service of their own (accounts, adapters,
configuration, the feed) are objects that the composer makes and hands in beside these."""

DIRECT = web.AppKey("direct", DirectRoutes)
"""The server asks these before the router, see `fast`."""


def account_routes(
    accounts: Accounts,
    *,
    secure_cookie: Callable[[web.Request], bool],
    session_idle_s: int,
    alert_events: frozenset[str],
) -> Sequence[Route]:
    """Routes that need the accounts service beside what every handler has."""
    sessions = SessionRoutes(accounts, secure_cookie=secure_cookie, session_idle_s=session_idle_s)
    return (
        *sessions.routes(),
        *OperatorRoutes(accounts).routes(),
        *TokenRoutes(accounts).routes(),
        *PreferenceRoutes(accounts, alert_events).routes(),
    )


def build_app(
    services: Services,
    settings: ApiSettings,
    *,
    routes: Sequence[Route] = ROUTES,
    strict: bool = False,
    address_of: Callable[[web.Request], str] | None = None,
) -> web.Application:
    guard = Guard(
        metrics=services.metrics,
        clock=services.clock,
        new_id=services.new_id,
        address_of=address_of or client_address,
        cors=Cors(settings.cors_origin),
        secure=settings.tls is not None,
    )
    app = web.Application(middlewares=[guard.middleware], client_max_size=settings.max_body_bytes)
    direct = app[DIRECT] = DirectRoutes()
    limiter = RateLimiter(settings.rate_limit.events_per_second, settings.rate_limit.burst)
    if not settings.metrics_public:
        routes = [_signed_in(route) if route.path == "/metrics" else route for route in routes]
    routes = (*routes, FRONT_PAGE)
    extra = reference_route(routes)
    for route in (*routes, extra, document_route((*routes, extra))):
        endpoint = Endpoint(route, services, limiter, settings.request_timeout_s, strict=strict)
        for method in methods_of(route):
            app.router.add_route(method, route.path, endpoint.routed)
            if "{" not in route.path:
                direct.add(method, route.path, guard.direct(method, route.path, endpoint.answer))
    return app


def methods_of(route: Route) -> tuple[str, ...]:
    """What can be asked for can be asked about (RFC 9110 9.3.2); a stream has no end to tell of."""
    return ("GET", "HEAD") if route.method == "GET" and not route.endless else (route.method,)


def _signed_in(route: Route) -> Route:
    return replace(route, permission=Permission.READ)


def client_address(request: web.Request) -> str:
    """The peer's address as the socket says; a unix socket's peers are all `local`."""
    return request.remote or "local"
