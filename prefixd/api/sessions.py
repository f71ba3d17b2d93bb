"""Login, logout, and who the caller is."""

import re
from collections.abc import Callable, Sequence
from http.cookies import SimpleCookie

import msgspec
from aiohttp import web

from prefixd.api.authenticate import COOKIE
from prefixd.api.problem import LoginFailed, bad_request
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.auth.accounts import Accounts, LoginRefused

USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
LONGEST_PASSWORD = 256
NIL_ID = "00000000-0000-0000-0000-000000000000"


class LoginIn(msgspec.Struct):
    username: str
    password: str

    def __repr__(self) -> str:
        return f"LoginIn(username={self.username!r})"


class Identity(msgspec.Struct):
    operator_id: str
    username: str
    role: str


class Me(msgspec.Struct):
    operator_id: str
    username: str
    role: str
    permissions: list[str]


class SessionRoutes:
    def __init__(
        self,
        accounts: Accounts,
        *,
        secure_cookie: Callable[[web.Request], bool],
        session_idle_s: int,
    ) -> None:
        self._accounts = accounts
        self._secure = secure_cookie
        self._idle_s = session_idle_s

    async def login(self, call: Call[LoginIn, NoQuery]) -> Reply:
        body = call.body
        if not USERNAME.match(body.username):
            raise bad_request("username must have 1 to 64 letters, digits, _ or -", "username")
        if not 1 <= len(body.password) <= LONGEST_PASSWORD:
            raise bad_request(f"password must have 1 to {LONGEST_PASSWORD} characters", "password")
        answer = await self._accounts.login(body.username, body.password, call.address)
        if isinstance(answer, LoginRefused):
            raise LoginFailed(answer.wait_s)
        found = answer.operator
        cookie = _cookie(answer.cookie, self._idle_s, secure=self._secure(call.request))
        shown = Identity(found.operator_id, found.username, found.role)
        return Reply(shown, headers={"Set-Cookie": cookie})

    async def logout(self, call: Call[None, NoQuery]) -> Reply:
        cookie = call.request.cookies.get(COOKIE)
        if cookie is not None:
            await self._accounts.logout(cookie, call.actor)
        return Reply(headers={"Set-Cookie": _cookie("", 0, secure=self._secure(call.request))})

    async def me(self, call: Call[None, NoQuery]) -> Reply:
        actor = call.actor
        return Reply(
            Me(
                operator_id=actor.operator_id or NIL_ID,
                username=actor.name,
                role=actor.role or "token",
                permissions=sorted(actor.permissions),
            )
        )

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="POST", path="/v1/auth/login", handle=self.login, summary="Open a session",
                tag="accounts", permission=None, body=LoginIn, replies={200: Identity},
                errors=("bad_request", "unauthorized", "throttled", "unavailable"),
            ),
            Route(
                method="POST", path="/v1/auth/logout", handle=self.logout,
                summary="End the session", tag="accounts", permission=None, signed_in=True,
                errors=("bad_origin",),
            ),
            Route(
                method="GET", path="/v1/auth/me", handle=self.me, summary="The caller",
                tag="accounts", permission=None, signed_in=True, replies={200: Me},
            ),
        )  # fmt: skip


def _cookie(value: str, max_age_s: int, *, secure: bool) -> str:
    """The session cookie; an age of 0 deletes it."""
    jar: SimpleCookie = SimpleCookie({COOKIE: value})
    cookie = jar[COOKIE]
    cookie["path"], cookie["httponly"], cookie["samesite"] = "/", True, "Lax"
    cookie["max-age"] = max_age_s
    if secure:
        cookie["secure"] = True
    return cookie.OutputString()
