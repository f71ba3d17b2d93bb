"""Logging in and out, operators, API tokens, and what a person's dashboard keeps quiet about."""

import re
from collections.abc import Sequence

import msgspec
from aiohttp import web

from prefixd.api.authenticate import COOKIE
from prefixd.api.page import format_time
from prefixd.api.problem import ApiError, bad_request, not_found, rate_limited
from prefixd.api.query import parse_id
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.auth.accounts import Accounts, LoginRefused, TokenRequest
from prefixd.domain.account import ApiToken, Operator, Preferences
from prefixd.domain.actor import Actor, Permission, Role
from prefixd.domain.prefix import Prefix
from prefixd.errors import Conflict

_USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_TOKEN_ID = re.compile(r"[0-9a-f]{1,64}\Z")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256


class LoginIn(msgspec.Struct):
    username: str
    password: str

    def __repr__(self) -> str:
        return f"LoginIn(username={self.username!r})"


class OperatorIn(msgspec.Struct):
    username: str
    password: str
    role: str

    def __repr__(self) -> str:
        return f"OperatorIn(username={self.username!r}, role={self.role!r})"


class PasswordIn(msgspec.Struct, kw_only=True):
    new_password: str
    current_password: str | None = None

    def __repr__(self) -> str:
        return "PasswordIn()"


class RoleIn(msgspec.Struct):
    role: str


class Identity(msgspec.Struct):
    operator_id: str
    username: str
    role: str


class Me(msgspec.Struct):
    operator_id: str
    username: str
    role: str
    permissions: list[str]


class OperatorRow(msgspec.Struct):
    operator_id: str
    username: str
    role: str
    created_at: str
    created_by: str | None
    last_login_at: str | None


class OperatorList(msgspec.Struct):
    operators: list[OperatorRow]
    count: int


class TokenIn(msgspec.Struct, kw_only=True):
    name: str
    permissions: list[str]
    sources: list[str] | None = None
    networks: list[str] = []
    ttl_seconds: int | None = None


class TokenRow(msgspec.Struct):
    token_id: str
    name: str
    permissions: list[str]
    sources: list[str] | None
    networks: list[str]
    created_at: str
    created_by: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokenMade(TokenRow):
    """The only answer that ever carries the token itself."""

    token: str


class TokenList(msgspec.Struct):
    tokens: list[TokenRow]
    count: int


class PreferencesBody(msgspec.Struct):
    muted_events: list[str] = []
    quiet_hours_start: int | None = None
    quiet_hours_end: int | None = None


NIL_ID = "00000000-0000-0000-0000-000000000000"


