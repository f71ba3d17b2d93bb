"""prefixd.yaml: where this instance is, its API and neighbors, and its limits.

Operators think in sections; the classes behind them belong to the packages that use them. Where
one class is fed by several sections, or one section feeds several classes, the section yields the
fields that were given, and `assemble.py` puts them together.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from prefixd import setting
from prefixd.api.settings import ApiSettings
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.bgp.settings import DynamicRange, PeerSettings, SpeakerSettings
from prefixd.config.alerting_file import ALERTING
from prefixd.config.correlation_file import CORRELATION
from prefixd.config.introspect import doc_of, keys_of, listing_of, section_of
from prefixd.config.kinds import NAME, Flag, Table, Text, Word
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import Fields, Key, Section, field_defaults, given, gone, key
from prefixd.config.secrets import DATABASE_URL, SecretMissing, from_environment, from_file
from prefixd.domain.actor import Role
from prefixd.domain.prefix import Prefix
from prefixd.engine.settings import EngineSettings, Mode
from prefixd.guardrails.limits import Limits
from prefixd.observability.settings import ObservabilitySettings
from prefixd.policy.playbook import Escalation, PolicySettings
from prefixd.setting import Default, Doc, Live, Many
from prefixd.store.settings import StoreSettings

DEFAULT_TOKEN_ENV = "PREFIXD_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret

MIN_TOKEN = 16
"""Characters of the shared token, wherever it comes from."""

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
                key("bearer_token", Text(minimum=MIN_TOKEN, maximum=4096), "The shared token. "
                    "Write `${VAR}` rather than the token itself.", default=None,
                    default_text="none", is_secret=True),
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
            token = from_file(source.file, reader.directory)
        else:
            token = from_environment(source.env or DEFAULT_TOKEN_ENV, reader.env)
        if len(token) < MIN_TOKEN:
            return reader.complain(f"must be at least {MIN_TOKEN} characters long")
        return token
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


def _fields_of(
    *classes: type[Any], keys: Iterable[Key], doc: str, live: Live = Live.LIVE
) -> Section[Fields]:
    """A section that yields the fields given, for classes that other sections feed as well."""
    defaults = {name: value for cls in classes for name, value in field_defaults(cls).items()}
    return Section(
        given, keys, doc=doc, live=live, defaults=classes[0] if len(classes) == 1 else defaults
    )


def _guardrail_keys() -> list[Key]:
    """TTL bounds that this section leaves out are those of the timers."""
    return [
        replace(entry, default_text=f"timers.{entry.name}")
        if entry.field in {"min_ttl_s", "max_ttl_s"}
        else entry
        for entry in keys_of(Limits, "guardrails")
    ]


NEIGHBOR = section_of(PeerSettings, live=Live.PEER_RESTART)
_RANGE_FIELDS = ("name", "prefix", "max_peers", "linger_s")


def _range_keys() -> list[Key]:
    """Those of a range, and those of a neighbor that its peers share."""
    own = keys_of(DynamicRange)
    defaults = field_defaults(DynamicRange)
    found = [replace(entry, default=defaults.get(entry.field, entry.default)) for entry in own]
    asns, *shared = (entry for entry in NEIGHBOR.keys if entry.name not in {"name", "address"})
    return [*found, replace(asns, doc="AS numbers allowed."), *shared]


def _range(**fields: object) -> DynamicRange:
    own = {name: fields.pop(name) for name in _RANGE_FIELDS if name in fields}
    prefix = own["prefix"]
    assert isinstance(prefix, ipaddress.IPv4Network | ipaddress.IPv6Network)
    template = {"name": own["name"], "address": prefix.network_address, **fields}
    return DynamicRange(**own, template=PeerSettings(**template))  # type: ignore[arg-type]  # the keys are made of these fields


DYNAMIC = Section(
    _range,
    _range_keys(),
    doc=doc_of(DynamicRange),
    live=Live.PEER_RESTART,
    identity="name",
    defaults=PeerSettings,
)
BGP = section_of(
    SpeakerSettings,
    kinds={"peers": listing_of(NEIGHBOR), "dynamic": listing_of(DYNAMIC)},
    extra=[
        gone("gobgp_grpc", "the BGP speaker is part of prefixd; list routers under bgp.neighbors")
    ],
)


GUARDRAILS = _fields_of(Limits, keys=_guardrail_keys(), doc=doc_of(Limits))
QUOTAS = _fields_of(
    Limits, keys=keys_of(Limits, "quotas"), doc="How many mitigations there may be."
)
_MIN_TTL, _MAX_TTL, *_LIFETIMES = keys_of(Limits, "timers")
TIMERS = _fields_of(
    PolicySettings,
    Limits,
    EngineSettings,
    keys=[
        *keys_of(PolicySettings, "timers"),
        _MIN_TTL,
        _MAX_TTL,
        *keys_of(EngineSettings, "timers"),
        *_LIFETIMES,
        gone("correlation_window_seconds", "set window_seconds in correlation.yaml"),
    ],
    doc="Times that have no better home.",
)
ESCALATION = _fields_of(
    PolicySettings,
    Escalation,
    keys=[*keys_of(Escalation), *keys_of(PolicySettings, "escalation")],
    doc=doc_of(Escalation),
)
ENGINE = _fields_of(
    EngineSettings, keys=keys_of(EngineSettings), doc=doc_of(EngineSettings), live=Live.RESTART
)
SHUTDOWN = _fields_of(
    EngineSettings,
    keys=[
        *keys_of(EngineSettings, "shutdown"),
        key("preserve_announcements", Flag(), "Leave rules to the routers' graceful restart; "
            "false withdraws them. A neighbor's stop_mode decides for itself.", default=True),
    ],
    doc="What happens on SIGTERM.",
    live=Live.RESTART,
)  # fmt: skip


class StorageSection(Section[StoreSettings]):
    """`storage`, and two keys of the earlier daemon that may only repeat `connection_string`."""

    def __init__(self) -> None:
        said = "connection_string names the database"
        keys = [*keys_of(StoreSettings), gone("driver", said), gone("path", said)]
        super().__init__(StoreSettings, keys, doc=doc_of(StoreSettings), live=Live.RESTART)

    def read(self, value: object, reader: Reader) -> StoreSettings | Bad:
        known = len(reader.problems)
        found = super().read(value, reader)
        if isinstance(found, Bad) or not isinstance(value, dict):
            return found
        url = reader.env.get(DATABASE_URL)
        storage = replace(found, connection_string=url) if url else found
        wrong = _earlier_connection(value.get("driver"), value.get("path"), storage)
        if wrong is None:
            return found
        del reader.problems[known:]  # warnings that these keys have no effect
        reader.complain_key(*wrong)
        return BAD


def _earlier_connection(
    driver: object, path: object, storage: StoreSettings
) -> tuple[str, str, str] | None:
    """Key, message and hint where `driver` or `path` say something else than the connection."""
    contradicts = "contradicts connection_string"
    match driver:
        case None | "sqlite":
            if isinstance(path, str) and not (
                storage.is_postgres or (storage.is_sqlite and storage.sqlite_path == path)
            ):
                url = f"sqlite://{path}" if path.startswith("/") else f"sqlite:{path}"
                return "path", contradicts, f"write connection_string: {url}"
            if driver == "sqlite" and not storage.is_sqlite:
                return "driver", contradicts, "take one of them away"
        case "postgres" | "postgresql":
            if not storage.is_postgres:
                wanted = "write connection_string: postgres://user@host/database"
                return "driver", contradicts, wanted
        case _:
            return "driver", "must be sqlite or postgres", "write connection_string instead"
    return None


STORAGE = StorageSection()
OBSERVABILITY = section_of(
    ObservabilitySettings,
    extra=[
        gone("audit_log_path", "the audit log is in the database: prefixdctl audit"),
        gone("metrics_listen", "metrics are served at /metrics of http.listen"),
    ],
    live=Live.RESTART,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Safelist:
    """What must never be filtered."""

    prefixes: Annotated[
        tuple[Prefix, ...],
        Many(unique=False),
        Doc("Never filtered. An entry that goes from the file goes from the safelist."),
    ] = ()
    infrastructure: Annotated[
        tuple[Prefix, ...],
        Many(unique=False),
        Doc(
            "Loopbacks, management networks, resolvers: never filtered, and shown as "
            "infrastructure. Routers and our own addresses are known from bgp."
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MainFile:
    """prefixd.yaml as read; None where the section is left to its own file."""

    pop: Annotated[
        str,
        setting.Text(
            maximum=64,
            pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
            what="a name of letters, digits, ._-",
        ),
        Doc("Name of this site; part of every mitigation."),
        Live.RESTART,
    ]
    mode: Annotated[
        Mode,
        Doc("`dry-run` decides and shows but announces nothing; `enforced` announces."),
        Live.LIVE,
    ] = Mode.DRY_RUN
    http: Annotated[Http, Doc("The API, and who may call.")]
    bgp: Annotated[SpeakerSettings, Doc("The BGP speaker and its neighbors.")]
    guardrails: Annotated[Fields, Doc("Hard limits.")]
    quotas: Annotated[Fields, Doc("How many mitigations there may be.")]
    timers: Annotated[Fields, Doc("Times.")]
    escalation: Annotated[Fields, Doc("When later steps are taken.")]
    storage: Annotated[StoreSettings, Doc("The database.")]
    observability: Annotated[ObservabilitySettings, Doc("Logs.")]
    safelist: Annotated[Safelist, Doc("What must never be filtered.")]
    shutdown: Annotated[Fields, Doc("What happens on SIGTERM.")]
    engine: Annotated[Fields, Doc("Bounds of the machine.")]
    alerting: Annotated[object, Doc("Used when there is no alerting.yaml."), Default("none")] = None
    correlation: Annotated[
        object, Doc("Used when there is no correlation.yaml."), Default("none")
    ] = None


MAIN = section_of(
    MainFile,
    kinds={
        "http": HTTP,
        "bgp": BGP,
        "guardrails": GUARDRAILS,
        "quotas": QUOTAS,
        "timers": TIMERS,
        "escalation": ESCALATION,
        "storage": STORAGE,
        "observability": OBSERVABILITY,
        "safelist": section_of(Safelist, live=Live.LIVE),
        "shutdown": SHUTDOWN,
        "engine": ENGINE,
        "alerting": ALERTING,
        "correlation": CORRELATION,
    },
)
