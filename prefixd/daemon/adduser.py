"""`prefixd adduser`: an operator made directly in the store, for when no operator can log in yet.

The password is asked for without echo, or read from standard input; it is never an argument, where
every process list would show it.
"""

import asyncio
import getpass
import os
import re
import sys
from pathlib import Path

from prefixd.auth.accounts import Accounts
from prefixd.clock import SystemClock
from prefixd.config.bundle import Config
from prefixd.domain.actor import SYSTEM, Role
from prefixd.engine.ids import Identity
from prefixd.errors import Conflict, PrefixdError
from prefixd.store.store import open_store

_USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
SHORTEST, LONGEST = 8, 256


class AddUserError(PrefixdError):
    """The operator was not made; the text says why."""


def add_user(config: Config, username: str, role: str, *, password_stdin: bool) -> str:
    """The line to print. Raises AddUserError."""
    if not _USERNAME.match(username):
        raise AddUserError("a user name has 1 to 64 letters, digits, _ or -")
    password = _password(from_stdin=password_stdin)
    if not SHORTEST <= len(password) <= LONGEST:
        raise AddUserError(f"a password has {SHORTEST} to {LONGEST} characters")
    operator_id = asyncio.run(_create(config, username, Role(role), password))
    if config.storage.is_sqlite:
        _give_to_owner_of_folder(config.storage.sqlite_file)
    return f"made operator {username} ({role}), id {operator_id}"


def _give_to_owner_of_folder(database: Path) -> None:
    """Before the first start root makes the database here; the daemon runs as another user."""
    folder = database.parent.stat()
    if os.geteuid() != 0 or folder.st_uid == 0:
        return
    for path in database.parent.glob(f"{database.name}*"):
        if path.stat().st_uid == 0:
            os.chown(path, folder.st_uid, folder.st_gid)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    try:
        first = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != first:
            raise AddUserError("the two passwords differ")
    except EOFError as error:
        raise AddUserError("no password given") from error
    return first


async def _create(config: Config, username: str, role: Role, password: str) -> str:
    clock = SystemClock()
    new_id = Identity(clock)
    store = await open_store(config.storage, clock, pop=config.pop, instance=new_id())
    async with store:
        accounts = Accounts(store, config.auth, clock, new_id, config.pop)
        try:
            made = await accounts.create_operator(username, password, role, SYSTEM)
        except Conflict as error:
            raise AddUserError(f"there is an operator named {username} already") from error
        return made.operator_id
