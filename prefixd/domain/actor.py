"""Who did it, and what they may do.

A role is a named set of permissions; a token carries its own set, never more than its maker had.
To report an attack (`ingest`) is a permission of its own: a detector's token can do nothing else,
and a viewer cannot cause a mitigation.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from prefixd.domain.ids import OperatorId, TokenId


class ActorKind(StrEnum):
    SYSTEM = "system"
    DETECTOR = "detector"
    OPERATOR = "operator"


class PeerOperation(StrEnum):
    """What an operator may do to a neighbor."""

    RESET = "reset"
    REFRESH = "refresh"
    DISABLE = "disable"
    ENABLE = "enable"
    RELEASE = "release"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    READ = "read"
    INGEST = "ingest"
    MITIGATE = "mitigate"  # create, extend, withdraw, acknowledge by hand; approve groups
    AUDIT = "audit"  # read the audit log
    SAFELIST = "safelist"  # change the safelist
    CONFIGURE = "configure"  # change or reload configuration, replay
    PEERS = "peers"  # reset sessions, maintenance
    OPERATORS = "operators"  # manage operators and tokens


_VIEWER: Final = frozenset({Permission.READ})
_OPERATOR: Final = _VIEWER | {Permission.INGEST, Permission.MITIGATE, Permission.AUDIT}
_ADMIN: Final = frozenset(Permission)

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.OPERATOR: _OPERATOR, Role.ADMIN: _ADMIN}
)


class Actor(Struct, frozen=True, kw_only=True):
    """Who acts. `role` is None for the system and for tokens with their own scopes."""

    kind: ActorKind
    name: str
    permissions: frozenset[Permission]
    role: Role | None = None
    operator_id: OperatorId | None = None
    token_id: TokenId | None = None
    sources: frozenset[str] | None = None  # source names it may speak for; None: any

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def may_speak_for(self, source: str) -> bool:
        return self.sources is None or source in self.sources


def operator(name: str, role: Role, operator_id: OperatorId | None = None) -> Actor:
    return Actor(
        kind=ActorKind.OPERATOR,
        name=name,
        permissions=ROLE_PERMISSIONS[role],
        role=role,
        operator_id=operator_id,
    )


SYSTEM: Final = Actor(kind=ActorKind.SYSTEM, name="system", permissions=_ADMIN)


def parse_role(text: str) -> Role:
    """A role from a stored word. An unknown word gives the role with the fewest rights."""
    try:
        return Role(text)
    except ValueError:
        return Role.VIEWER
