"""How callers prove who they are, and how long that holds.

Secrets arrive here resolved and never print. Roles are the domain's words; which permission a role
carries is decided there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from prefixd.domain.actor import Role


class AuthMode(StrEnum):
    NONE = "none"
    """Everybody is admin. For a loopback address and trials."""
    BEARER = "bearer"
    """A session, a scoped token, or the shared token."""
    CREDENTIALS = "credentials"
    """A session or a scoped token."""
    MTLS = "mtls"
    """A client certificate whose name is mapped to a role."""


class CookiePolicy(StrEnum):
    """Whether the session cookie is marked Secure."""

    AUTO = "auto"
    """When the browser spoke TLS, to us or to a trusted proxy that says so."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """Failed logins are counted per name and per address; either limit closes the door."""

    attempts: int = 5
    window_s: int = 60


def _no_roles() -> Mapping[str, Role]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    mode: AuthMode
    bearer_token: str | None = field(default=None, repr=False)
    """The shared token of bearer mode."""
    bearer_role: Role = Role.OPERATOR
    """What the shared token may do."""
    mtls_roles: Mapping[str, Role] = field(default_factory=_no_roles)
    """Certificate name (common name or a DNS subject name) to role. Others are refused."""
    session_idle_s: int = 7 * 86_400
    cookie: CookiePolicy = CookiePolicy.AUTO
    login: LoginSettings = LoginSettings()
