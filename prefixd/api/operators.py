"""Operators: create, change the role or the password, delete; and each one's preferences."""

from collections.abc import Sequence

import msgspec

from prefixd.api import shapes
from prefixd.api.problem import ApiError, bad_request, not_found
from prefixd.api.query import parse_id
from prefixd.api.render import shaped
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.api.sessions import LONGEST_PASSWORD, USERNAME
from prefixd.auth.accounts import Accounts
from prefixd.domain.account import Operator, Preferences
from prefixd.domain.actor import Actor, Permission, Role

SHORTEST_PASSWORD = 8


class OperatorIn(shapes.Write):
    username: str
    password: str
    role: str

    def __repr__(self) -> str:
        return f"OperatorIn(username={self.username!r}, role={self.role!r})"


class PasswordIn(shapes.Write, kw_only=True):
    new_password: str
    current_password: str | None = None

    def __repr__(self) -> str:
        return "PasswordIn()"


class RoleIn(shapes.Write):
    role: str


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


class OperatorRoutes:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def list_operators(self, _call: Call[None, NoQuery]) -> Reply:
        rows = [shaped(OperatorRow, found) for found in await self._accounts.operators()]
        return Reply(OperatorList(rows, len(rows)))

    async def create_operator(self, call: Call[OperatorIn, NoQuery]) -> Reply:
        body = call.body
        if not USERNAME.match(body.username):
            raise bad_request("username must have 1 to 64 letters, digits, _ or -", "username")
        role = _role(body.role)
        _check_new_password(body.password)
        made = await self._accounts.create_operator(body.username, body.password, role, call.actor)
        return Reply(shaped(OperatorRow, made), status=201)

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
        return Reply(shaped(OperatorRow, await self._existing(wanted)))

    async def set_password(self, call: Call[PasswordIn, NoQuery]) -> Reply:
        wanted, actor = parse_id(call.path["id"], "id"), call.actor
        own = wanted == actor.operator_id
        if not own and not actor.may(Permission.OPERATORS):
            raise ApiError(403, "forbidden", "forbidden: not your own password")
        await self._existing(wanted)
        _check_new_password(call.body.new_password)
        if own:
            current = call.body.current_password
            if current is None or not await self._accounts.password_matches(wanted, current):
                raise bad_request("current_password is wrong", "current_password")
        await self._accounts.set_password(wanted, call.body.new_password, actor)
        return Reply(status=204)

    async def _existing(self, operator_id: str) -> Operator:
        found = await self._accounts.operator(operator_id)
        if found is None:
            raise not_found(f"operator {operator_id}")
        return found

    def routes(self) -> Sequence[Route]:
        admin = Permission.OPERATORS
        return (
            Route(
                method="GET", path="/v1/operators", handle=self.list_operators,
                summary="Every operator", tag="accounts", permission=admin,
                replies={200: OperatorList},
            ),
            Route(
                method="POST", path="/v1/operators", handle=self.create_operator,
                summary="Create an operator", tag="accounts", permission=admin, body=OperatorIn,
                replies={201: OperatorRow}, errors=("bad_request", "conflict"), repeatable=False,
            ),
            Route(
                method="DELETE", path="/v1/operators/{id}", handle=self.delete_operator,
                summary="Delete an operator", tag="accounts", permission=admin,
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
        )  # fmt: skip


def _role(text: str) -> Role:
    if text not in set(Role):
        raise bad_request(f"role must be one of {', '.join(Role)}", "role")
    return Role(text)


def _check_new_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise bad_request(message, "password")


class PreferencesBody(shapes.Write):
    muted_events: list[str] = msgspec.field(default_factory=list)
    quiet_hours_start: int | None = None
    quiet_hours_end: int | None = None


class PreferenceRoutes:
    def __init__(self, accounts: Accounts, alert_events: frozenset[str]) -> None:
        self._accounts = accounts
        self._alert_events = alert_events

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
            raise bad_request(f"{unknown[0][:60]!r} is not an alert event", "muted_events")
        hours = (body.quiet_hours_start, body.quiet_hours_end)
        if (hours[0] is None) != (hours[1] is None):
            raise bad_request("give both quiet hours or neither", "quiet_hours_start")
        if any(hour is not None and not 0 <= hour <= 23 for hour in hours):
            raise bad_request("quiet hours must be from 0 to 23 (UTC)", "quiet_hours_start")
        await self._accounts.put_preferences(
            owner,
            Preferences(
                muted_events=tuple(body.muted_events),
                quiet_hours_start=hours[0],
                quiet_hours_end=hours[1],
            ),
        )
        return Reply(status=200)

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="GET", path="/v1/preferences", handle=self.get_preferences,
                summary="Muted events and quiet hours", tag="accounts", permission=None,
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
        message = f"{actor.name} is not an operator account and has no preferences"
        raise ApiError(409, "conflict", message)
    return actor.operator_id
