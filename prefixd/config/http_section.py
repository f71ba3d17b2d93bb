"""`http:` of prefixd.yaml: where the API listens, and who may call."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefixd.api.settings import ApiSettings, Listen, RateLimitSettings, TlsSettings
from prefixd.auth.settings import AuthMode, AuthSettings, CookiePolicy, LoginSettings
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    HOST_PORT,
    NAME,
    PREFIX,
    Flag,
    Listing,
    Mapped,
    Table,
    Text,
    Whole,
    Word,
)
from prefixd.config.reader import BAD, Bad, Live, Reader
from prefixd.config.schema import Fields, Section, field_defaults, given, gone, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file
from prefixd.domain.actor import Role

PATH = Mapped(Text(maximum=4096, what="a path"), Path)
DEFAULT_TOKEN_ENV = "PREFIXD_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret
LISTEN = Mapped(HOST_PORT, lambda pair: Listen(*pair))


class _ExistingFile:
    """The path of a file that can be read, absolute afterwards."""

    def read(self, value: object, reader: Reader) -> Path | Bad:
        text = Text(maximum=4096, what="a path").read(value, reader)
        if isinstance(text, Bad):
            return BAD
        path = reader.directory / text
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return reader.complain(f"{path} cannot be read: {reason}")

    def describe(self) -> str:
        return "path of a file"


FILE = _ExistingFile()

TLS = Section(
    TlsSettings,
    [
        key("cert_path", FILE, "Certificate chain, PEM."),
        key("key_path", FILE, "Its key."),
        key("ca_path", FILE, "Whose client certificates are accepted; needed by mode mtls.",
            default_text="none"),
    ],
    doc="TLS for the API.",
)  # fmt: skip

RATE_LIMIT = Section(
    RateLimitSettings,
    [
        key("events_per_second", AT_LEAST_ONE, "Requests a second, per client."),
        key("burst", AT_LEAST_ONE, "Requests at once, per client."),
    ],
    doc="Per client; health and metrics are not counted.",
)

LOGIN = Section(
    LoginSettings,
    [
        key("attempts", AT_LEAST_ONE, "Failed logins allowed per name and per address."),
        key("window_seconds", AT_LEAST_ONE, "Within this time.", field="window_s", unit="s"),
    ],
    doc="Throttle of failed logins.",
)

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
        self.section: Section[Fields] = Section(
            given,
            [
                key("mode", Word(AuthMode), "`none`: everybody is admin; `bearer`: shared token, "
                    "API tokens, sessions; `credentials`: API tokens, sessions; `mtls`: client "
                    "certificates."),
                key("bearer_token", Text(minimum=16, maximum=4096), "The shared token. Write "
                    "`${VAR}` rather than the token itself.", default=None, default_text="none",
                    is_secret=True),
                key("bearer_token_env", NAME, "Name of the variable that holds it.", default=None,
                    default_text=f"`{DEFAULT_TOKEN_ENV}`"),
                key("bearer_token_file", Text(maximum=4096), "File that holds it.", default=None,
                    default_text="none"),
                key("bearer_role", Word(Role), "What the shared token may do."),
                key("mtls", MTLS, "Client certificates.", field="mtls_roles"),
                key("session_idle_seconds", AT_LEAST_ONE, "A session ends after this much "
                    "silence.", field="session_idle_s", unit="s"),
                key("cookie", Word(CookiePolicy), "When the session cookie is marked Secure."),
                key("login", LOGIN, "Throttle of failed logins."),
                gone("ldap", "directory login does not exist; create operators instead"),
                gone("radius", "directory login does not exist; create operators instead"),
            ],
            doc="Who may call.",
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


HTTP = Section(
    lambda auth, **fields: Http(api=ApiSettings(**fields), auth=auth),
    [
        key("listen", LISTEN, "Address of the API."),
        key("unix_socket", PATH, "Listen here as well.", default_text="none"),
        key("auth", AUTH, "Who may call."),
        key("tls", TLS, "Certificate of the API.", default=None, default_text="absent: clear text"),
        key("rate_limit", RATE_LIMIT, "Limits per client."),
        key("cors_origin", Text(pattern=r"https?://[^/\s]+", what="an origin such as "
            "https://noc.example.net"), "The other origin whose pages may call.",
            default_text="none"),
        key("trusted_proxies", Listing(kind=PREFIX), "Whose X-Forwarded-For is believed."),
        key("max_body_bytes", Whole(minimum=1024), "Largest request.", unit="bytes"),
        key("request_timeout_seconds", Whole(minimum=1, maximum=600), "Longest request.",
            field="request_timeout_s", unit="s"),
        key("metrics_public", Flag(), "/metrics without authentication."),
    ],
    doc="The API, and who may call.",
    live=Live.RESTART,
    defaults=ApiSettings,
)  # fmt: skip
