"""Operators, what they prefer, and the sessions they opened.

Deleting an operator takes sessions and preferences along. The last admin cannot be deleted or
demoted: the admin rows are locked by a write that changes nothing, and only then counted, so two
admins who delete each other at the same moment do not both succeed.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from prefixd.domain.account import LoginSession, Operator, Preferences
from prefixd.domain.actor import Role, parse_role
from prefixd.domain.ids import OperatorId
from prefixd.domain.record import Change, ChangeKind
from prefixd.store.database import Database, Row
from prefixd.store.unit import Statement, Unit

_COLUMNS: Final = (
    "operator_id, username, password_hash, role, created_at, created_by, last_login_at, version"
)
_INSERT: Final = (
    f"INSERT INTO operators ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM operators"
_LOCK_ADMINS: Final = "UPDATE operators SET version = version WHERE role = 'admin'"
_NOT_LAST: Final = (
    "(role <> 'admin' OR (SELECT COUNT(*) FROM operators AS other WHERE other.role = 'admin') > 1)"
)
_DELETE: Final = f"DELETE FROM operators WHERE operator_id = ? AND {_NOT_LAST}"
_SET_ROLE: Final = (
    "UPDATE operators SET role = ?, version = version + 1"
    f" WHERE operator_id = ? AND (? = 'admin' OR {_NOT_LAST})"
)
_RENEW: Final = (
    "UPDATE operators SET password_hash = ?, version = version + 1 WHERE operator_id = ?"
)
_SESSION_COLUMNS: Final = (
    "session_hash, operator_id, fingerprint, created_at, last_seen_at, expires_at, address"
)
_INSERT_SESSION: Final = (
    f"INSERT INTO sessions ({_SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_TOUCH_SESSION: Final = (
    "UPDATE sessions SET last_seen_at = ?, expires_at = ? WHERE session_hash = ?"
)
_PUT_PREFERENCES: Final = (
    "INSERT INTO notification_preferences"
    " (operator_id, muted_events_json, quiet_hours_start, quiet_hours_end, updated_at)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (operator_id) DO UPDATE SET"
    " muted_events_json = excluded.muted_events_json,"
    " quiet_hours_start = excluded.quiet_hours_start,"
    " quiet_hours_end = excluded.quiet_hours_end, updated_at = excluded.updated_at"
)

_ENCODER: Final = msgspec.json.Encoder()
_WORDS: Final = msgspec.json.Decoder(tuple[str, ...])


class OperatorWrites:
    __slots__ = ("_origin", "_unit")

    def __init__(self, unit: Unit, origin: str) -> None:
        self._unit = unit
        self._origin = origin

    def insert(self, operator: Operator) -> None:
        """Conflict("username") when the name is taken."""
        params = (
            operator.operator_id,
            operator.username,
            operator.password_hash,
            operator.role,
            operator.created_at_us,
            operator.created_by,
            operator.last_login_at_us,
            operator.version,
        )
        self._add(_INSERT, params, "username", operator.username)
        self._changed(operator.operator_id)

    def set_password(self, operator_id: str, password_hash: str) -> None:
        """Conflict("operator") when there is none. Ends the operator's sessions."""
        self._add(_RENEW, (password_hash, operator_id), "operator", operator_id)
        self.end_sessions(operator_id)
        self._changed(operator_id)

    def set_role(self, operator_id: str, role: Role) -> None:
        """Conflict("last_admin") when no admin would be left (or the operator is unknown)."""
        self._unit.statements.append(Statement(_LOCK_ADMINS, ()))
        self._add(_SET_ROLE, (role, operator_id, role), "last_admin", operator_id)
        self._changed(operator_id)

    def delete(self, operator_id: str) -> None:
        """Conflict("last_admin") when no admin would be left (or the operator is unknown)."""
        self._unit.statements.append(Statement(_LOCK_ADMINS, ()))
        self._add(_DELETE, (operator_id,), "last_admin", operator_id)
        self._changed(operator_id)

    def logged_in(self, operator_id: str, at_us: int) -> None:
        sql = "UPDATE operators SET last_login_at = ? WHERE operator_id = ?"
        self._unit.statements.append(Statement(sql, (at_us, operator_id)))

    def put_preferences(self, operator_id: str, preferences: Preferences, at_us: int) -> None:
        """Conflict("constraint") when there is no such operator."""
        params = (
            operator_id,
            _ENCODER.encode(preferences.muted_events).decode(),
            preferences.quiet_hours_start,
            preferences.quiet_hours_end,
            at_us,
        )
        self._unit.statements.append(Statement(_PUT_PREFERENCES, params))

    def insert_session(self, session: LoginSession) -> None:
        params = (
            session.session_hash,
            session.operator_id,
            session.fingerprint,
            session.created_at_us,
            session.last_seen_at_us,
            session.expires_at_us,
            session.address,
        )
        self._add(_INSERT_SESSION, params, "session", "")

    def touch_session(self, session_hash: str, at_us: int, expires_at_us: int) -> None:
        """Sliding expiry; a session that ended meanwhile stays ended."""
        params = (at_us, expires_at_us, session_hash)
        self._unit.statements.append(Statement(_TOUCH_SESSION, params))

    def end_session(self, session_hash: str) -> None:
        sql = "DELETE FROM sessions WHERE session_hash = ?"
        self._unit.statements.append(Statement(sql, (session_hash,)))

    def end_sessions(self, operator_id: str) -> None:
        sql = "DELETE FROM sessions WHERE operator_id = ?"
        self._unit.statements.append(Statement(sql, (operator_id,)))

    def _add(self, sql: str, params: tuple[str | int | None, ...], clash: str, key: str) -> None:
        self._unit.statements.append(Statement(sql, params, clash=clash, key=key))

    def _changed(self, operator_id: str) -> None:
        self._unit.changes.append(Change(ChangeKind.ACCOUNT, "", operator_id, self._origin))


