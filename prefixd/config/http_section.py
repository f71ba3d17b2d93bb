"""`http:` of prefixd.yaml: where the API listens, and who may call."""

from collections.abc import Mapping
from dataclasses import dataclass

from prefixd.api.settings import ApiSettings
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.config.introspect import doc_of, keys_of
from prefixd.config.kinds import (
    NAME,
    Table,
    Text,
    Word,
)
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import Fields, Section, field_defaults, given, gone, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file
from prefixd.domain.actor import Role
from prefixd.setting import Live

DEFAULT_TOKEN_ENV = "PREFIXD_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret

MTLS: Section[Mapping[str, Role]] = Section(
    lambda roles: roles,
    [key("roles", Table(NAME, Word(Role)), "Role by certificate name.", default={})],
    doc="Client certificates.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenSource:
    """Where the shared token comes from. Looked up only in bearer mode: a file may name a
    variable that another mode does not need."""

    text: str | None = None
    env: str | None = None
    file: str | None = None


class AuthSection:
    """The `auth` section; in bearer mode the shared token must be there."""

    def __init__(self) -> None:
        mode, *others = keys_of(AuthSettings, kinds={"mtls_roles": MTLS})
        self.section: Section[Fields] = Section(
            given,
            [
                mode,
                key("bearer_token", Text(minimum=16, maximum=4096), "The shared token. Write "
                    "`${VAR}` rather than the token itself.", default=None, default_text="none",
                    is_secret=True),
                key("bearer_token_env", NAME, "Name of the variable that holds it.", default=None,
                    default_text=f"`{DEFAULT_TOKEN_ENV}`"),
                key("bearer_token_file", Text(maximum=4096), "File that holds it.", default=None,
                    default_text="none"),
                *others,
                gone("ldap", "directory login does not exist; create operators instead"),
                gone("radius", "directory login does not exist; create operators instead"),
            ],
            doc=doc_of(AuthSettings),
            defaults={**field_defaults(AuthSettings), **dict.fromkeys(
                ("bearer_token_env", "bearer_token_file"))},
        )  # fmt: skip
        self.doc = self.section.doc

    def read(self, value: object, reader: Reader) -> AuthSettings | Bad:
        fields = self.section.read(value, reader)
        if isinstance(fields, Bad):
            return BAD
        source = _TokenSource(
            text=_text(fields.pop("bearer_token", None)),
            env=_text(fields.pop("bearer_token_env", None)),
            file=_text(fields.pop("bearer_token_file", None)),
        )
        if fields["mode"] is AuthMode.BEARER:
            token = _token(source, reader)
            if isinstance(token, Bad):
                return BAD
            fields["bearer_token"] = token
        return AuthSettings(**fields)  # type: ignore[arg-type]  # the table names exactly its fields

    def describe(self) -> str:
        return "section"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _token(source: _TokenSource, reader: Reader) -> str | Bad:
    if source.text is not None:
        return source.text
    name = "bearer_token_file" if source.file is not None else "bearer_token_env"
    reader.path.append(name)
    try:
        if source.file is not None:
            return from_file(source.file, reader.directory)
        return from_environment(source.env or DEFAULT_TOKEN_ENV, reader.env)
    except SecretMissing as missing:
        return reader.complain(f"mode bearer needs a token: {missing.message}", hint=missing.hint)
    finally:
        reader.path.pop()


AUTH = AuthSection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    api: ApiSettings
    auth: AuthSettings


_LISTENING = keys_of(ApiSettings)
HTTP = Section(
    lambda auth, **fields: Http(api=ApiSettings(**fields), auth=auth),
    [*_LISTENING[:2], key("auth", AUTH, "Who may call."), *_LISTENING[2:]],
    doc=doc_of(ApiSettings),
    live=Live.RESTART,
    defaults=ApiSettings,
)
