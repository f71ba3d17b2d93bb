"""Everything about who may come in: sessions, operators, tokens, preferences."""

from collections.abc import Callable, Sequence

from aiohttp import web

from prefixd.api.operators import OperatorRoutes
from prefixd.api.preferences import PreferenceRoutes
from prefixd.api.route import Route
from prefixd.api.sessions import SessionRoutes
from prefixd.api.tokens import TokenRoutes
from prefixd.auth.accounts import Accounts


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
