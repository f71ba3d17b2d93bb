"""prefixd.yaml: where this instance is, its API and neighbors, and its limits.

Operators think in sections; the classes behind them belong to the packages that use them. Where
one class is fed by several sections, or one section feeds several classes, the section yields the
fields that were given, and `assemble.py` puts them together.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from prefixd.bgp.settings import DynamicRange, PeerSettings, SpeakerSettings
from prefixd.config.alerting_file import ALERTING
from prefixd.config.correlation_file import CORRELATION
from prefixd.config.http_section import HTTP, Http
from prefixd.config.introspect import doc_of, keys_of, listing_of, section_of
from prefixd.config.kinds import Flag
from prefixd.config.schema import Fields, Key, Section, field_defaults, given, gone, key
from prefixd.domain.prefix import Prefix
from prefixd.engine.settings import EngineSettings, Mode
from prefixd.guardrails.limits import Limits
from prefixd.observability.settings import ObservabilitySettings
from prefixd.policy.playbook import Escalation, PolicySettings
from prefixd.setting import Default, Doc, Live, Many, Text
from prefixd.store.settings import StoreSettings


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
STORAGE = section_of(StoreSettings, live=Live.RESTART)
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
        Text(
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
