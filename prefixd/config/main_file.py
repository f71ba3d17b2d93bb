"""prefixd.yaml: where this instance is, whom it listens to, and its limits.

Several settings classes meet in one file, and one class is fed from several sections, because
operators think in sections and packages in classes. Sections that do not build a class of their
own yield the fields that were given; `assemble.py` puts them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefixd.api.settings import ApiSettings, Listen, RateLimitSettings, TlsSettings
from prefixd.auth.settings import AuthMode, AuthSettings, CookiePolicy, LoginSettings
from prefixd.bgp.settings import SpeakerSettings
from prefixd.config.alerting_file import ALERTING
from prefixd.config.bgp_section import BGP
from prefixd.config.correlation_file import CORRELATION
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    HOST_PORT,
    NAME,
    PREFIX,
    SECONDS,
    SHARE,
    Flag,
    Listing,
    Mapped,
    Number,
    Spelled,
    Table,
    Text,
    Whole,
    Word,
)
from prefixd.config.reader import BAD, Bad, Live, Reader
from prefixd.config.schema import Section, field_defaults, gone, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file
from prefixd.domain.actor import Role
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import MIN_POLICE_BPS, PortRange
from prefixd.engine.settings import EngineSettings, Mode
from prefixd.guardrails.limits import Limits, ProtectedFlow
from prefixd.observability.settings import LogFormat, LogLevel, ObservabilitySettings
from prefixd.policy.playbook import MAX_TTL_S, Escalation, PolicySettings
from prefixd.store.settings import RetentionSettings, StoreSettings

Fields = dict[str, object]
POP = Text(maximum=64, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*", what="a name of letters, digits, ._-")
PATH = Mapped(Text(maximum=4096, what="a path"), Path)
TTL = Whole(minimum=1, maximum=MAX_TTL_S)
LENGTH_V4 = Whole(maximum=32)
LENGTH_V6 = Whole(maximum=128)
DEFAULT_TOKEN_ENV = "PREFIXD_API_TOKEN"  # noqa: S105 - the name of a variable, not a secret


def given(**fields: object) -> Fields:
    return fields


LISTEN = Mapped(HOST_PORT, lambda pair: Listen(*pair))


class _Quota:
    """A whole number, or `unlimited`."""

    def read(self, value: object, reader: Reader) -> int | Bad | None:
        if value == "unlimited":
            return None
        return AT_LEAST_ONE.read(value, reader)

    def describe(self) -> str:
        return "whole number ≥ 1, or `unlimited`"


QUOTA = _Quota()

TLS = Section(
    TlsSettings,
    [
        key("cert_path", PATH, "Certificate chain, PEM."),
        key("key_path", PATH, "Its key."),
        key("ca_path", PATH, "Whose client certificates are accepted; needed by mode mtls.",
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
        key("listen", LISTEN, "Address of the API and the dashboard."),
        key("unix_socket", PATH, "Listen here as well.", default_text="none"),
        key("auth", AUTH, "Who may call."),
        key("tls", TLS, "TLS.", default=None, default_text="absent: clear text"),
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
    doc="The API, the dashboard, and who may call.",
    live=Live.RESTART,
    defaults=ApiSettings,
)  # fmt: skip


def _port_range(text: str) -> PortRange | None:
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        return None
    found = PortRange(int(low), int(high or low))
    return found if 0 < found.low <= found.high <= 65535 else None


class _PortRangeKind:
    """A port, or `"1000-2000"`."""

    def read(self, value: object, reader: Reader) -> PortRange | Bad:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return Spelled(_port_range, 'a port or a range such as "3784-3785"').read(text, reader)

    def describe(self) -> str:
        return 'port or `"low-high"`'


PROTECTED_FLOW = Section(
    ProtectedFlow,
    [
        key("name", Text(), "What a refusal says to people."),
        key("dst", PREFIX, "Destination.", default_text="any"),
        key("src", PREFIX, "Source.", default_text="any"),
        key("protocol", Whole(maximum=255), "IP protocol.", default_text="any"),
        key("dst_ports", Listing(kind=_PortRangeKind()), "Destination ports.",
            default_text="any"),
        key("src_ports", Listing(kind=_PortRangeKind()), "Source ports.", default_text="any"),
    ],
    doc="Traffic that no rule may touch.",
)  # fmt: skip

GUARDRAILS: Section[Fields] = Section(
    given,
    [
        key("require_ttl", Flag(), "Refuse rules without a time to live."),
        key("min_ttl_seconds", TTL, "Shortest time to live.", field="min_ttl_s", unit="s",
            default_text="timers.min_ttl_seconds"),
        key("max_ttl_seconds", TTL, "Longest time to live.", field="max_ttl_s", unit="s",
            default_text="timers.max_ttl_seconds"),
        key("dst_prefix_minlen", LENGTH_V4, "Shortest IPv4 destination.",
            field="dst_prefix_min_length_v4"),
        key("dst_prefix_maxlen", LENGTH_V4, "Longest IPv4 destination.",
            field="dst_prefix_max_length_v4"),
        key("dst_prefix_minlen_v6", LENGTH_V6, "Shortest IPv6 destination.",
            field="dst_prefix_min_length_v6"),
        key("dst_prefix_maxlen_v6", LENGTH_V6, "Longest IPv6 destination.",
            field="dst_prefix_max_length_v6"),
        key("max_ports", Whole(minimum=1, maximum=1024), "Most ports or port ranges in a rule."),
        key("min_police_bps", Whole(minimum=MIN_POLICE_BPS), "Lowest rate of a policer.",
            unit="bit/s"),
        key("require_owned", Flag(), "Detectors may only report addresses of the inventory."),
        key("max_discard_share", SHARE, "Share of our own addresses that one dropping rule may "
            "cover."),
        key("allow_src_prefix_match", Flag(), "Allow rules that name a source prefix."),
        key("allow_tcp_flags_match", Flag(), "Allow rules that name TCP flags."),
        key("allow_fragment_match", Flag(), "Allow rules that name fragments."),
        key("allow_packet_length_match", Flag(), "Allow rules that name packet lengths."),
        key("protected_flows", Listing(kind=PROTECTED_FLOW, unique=False),
            "Traffic that no rule may touch; our own BGP sessions always are."),
    ],
    doc="Hard limits; a rule that breaks one is refused.",
    live=Live.LIVE,
    defaults=Limits,
)  # fmt: skip

QUOTAS: Section[Fields] = Section(
    given,
    [
        key("max_active_per_customer", QUOTA, "Live mitigations of one customer."),
        key("max_active_per_pop", QUOTA, "Live mitigations of this site."),
        key("max_active_global", QUOTA, "Live mitigations of all sites."),
        key("max_new_per_minute", QUOTA, "New mitigations a minute."),
        key("max_announcements_per_peer", QUOTA, "Rules announced to one peer."),
    ],
    doc="How many mitigations there may be.",
    live=Live.LIVE,
    defaults=Limits,
)

_TIMER_DEFAULTS = {
    **field_defaults(Limits),
    "default_ttl_s": field_defaults(PolicySettings)["default_ttl_s"],
    "reconcile_interval_s": field_defaults(EngineSettings)["reconcile_interval_s"],
}
TIMERS: Section[Fields] = Section(
    given,
    [
        key("default_ttl_seconds", TTL, "For steps whose ttl_seconds is 0.",
            field="default_ttl_s", unit="s"),
        key("min_ttl_seconds", TTL, "Shortest time to live.", field="min_ttl_s", unit="s"),
        key("max_ttl_seconds", TTL, "Longest time to live.", field="max_ttl_s", unit="s"),
        key("reconciliation_interval_seconds", Number(minimum=1, maximum=86_400),
            "How often what routers hold is compared with what they should.",
            field="reconcile_interval_s", unit="s", live=Live.RESTART),
        key("quiet_period_after_withdraw_seconds", SECONDS, "After a withdrawal by hand the same "
            "rule is not made again for this long.", field="quiet_period_after_withdraw_s",
            unit="s"),
        key("max_lifetime_seconds", SECONDS, "Longest life of a mitigation, extensions "
            "included; 0: no bound.", field="max_lifetime_s", unit="s"),
        gone("correlation_window_seconds", "set window_seconds in correlation.yaml"),
    ],
    doc="Times that have no better home.",
    live=Live.LIVE,
    defaults=_TIMER_DEFAULTS,
)  # fmt: skip

ESCALATION: Section[Fields] = Section(
    given,
    [
        key("enabled", Flag(), "false keeps every mitigation at its first step."),
        key("min_persistence_seconds", SECONDS, "What a later step needs when it says nothing.",
            field="min_persistence_s", unit="s"),
        key("min_confidence", SHARE, "What a later step needs when it says nothing."),
        key("max_escalated_duration_seconds", SECONDS, "Longest remaining life of a mitigation "
            "that escalates.", field="max_escalated_duration_s", unit="s"),
        key("relaxed_confidence", SHARE, "From here on a customer of profile relaxed starts with "
            "the discard."),
    ],
    doc="When later steps of a playbook are taken.",
    live=Live.LIVE,
    defaults={
        **field_defaults(Escalation),
        "relaxed_confidence": field_defaults(PolicySettings)["relaxed_confidence"],
    },
)  # fmt: skip

DAYS = Whole(maximum=36_500)
RETENTION = Section(
    RetentionSettings,
    [
        key("events_days", DAYS, "Detector events.", unit="days"),
        key("mitigations_days", DAYS, "Ended mitigations.", unit="days"),
        key("groups_days", DAYS, "Closed signal groups.", unit="days"),
        key("decisions_days", DAYS, "Decision records.", unit="days"),
        key("audit_days", DAYS, "Audit entries.", unit="days"),
        key("notifications_days", DAYS, "Delivered alerts.", unit="days"),
        key("idempotency_hours", DAYS, "Answers kept for repeated requests.", unit="hours"),
        key("batch_rows", AT_LEAST_ONE, "Rows deleted at a time."),
    ],
    doc="How long finished rows are kept; 0: for ever.",
)  # fmt: skip

CONNECTION = Spelled(
    lambda text: text if text.startswith(("sqlite:", "postgres://", "postgresql://")) else None,
    "sqlite:///absolute/path, sqlite:relative/path or postgres://…",
)
STORAGE = Section(
    StoreSettings,
    [
        key("connection_string", CONNECTION, "The database. DATABASE_URL in the environment "
            "overrides it.", is_secret=True,
            default_text=f"`{StoreSettings().connection_string}`"),
        key("read_connections", AT_LEAST_ONE, "SQLite readers, or size of the PostgreSQL pool."),
        key("connect_timeout_seconds", Number(above_minimum=True), "To connect.",
            field="connect_timeout_s", unit="s"),
        key("read_timeout_seconds", Number(above_minimum=True), "Of one query.",
            field="read_timeout_s", unit="s"),
        key("write_timeout_seconds", Number(above_minimum=True), "Of one commit.",
            field="write_timeout_s", unit="s"),
        key("lock_timeout_seconds", Number(above_minimum=True), "To wait for another process.",
            field="lock_timeout_s", unit="s"),
        key("queue_limit", AT_LEAST_ONE, "Writes waiting; one more is answered 503."),
        key("batch_limit", AT_LEAST_ONE, "Writes that share a commit."),
        key("max_file_mb", Whole(), "SQLite: largest file; 0: as large as the disk.",
            unit="MiB"),
        key("retention", RETENTION, "How long finished rows are kept."),
    ],
    doc="Where mitigations, events and the audit log are kept.",
    live=Live.RESTART,
)  # fmt: skip


class _LogFormatKind:
    """`json` or `text`; the earlier daemon's `pretty` means text."""

    def read(self, value: object, reader: Reader) -> LogFormat | Bad:
        return LogFormat.TEXT if value == "pretty" else Word(LogFormat).read(value, reader)

    def describe(self) -> str:
        return f"{Word(LogFormat).describe()}; `pretty` means text"


