"""Signing in and out, operators, API tokens."""

from typing import Any

from prefixd.cli.amount import parse_duration
from prefixd.cli.client import segment
from prefixd.cli.completion import OPERATORS, TOKENS
from prefixd.cli.context import Call, Times, given, times_of
from prefixd.cli.failure import Failure, denied, refused, usage
from prefixd.cli.grammar import Command, arg, flag
from prefixd.cli.table import Column

ROLES = ("viewer", "operator", "admin")
PERMISSIONS = (
    "read", "ingest", "mitigate", "audit", "safelist", "configure", "peers", "operators",
)  # fmt: skip
FIRST_ADMIN = "no operator yet? on the server: prefixd adduser NAME --role admin"


def login(call: Call) -> None:
    words = call.words
    username = words.username or call.prompt.line("User name: ")
    password = (
        call.prompt.piped_password() if words.password_stdin else call.prompt.password("Password")
    )
    call.service.cookie = None
    answer = call.service.exchange(
        "POST", "/v1/auth/login", {"username": username, "password": password}
    )
    if answer.status == 401:
        raise denied("wrong user name or password", FIRST_ADMIN)
    if answer.status != 200:
        text = (answer.tree or {}).get("error", f"status {answer.status}")
        raise refused(f"not signed in: {text}")
    cookie = _cookie(answer.headers.get("set-cookie", ""))
    if cookie is None:
        raise refused("the service answered without a session cookie")
    call.cookies.put(call.service.target.api, cookie)
    who = answer.tree
    call.out.done(who, f"signed in as {who['username']} ({who['role']})")


def _cookie(header: str) -> str | None:
    name, _, value = header.partition(";")[0].partition("=")
    return value.strip() or None if name.strip() == "id" else None


def logout(call: Call) -> None:
    api = call.service.target.api
    if call.service.cookie is None:
        raise usage(f"not signed in at {api}")
    answer = call.service.exchange("POST", "/v1/auth/logout")
    call.cookies.drop(api)
    if answer.status not in {200, 204, 401}:
        raise refused(f"the session is forgotten here; the service answered {answer.status}")
    call.out.done({"signed_out": api}, f"signed out of {api}")


def whoami(call: Call) -> None:
    tree = call.get("/v1/auth/me").tree
    call.out.facts(
        tree,
        [
            ("User", tree["username"]),
            ("Role", tree["role"]),
            ("May", tree.get("permissions")),
            ("Service", call.service.target.api),
            ("Context", call.service.target.context),
        ],
    )


def list_operators(call: Call) -> None:
    answer = call.get("/v1/operators")
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("ID", "operator_id"),
        Column("USERNAME", "username"),
        Column("ROLE", "role"),
        Column("CREATED", lambda row: times(row["created_at"]), drop=1),
        Column("LAST LOGIN", lambda row: times(row["last_login_at"])),
    ]
    call.out.rows(tree, tree["operators"], columns, empty="no operators")


def create_operator(call: Call) -> None:
    words = call.words
    if words.role is None:
        words.role = "admin"
        call.out.warn("no --role given: creating an admin (default of the earlier client)")
    password = _new_password(call)
    body = {"username": words.username, "password": password, "role": words.role}
    try:
        made = call.ask("POST", "/v1/operators", body).tree
    except Failure as failure:
        failure.hints = (*failure.hints, FIRST_ADMIN) if failure.code == 4 else failure.hints
        raise
    call.out.done(made, f"operator {made['username']} ({made['role']}), id {made['operator_id']}")


def delete_operator(call: Call) -> None:
    found = _operator(call, call.words.operator)
    if not call.words.yes:
        call.prompt.insist(f"This removes {found['username']}.", found["username"], "--yes")
    call.ask("DELETE", f"/v1/operators/{segment(found['operator_id'])}")
    call.out.done({"deleted": found["operator_id"]}, f"operator {found['username']} removed")


def set_role(call: Call) -> None:
    found = _operator(call, call.words.operator)
    path = f"/v1/operators/{segment(found['operator_id'])}/role"
    changed = call.ask("PUT", path, {"role": call.words.role}).tree
    call.out.done(changed, f"operator {changed['username']}: role is now {changed['role']}")


def set_password(call: Call) -> None:
    """The own password needs the old one; others need the permission `operators`."""
    me = call.get("/v1/auth/me").tree
    wanted = call.words.operator
    own = wanted is None or wanted in {me["operator_id"], me["username"]}
    found = me if own else _operator(call, wanted)
    body: dict[str, str] = {}
    if own:
        body["current_password"] = (
            call.prompt.piped_password()
            if call.words.password_stdin
            else call.prompt.password("Current password")
        )
    body["new_password"] = _new_password(call)
    call.ask("PUT", f"/v1/operators/{segment(found['operator_id'])}/password", body)
    if own and call.service.cookie is not None:
        call.cookies.drop(call.service.target.api)
    call.out.done(
        {"changed": found["operator_id"]},
        f"password of {found['username']} changed; its sessions have ended; sign in again",
    )


def _new_password(call: Call) -> str:
    given: str | None = call.word("password")
    if given is not None:
        call.out.warn("a password on the command line is visible to other users; leave it out")
        return given
    if call.words.password_stdin:
        return call.prompt.piped_password()
    return call.prompt.password("New password", twice=True)


