"""How callers prove who they are, and how long that holds.

Secrets arrive here resolved and never print. Roles are the domain's words; which permission a role
carries is decided there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from prefixd.domain.actor import Role
from prefixd.setting import Doc, Named, Positive


class AuthMode(StrEnum):
    NONE = "none"
    """Every caller is admin. For a loopback address and trials."""
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
    """Throttle of failed logins."""

    attempts: Annotated[Positive, Doc("Failed logins allowed per name and per address.")] = 5
    window_s: Annotated[Positive, Doc("Within this time.")] = 60


def _no_roles() -> Mapping[str, Role]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """Who may call."""

    mode: Annotated[
        AuthMode,
        Doc(
            "`none`: every caller is admin; `bearer`: shared token, API tokens, sessions; "
            "`credentials`: API tokens, sessions; `mtls`: client certificates."
        ),
    ]
    bearer_token: str | None = field(default=None, repr=False)
    """The shared token of bearer mode. Its three keys are the configuration's: only that mode
    looks it up."""
    bearer_role: Annotated[Role, Doc("What the shared token may do.")] = Role.OPERATOR
    mtls_roles: Annotated[Mapping[str, Role], Named("mtls"), Doc("Client certificates.")] = field(
        default_factory=_no_roles
    )
    """Certificate name (common name or a DNS subject name) to role. Others are refused."""
    session_idle_s: Annotated[Positive, Doc("A session without a request for this long ends.")] = (
        7 * 86_400
    )
    cookie: Annotated[CookiePolicy, Doc("When the session cookie is marked Secure.")] = (
        CookiePolicy.AUTO
    )
    login: Annotated[LoginSettings, Doc("Throttle of failed logins.")] = LoginSettings()