class OperatorReads:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Operator]:
        rows = await self._database.fetch_all(f"{_SELECT} ORDER BY username")
        return [_operator(row) for row in rows]

    async def get(self, operator_id: str) -> Operator | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE operator_id = ?", (operator_id,))
        return None if row is None else _operator(row)

    async def by_username(self, username: str) -> Operator | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE username = ?", (username,))
        return None if row is None else _operator(row)

    async def session(self, session_hash: str, now_us: int) -> LoginSession | None:
        """An expired session is no session, whether or not it was swept yet."""
        row = await self._database.fetch_one(
            f"SELECT {_SESSION_COLUMNS} FROM sessions WHERE session_hash = ? AND expires_at > ?",
            (session_hash, now_us),
        )
        return None if row is None else _session(row)

    async def preferences(self, operator_id: str) -> Preferences:
        row = await self._database.fetch_one(
            "SELECT muted_events_json, quiet_hours_start, quiet_hours_end"
            " FROM notification_preferences WHERE operator_id = ?",
            (operator_id,),
        )
        if row is None:
            return Preferences()
        return Preferences(
            muted_events=_WORDS.decode(row[0]), quiet_hours_start=row[1], quiet_hours_end=row[2]
        )


def _operator(row: Row) -> Operator:
    (
        operator_id,
        username,
        password_hash,
        role,
        created_at,
        created_by,
        last_login_at,
        version,
    ) = row
    return Operator(
        operator_id=OperatorId(operator_id),
        username=username,
        password_hash=password_hash,
        role=parse_role(role),
        created_at_us=created_at,
        created_by=created_by,
        last_login_at_us=last_login_at,
        version=version,
    )


def _session(row: Row) -> LoginSession:
    session_hash, operator_id, fingerprint, created_at, last_seen_at, expires_at, address = row
    return LoginSession(
        session_hash=session_hash,
        operator_id=OperatorId(operator_id),
        fingerprint=fingerprint,
        created_at_us=created_at,
        last_seen_at_us=last_seen_at,
        expires_at_us=expires_at,
        address=address,
    )