def _operator(call: Call, wanted: str) -> Any:
    """By id or by name: people know names."""
    for row in call.get("/v1/operators").tree["operators"]:
        if wanted in {row["operator_id"], row["username"]}:
            return row
    raise refused(f"operator {wanted!r} not found")


def list_tokens(call: Call) -> None:
    answer = call.get("/v1/tokens")
    tree, times = answer.tree, times_of(answer)
    rows = [row for row in tree["tokens"] if call.words.all or row["revoked_at"] is None]
    call.out.rows(tree, rows, _token_columns(times), empty="no tokens")


def _token_columns(times: Times) -> list[Column]:
    return [
        Column("ID", "token_id"),
        Column("NAME", "name"),
        Column("MAY", "permissions", shrink=True),
        Column("SOURCES", lambda row: row["sources"] or "any", shrink=True, drop=3),
        Column("NETWORKS", lambda row: row["networks"] or "any", shrink=True, drop=4),
        Column("EXPIRES", lambda row: times(row["expires_at"])),
        Column("LAST USED", lambda row: times(row["last_used_at"]), drop=1),
        Column("REVOKED", lambda row: times(row["revoked_at"]), drop=2),
    ]


def create_token(call: Call) -> None:
    words = call.words
    body = {
        "name": words.name,
        "permissions": words.permission,
        "sources": words.source or None,
        "networks": words.network,
        "ttl_seconds": words.ttl,
    }
    made = call.ask("POST", "/v1/tokens", given(body)).tree
    if call.out.is_table:
        call.out.say(f"token {made['name']} ({made['token_id']}); it is shown only this once:")
        call.out.lines([made["token"]])
    else:
        call.out.facts(made, list(made.items()))


def revoke_token(call: Call) -> None:
    wanted = call.words.name
    for row in call.get("/v1/tokens").tree["tokens"]:
        if wanted in {row["token_id"], row["name"]} and row["revoked_at"] is None:
            call.ask("DELETE", f"/v1/tokens/{segment(row['token_id'])}")
            done = {"revoked": row["token_id"]}
            call.out.done(done, f"token {row['name']} ({row['token_id']}) revoked")
            return
    raise refused(f"no valid token {wanted!r}")


_STDIN = flag("--password-stdin", help="read it from standard input")
_WHO = arg("operator", metavar="NAME", completer=OPERATORS, help="user name or id")
_YES = flag("--yes", help="do not ask")
COMMANDS = (
    Command(
        path=("login",), summary="sign in; the session is kept for later commands", run=login,
        arguments=(arg("username", nargs="?", metavar="NAME", help="asked for when left out"),
                   _STDIN),
        example="prefixdctl login alice",
    ),
    Command(path=("logout",), summary="end the session", run=logout,
            example="prefixdctl logout"),
    Command(path=("whoami",), summary="the signed-in operator and its permissions", run=whoami,
            example="prefixdctl whoami"),
    Command(
        path=("operators", "list"), summary="every operator", run=list_operators,
        example="prefixdctl operators list",
    ),
    Command(
        path=("operators", "create"), summary="create an operator", run=create_operator,
        arguments=(
            arg("-u", "--username", required=True, metavar="NAME", help="letters, digits, _ and -"),
            arg("-r", "--role", choices=ROLES, help="default admin"),
            arg("-p", "--password", metavar="TEXT", help="visible to other users; leave it out"),
            _STDIN,
        ),
        example="prefixdctl operators create -u alice -r operator",
        about="Create the first one on the server: prefixd adduser NAME --role admin",
    ),
    Command(
        path=("operators", "delete"), summary="remove an operator", run=delete_operator,
        arguments=(_WHO, _YES), example="prefixdctl operators delete alice",
    ),
    Command(
        path=("operators", "role"), summary="change the role of an operator", run=set_role,
        arguments=(_WHO, arg("role", choices=ROLES, help="the new role")),
        example="prefixdctl operators role alice viewer",
    ),
    Command(
        path=("operators", "password"), summary="change a password; ends its sessions",
        run=set_password,
        arguments=(arg("operator", nargs="?", metavar="NAME", completer=OPERATORS,
                       help="default: yourself"), _STDIN),
        example="prefixdctl operators password",
    ),
    Command(
        path=("tokens", "list"), summary="API tokens, without their secrets", run=list_tokens,
        arguments=(flag("--all", help="revoked ones too"),), example="prefixdctl tokens list",
    ),
    Command(
        path=("tokens", "create"), summary="create an API token; the secret is shown once",
        run=create_token,
        arguments=(
            arg("name", metavar="NAME", help="what it is for"),
            arg("permission", nargs="+", choices=PERMISSIONS, metavar="PERMISSION",
                help=", ".join(PERMISSIONS)),
            arg("--source", action="append", metavar="NAME",
                help="allow events only of this source; may be repeated"),
            arg("--network", action="append", default=[], metavar="PREFIX",
                help="accepted only from this network; may be repeated"),
            arg("--ttl", type=parse_duration, metavar="TIME", help="expires after this time"),
        ),
        example="prefixdctl tokens create fastnetmon ingest --source fastnetmon --ttl 365d",
    ),
    Command(
        path=("tokens", "revoke"), summary="revoke an API token, now", run=revoke_token,
        arguments=(arg("name", metavar="NAME", completer=TOKENS, help="name or id"),),
        example="prefixdctl tokens revoke fastnetmon",
    ),
)  # fmt: skip
