"""prefixd.yaml: where this instance is, whom it listens to, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from prefixd.bgp.settings import SpeakerSettings
from prefixd.config.alerting_file import ALERTING
from prefixd.config.bgp_section import BGP
from prefixd.config.correlation_file import CORRELATION
from prefixd.config.http_section import HTTP, Http
from prefixd.config.kinds import (
    AT_LEAST_ONE,
    PREFIX,
    SHARE,
    Flag,
    Listing,
    Number,
    Spelled,
    Text,
    Whole,
    Word,
)
from prefixd.config.limit_sections import ESCALATION, GUARDRAILS, QUOTAS, TIMERS
from prefixd.config.reader import Bad, Live, Reader
from prefixd.config.schema import Fields, Section, field_defaults, given, gone, key
from prefixd.domain.prefix import Prefix
from prefixd.engine.settings import EngineSettings, Mode
from prefixd.observability.settings import LogFormat, LogLevel, ObservabilitySettings
from prefixd.store.settings import RetentionSettings, StoreSettings

POP = Text(maximum=64, pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*", what="a name of letters, digits, ._-")

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
            "announces.", default=Mode.DRY_RUN, live=Live.LIVE),
        key("http", HTTP, "The API, and who may call."),
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
