"""People and programs that may log in, as stored.

Secrets are never here in a usable form: a password is an Argon2id text, a token and a session are
the hash of what their owner holds. None of it shows in a repr, because reprs end up in logs.
"""

from dataclasses import dataclass, field

from prefixd.domain.actor import Permission, Role
from prefixd.domain.ids import OperatorId, TokenId
from prefixd.domain.prefix import Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    operator_id: OperatorId
    username: str
    password_hash: str = field(repr=False)
    role: Role
    created_at_us: int
    created_by: str | None = None
    last_login_at_us: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """`session_hash` is SHA-256 of the cookie; `fingerprint` ties it to the operator's password."""

    session_hash: str = field(repr=False)
    operator_id: OperatorId
    fingerprint: str = field(repr=False)
    created_at_us: int
    last_seen_at_us: int
    expires_at_us: int
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    token_id: TokenId
    name: str
    secret_hash: str = field(repr=False)
    permissions: frozenset[Permission]
    created_at_us: int
    created_by: str
    sources: frozenset[str] | None = None  # source names it may report for; None: any
    networks: tuple[Prefix, ...] = ()  # where it may be used from; empty: anywhere
    expires_at_us: int | None = None
    last_used_at_us: int | None = None
    revoked_at_us: int | None = None

    def is_live(self, now_us: int) -> bool:
        return self.revoked_at_us is None and (
            self.expires_at_us is None or now_us < self.expires_at_us
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What an operator's dashboard does not show. Hours are UTC, 0..23, both or neither."""

    muted_events: tuple[str, ...] = ()
    quiet_hours_start: int | None = None
    quiet_hours_end: int | None = None