class AccountRoutes:
    """Handlers that need the accounts service beside what every handler has."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        secure_cookie: bool,
        session_idle_s: int,
        alert_events: frozenset[str],
    ) -> None:
        self._accounts = accounts
        self._alert_events = alert_events
        self._secure = secure_cookie
        self._idle_s = session_idle_s

    async def login(self, call: Call[LoginIn, NoQuery]) -> Reply | web.StreamResponse:
        body = call.body
        if not _USERNAME.match(body.username):
            raise bad_request("username must have 1 to 64 letters, digits, _ or -", "username")
        if not 1 <= len(body.password) <= LONGEST_PASSWORD:
            raise bad_request(f"password must have 1 to {LONGEST_PASSWORD} characters", "password")
        answer = await self._accounts.login(body.username, body.password, call.address)
        if isinstance(answer, LoginRefused):
            if answer.wait_s > 0:
                call.services.metrics.login_failures.labels("throttled").inc()
                raise rate_limited(answer.wait_s, "throttled")
            call.services.metrics.login_failures.labels("wrong").inc()
            raise ApiError(401, "unauthorized", "wrong user name or password")
        found = answer.operator
        response = web.json_response(
            msgspec.to_builtins(Identity(found.operator_id, found.username, found.role))
        )
        response.set_cookie(
            COOKIE, answer.cookie, max_age=self._idle_s, httponly=True, samesite="Lax",
            secure=self._secure, path="/",
        )  # fmt: skip
        return response

    async def logout(self, call: Call[None, NoQuery]) -> web.StreamResponse:
        cookie = call.request.cookies.get(COOKIE)
        if cookie is not None:
            await self._accounts.logout(cookie, call.actor)
        response = web.Response(status=200)
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Lax")
        return response

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

    async def list_operators(self, _call: Call[None, NoQuery]) -> Reply:
        rows = [_operator_row(found) for found in await self._accounts.operators()]
        return Reply(OperatorList(rows, len(rows)))

    async def create_operator(self, call: Call[OperatorIn, NoQuery]) -> Reply:
        body = call.body
        if not _USERNAME.match(body.username):
            raise bad_request("username must have 1 to 64 letters, digits, _ or -", "username")
        role = _role(body.role)
        _check_new_password(body.password)
        made = await self._accounts.create_operator(body.username, body.password, role, call.actor)
        return Reply(_operator_row(made), status=201)

    async def delete_operator(self, call: Call[None, NoQuery]) -> Reply:
        wanted = parse_id(call.path["id"], "id")
        if wanted == call.actor.operator_id:
            raise bad_request("you cannot delete yourself", "id")
        await self._existing(wanted)
        await self._accounts.delete_operator(wanted, call.actor)
        return Reply(status=204)

    async def set_role(self, call: Call[RoleIn, NoQuery]) -> Reply:
        wanted = parse_id(call.path["id"], "id")
        await self._existing(wanted)
        await self._accounts.set_role(wanted, _role(call.body.role), call.actor)
        return Reply(_operator_row(await self._existing(wanted)))

    async def set_password(self, call: Call[PasswordIn, NoQuery]) -> Reply:
        wanted, actor = parse_id(call.path["id"], "id"), call.actor
        own = wanted == actor.operator_id
        if not own and not actor.may(Permission.OPERATORS):
            raise ApiError(403, "forbidden", "forbidden: this is somebody else's password")
        await self._existing(wanted)
        _check_new_password(call.body.new_password)
        if own:
            current = call.body.current_password
            if current is None or not await self._accounts.password_matches(wanted, current):
                raise bad_request("current_password is wrong", "current_password")
        await self._accounts.set_password(wanted, call.body.new_password, actor)
        return Reply(status=204)

    async def list_tokens(self, _call: Call[None, NoQuery]) -> Reply:
        rows = [_token_row(found) for found in await self._accounts.tokens()]
        return Reply(TokenList(rows, len(rows)))

    async def create_token(self, call: Call[TokenIn, NoQuery]) -> Reply:
        request = _token_request(call.body, call.services.clock.now_us())
        try:
            made, fresh = await self._accounts.create_token(request, call.actor)
        except Conflict as error:
            if error.what == "permissions":
                message = "a token cannot carry permissions its maker lacks"
                raise ApiError(403, "forbidden", message, field="permissions") from error
            raise
        row = _token_row(made)
        return Reply(TokenMade(**msgspec.structs.asdict(row), token=fresh.text), status=201)

    async def revoke_token(self, call: Call[None, NoQuery]) -> Reply:
        wanted = call.path["id"]
        if not _TOKEN_ID.match(wanted):
            raise not_found(f"token {wanted[:40]!r}")
        try:
            await self._accounts.revoke_token(wanted, call.actor)
        except Conflict as error:
            raise not_found(f"token {wanted[:40]}") from error
        return Reply(status=204)

    async def get_preferences(self, call: Call[None, NoQuery]) -> Reply:
        found = await self._accounts.preferences(_own_id(call.actor))
        return Reply(
            PreferencesBody(
                list(found.muted_events), found.quiet_hours_start, found.quiet_hours_end
            )
        )

    async def put_preferences(self, call: Call[PreferencesBody, NoQuery]) -> Reply:
        body, owner = call.body, _own_id(call.actor)
        unknown = sorted(set(body.muted_events) - self._alert_events)
        if unknown:
            raise bad_request(f"{unknown[0][:60]!r} is no alert event", "muted_events")
        hours = (body.quiet_hours_start, body.quiet_hours_end)
        if (hours[0] is None) != (hours[1] is None):
            raise bad_request("give both quiet hours or neither", "quiet_hours_start")
        if any(hour is not None and not 0 <= hour <= 23 for hour in hours):
            raise bad_request("quiet hours lie between 0 and 23 (UTC)", "quiet_hours_start")
        await self._accounts.put_preferences(
            owner,
            Preferences(
                muted_events=tuple(body.muted_events),
                quiet_hours_start=hours[0],
                quiet_hours_end=hours[1],
            ),
        )
        return Reply(status=200)

    async def _existing(self, operator_id: str) -> Operator:
        found = await self._accounts.operator(operator_id)
        if found is None:
            raise not_found(f"operator {operator_id}")
        return found

    def routes(self) -> Sequence[Route]:
        admin = Permission.OPERATORS
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
                method="GET", path="/v1/auth/me", handle=self.me, summary="Who am I",
                tag="accounts", permission=None, signed_in=True, replies={200: Me},
            ),
            Route(
                method="GET", path="/v1/operators", handle=self.list_operators,
                summary="Every operator", tag="accounts", permission=admin,
                replies={200: OperatorList},
            ),
            Route(
                method="POST", path="/v1/operators", handle=self.create_operator,
                summary="Make an operator", tag="accounts", permission=admin, body=OperatorIn,
                replies={201: OperatorRow}, errors=("bad_request", "conflict"), repeatable=False,
            ),
            Route(
                method="DELETE", path="/v1/operators/{id}", handle=self.delete_operator,
                summary="Remove an operator", tag="accounts", permission=admin,
                replies={204: None}, errors=("bad_request", "bad_query", "not_found", "conflict"),
            ),
            Route(
                method="PUT", path="/v1/operators/{id}/role", handle=self.set_role,
                summary="Change a role", tag="accounts", permission=admin, body=RoleIn,
                replies={200: OperatorRow},
                errors=("bad_request", "bad_query", "not_found", "conflict"),
            ),
            Route(
                method="PUT", path="/v1/operators/{id}/password", handle=self.set_password,
                summary="Change a password; ends its sessions", tag="accounts", permission=None,
                signed_in=True, body=PasswordIn, replies={204: None},
                errors=("bad_request", "bad_query", "forbidden", "not_found", "conflict"),
            ),
            Route(
                method="GET", path="/v1/tokens", handle=self.list_tokens,
                summary="Every API token, without its secret", tag="accounts", permission=admin,
                replies={200: TokenList},
            ),
            Route(
                method="POST", path="/v1/tokens", handle=self.create_token,
                summary="Make an API token; shown once", tag="accounts", permission=admin,
                body=TokenIn, replies={201: TokenMade}, errors=("bad_request", "conflict"),
                repeatable=False,
            ),
            Route(
                method="DELETE", path="/v1/tokens/{id}", handle=self.revoke_token,
                summary="Revoke an API token, now", tag="accounts", permission=admin,
                replies={204: None}, errors=("not_found",),
            ),
            Route(
                method="GET", path="/v1/preferences", handle=self.get_preferences,
                summary="What my dashboard keeps quiet about", tag="accounts", permission=None,
                signed_in=True, replies={200: PreferencesBody}, errors=("conflict",),
            ),
            Route(
                method="PUT", path="/v1/preferences", handle=self.put_preferences,
                summary="Change it", tag="accounts", permission=None, signed_in=True,
                body=PreferencesBody, replies={200: None}, errors=("bad_request", "conflict"),
            ),
        )  # fmt: skip


def _own_id(actor: Actor) -> str:
    if actor.operator_id is None:
        message = f"{actor.name} is no operator of its own and has no preferences"
        raise ApiError(409, "conflict", message)
    return actor.operator_id


def _role(text: str) -> Role:
    if text not in set(Role):
        raise bad_request(f"role must be one of {', '.join(Role)}", "role")
    return Role(text)


def _check_new_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise bad_request(message, "password")


def _token_request(body: TokenIn, now_us: int) -> TokenRequest:
    if not _TOKEN_NAME.match(body.name):
        raise bad_request("name must have 1 to 64 letters, digits or _.:-", "name")
    unknown = sorted(set(body.permissions) - set(Permission))
    if unknown or not body.permissions:
        message = f"permissions must be among {', '.join(Permission)}"
        raise bad_request(message, "permissions")
    networks: list[Prefix] = []
    for index, text in enumerate(body.networks):
        prefix = Prefix.parse(text)
        if prefix is None:
            raise bad_request(f"invalid prefix: {text[:60]!r}", f"networks[{index}]")
        networks.append(prefix)
    if body.ttl_seconds is not None and body.ttl_seconds < 1:
        raise bad_request("ttl_seconds must be positive", "ttl_seconds")
    return TokenRequest(
        name=body.name,
        permissions=frozenset(Permission(word) for word in body.permissions),
        sources=None if body.sources is None else frozenset(body.sources),
        networks=tuple(networks),
        expires_at_us=None if body.ttl_seconds is None else now_us + body.ttl_seconds * 1_000_000,
    )


def _operator_row(found: Operator) -> OperatorRow:
    return OperatorRow(
        operator_id=found.operator_id,
        username=found.username,
        role=found.role,
        created_at=format_time(found.created_at_us),
        created_by=found.created_by,
        last_login_at=_time(found.last_login_at_us),
    )


def _token_row(found: ApiToken) -> TokenRow:
    return TokenRow(
        token_id=found.token_id,
        name=found.name,
        permissions=sorted(found.permissions),
        sources=None if found.sources is None else sorted(found.sources),
        networks=[str(prefix) for prefix in found.networks],
        created_at=format_time(found.created_at_us),
        created_by=found.created_by,
        expires_at=_time(found.expires_at_us),
        last_used_at=_time(found.last_used_at_us),
        revoked_at=_time(found.revoked_at_us),
    )


def _time(value_us: int | None) -> str | None:
    return None if value_us is None else format_time(value_us)
