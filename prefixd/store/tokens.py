"""API tokens: found by id, proved by the hash of their secret, never deleted but revoked.

A revoked or expired token stays listed, because the audit log speaks of it by id.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from prefixd.domain.account import ApiToken
from prefixd.domain.actor import Permission
from prefixd.domain.ids import TokenId
from prefixd.domain.record import Change, ChangeKind
from prefixd.store.database import Database, Row
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

_COLUMNS: Final = (
    "token_id, name, secret_hash, permissions_json, sources_json, networks_json, created_at,"
    " created_by, expires_at, last_used_at, revoked_at"
)
_INSERT: Final = (
    f"INSERT INTO api_tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_REVOKE: Final = "UPDATE api_tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL"
_USED: Final = (
    "UPDATE api_tokens SET last_used_at = ? WHERE token_id = ?"
    " AND (last_used_at IS NULL OR last_used_at < ?)"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM api_tokens"
_ENCODER: Final = msgspec.json.Encoder()
_WORDS: Final = msgspec.json.Decoder(tuple[str, ...])


class TokenWrites:
    __slots__ = ("_origin", "_unit")

    def __init__(self, unit: Unit, origin: str) -> None:
        self._unit = unit
        self._origin = origin

    def insert(self, token: ApiToken) -> None:
        """Conflict("token") when the name is taken."""
        sources = None if token.sources is None else sorted(token.sources)
        params = (
            token.token_id,
            token.name,
            token.secret_hash,
            _ENCODER.encode(sorted(token.permissions)).decode(),
            None if sources is None else _ENCODER.encode(sources).decode(),
            _ENCODER.encode([str(network) for network in token.networks]).decode(),
            token.created_at_us,
            token.created_by,
            token.expires_at_us,
            token.last_used_at_us,
            token.revoked_at_us,
        )
        self._unit.statements.append(Statement(_INSERT, params, clash="token", key=token.name))
        self._changed(token.token_id)

    def revoke(self, token_id: str, at_us: int) -> None:
        """Conflict("token") when there is none, or it is revoked already."""
        self._unit.statements.append(
            Statement(_REVOKE, (at_us, token_id), clash="token", key=token_id)
        )
        self._changed(token_id)

    def used(self, token_id: str, at_us: int) -> None:
        """Callers note this now and then, not on every request."""
        self._unit.statements.append(Statement(_USED, (at_us, token_id, at_us)))

    def _changed(self, token_id: str) -> None:
        self._unit.changes.append(Change(ChangeKind.ACCOUNT, "", token_id, self._origin))


class TokenReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def all(self) -> Sequence[ApiToken]:
        rows = await self._database.fetch_all(f"{_SELECT} ORDER BY created_at, token_id")
        return self._unreadables.read("api_tokens", rows, _token)[0]

    async def get(self, token_id: str) -> ApiToken | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE token_id = ?", (token_id,))
        return None if row is None else self._unreadables.one("api_tokens", row, _token)


def _token(row: Row) -> ApiToken:
    (
        token_id,
        name,
        secret_hash,
        permissions_text,
        sources_text,
        networks_text,
        created_at,
        created_by,
        expires_at,
        last_used_at,
        revoked_at,
    ) = row
    return ApiToken(
        token_id=TokenId(token_id),
        name=name,
        secret_hash=secret_hash,
        permissions=frozenset(map(Permission, _WORDS.decode(permissions_text))),
        sources=None if sources_text is None else frozenset(_WORDS.decode(sources_text)),
        networks=tuple(map(parse_prefix, _WORDS.decode(networks_text))),
        created_at_us=created_at,
        created_by=created_by,
        expires_at_us=expires_at,
        last_used_at_us=last_used_at,
        revoked_at_us=revoked_at,
    )