class _LogLevelKind:
    """The earlier daemon also knew `trace` and `warning`."""

    def read(self, value: object, reader: Reader) -> LogLevel | Bad:
        level = log_level(value) if isinstance(value, str) else None
        return level if level is not None else Word(LogLevel).read(value, reader)

    def describe(self) -> str:
        return Word(LogLevel).describe()


_LEVEL_WORDS = {"trace": LogLevel.DEBUG, "warning": LogLevel.WARN}


def log_level(text: str) -> LogLevel | None:
    word = text.strip().lower()
    if word in _LEVEL_WORDS:
        return _LEVEL_WORDS[word]
    return LogLevel(word) if word in list(LogLevel) else None


OBSERVABILITY = Section(
    ObservabilitySettings,
    [
        key("log_format", _LogFormatKind(), "One JSON object a line, or text for a terminal."),
        key("log_level", _LogLevelKind(), "RUST_LOG in the environment overrides it."),
        gone("audit_log_path", "the audit log is in the database: prefixdctl audit"),
        gone("metrics_listen", "metrics are served at /metrics of http.listen"),
    ],
    doc="Logs.",
    live=Live.RESTART,
)

SAFELIST: Section[Fields] = Section(
    given,
    [
        key("prefixes", Listing(kind=PREFIX, unique=False), "Never filtered. An entry that goes "
            "from the file goes from the safelist.", default=()),
        key("infrastructure", Listing(kind=PREFIX, unique=False), "Loopbacks, management "
            "networks, resolvers: never filtered, and shown as infrastructure. Routers and our "
            "own addresses are known from bgp.", default=()),
    ],
    doc="What must never be filtered.",
    live=Live.LIVE,
)  # fmt: skip

SHUTDOWN: Section[Fields] = Section(
    given,
    [
        key("drain_timeout_seconds", Number(minimum=0, maximum=3600), "Longest time to finish "
            "what was begun.", field="drain_timeout_s", unit="s",
            default=field_defaults(EngineSettings)["drain_timeout_s"]),
        key("preserve_announcements", Flag(), "Leave rules to the routers' graceful restart; "
            "false withdraws them. A neighbor's stop_mode decides for itself.", default=True),
    ],
    doc="What happens on SIGTERM.",
    live=Live.RESTART,
)  # fmt: skip

ENGINE: Section[Fields] = Section(
    given,
    [
        key("answer_wait_seconds", Number(above_minimum=True), "A report that waits longer is "
            "answered `queued`.", field="answer_wait_s", unit="s"),
        key("victim_queue_limit", AT_LEAST_ONE, "Reports waiting for one victim; one more is "
            "answered 503."),
        key("total_queue_limit", AT_LEAST_ONE, "Reports waiting in all; one more is answered "
            "503."),
        key("victim_batch_limit", AT_LEAST_ONE, "Reports of one victim decided at a time."),
        key("reconcile_batch", AT_LEAST_ONE, "Rules compared before other work has its turn."),
        key("withdraw_guard_count", Whole(), "A reconcile that would withdraw more rules than "
            "this, and more than the share below, because rows cannot be read, withdraws none."),
        key("withdraw_guard_share", SHARE, "See withdraw_guard_count."),
        key("store_retry_seconds", Number(above_minimum=True), "Pause while the database is "
            "away.", field="store_retry_s", unit="s"),
        key("held_retry_seconds", Number(above_minimum=True), "How often a group without room is "
            "looked at again.", field="held_retry_s", unit="s"),
        key("signal_horizon_seconds", AT_LEAST_ONE, "Episodes kept in memory after their last "
            "report.", field="signal_horizon_s", unit="s"),
        key("episode_memory_limit", AT_LEAST_ONE, "Episodes kept in memory."),
        key("subscriber_queue_limit", AT_LEAST_ONE, "News waiting for one subscriber; beyond it "
            "it must fetch everything again."),
    ],
    doc="Bounds of the machine; the defaults suit most.",
    live=Live.RESTART,
    defaults=EngineSettings,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MainFile:
    """prefixd.yaml as read; None where the section is left to its own file."""

    pop: str
    mode: Mode
    http: Http
    bgp: SpeakerSettings
    guardrails: Fields
    quotas: Fields
    timers: Fields
    escalation: Fields
    storage: StoreSettings
    observability: ObservabilitySettings
    safelist: Mapping[str, tuple[Prefix, ...]]
    shutdown: Fields
    engine: Fields
    alerting: object = None
    correlation: object = None


MAIN = Section(
    MainFile,
    [
        key("pop", POP, "Name of this site; stands on every mitigation.", live=Live.RESTART),
        key("mode", Word(Mode), "`dry-run` decides and shows but announces nothing; `enforced` "
            "announces.", default=Mode.DRY_RUN, live=Live.RESTART),
        key("http", HTTP, "The API, the dashboard, and who may call."),
        key("bgp", BGP, "The BGP speaker and its neighbors."),
        key("guardrails", GUARDRAILS, "Hard limits."),
        key("quotas", QUOTAS, "How many mitigations there may be."),
        key("timers", TIMERS, "Times."),
        key("escalation", ESCALATION, "When later steps are taken."),
        key("storage", STORAGE, "The database."),
        key("observability", OBSERVABILITY, "Logs."),
        key("safelist", SAFELIST, "What must never be filtered."),
        key("shutdown", SHUTDOWN, "What happens on SIGTERM."),
        key("engine", ENGINE, "Bounds of the machine."),
        key("alerting", ALERTING, "Used when there is no alerting.yaml.", default=None,
            default_text="none"),
        key("correlation", CORRELATION, "Used when there is no correlation.yaml.", default=None,
            default_text="none"),
    ],
)  # fmt: skip
