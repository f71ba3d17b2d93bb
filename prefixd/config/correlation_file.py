"""correlation.yaml: how far sources are believed, and how their payloads are read.

Agreement between the numbers is `prefixd.correlation.validate`, expressions are compiled by
`prefixd.signals.webhook`; both are asked by `check.py`. Secrets are named by reference here and
resolved into a box of their own, so that these settings can be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prefixd.config.kinds import (
    AT_LEAST_ONE,
    NAME,
    PREFIX,
    SECONDS,
    SHARE,
    Flag,
    Listing,
    Mapped,
    Number,
    Table,
    Text,
    Whole,
    Word,
)
from prefixd.config.reader import BAD, Bad, Live, Reader
from prefixd.config.schema import OneOf, Section, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file
from prefixd.correlation.settings import (
    WEIGHT_MAX,
    ClearPolicy,
    Combine,
    CorrelationSettings,
    Dimension,
    DimensionMatch,
    SourceMode,
    SourceSettings,
    UnknownSources,
)
from prefixd.signals.settings import (
    FIELD_NAMES,
    AlertmanagerSettings,
    AuthType,
    Computed,
    Condition,
    DeceptionSettings,
    FastNetMonSettings,
    FieldSource,
    HmacAlgorithm,
    HmacEncoding,
    Lookup,
    Reduce,
    RegexExtract,
    SignalSettings,
    Transform,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
    WebhookAuth,
)

EXPRESSION = Text(maximum=1024, what="a JSONPath expression")
HEADER = Text(pattern=r"[A-Za-z0-9-]{1,64}", what="the name of a header")
ADAPTER_NAME = Text(pattern=r"[a-z0-9-]{1,64}", what="a name of a-z, 0-9 and -")
MIN_SECRET_LENGTH = 16
WEIGHT = Number(minimum=0.0, maximum=WEIGHT_MAX)
CONFIDENCES = Table(NAME, SHARE)


class SecretReference:
    """`env:NAME` or `file:PATH`, checked to lead somewhere; the text of it is what is kept."""

    def __init__(self, scheme: str = "") -> None:
        self._scheme = scheme

    def read(self, value: object, reader: Reader) -> str | Bad:
        text = Text(maximum=4096).read(value, reader)
        if isinstance(text, Bad):
            return BAD
        reference = text if not self._scheme else f"{self._scheme}:{text}"
        try:
            resolve_reference(reference, reader)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)
        return reference

    def describe(self) -> str:
        return "`env:NAME` or `file:PATH`" if not self._scheme else "name of a variable"


def resolve_reference(reference: str, reader: Reader) -> str:
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest:
        return from_environment(rest, reader.env)
    if scheme == "file" and rest:
        return from_file(rest, reader.directory)
    raise SecretMissing("is not a reference to a secret", "write env:NAME or file:PATH")


def _single(reference: str) -> tuple[str, ...]:
    return (reference,)


_SECRET_ENV = key(
    "secret_env", Mapped(SecretReference("env"), _single),
    "Name of the environment variable that holds the secret.", field="secret_refs", default=(),
    default_text="none",
)  # fmt: skip
_SECRETS = key(
    "secrets", Listing(kind=SecretReference(), minimum=1, maximum=2),
    "Up to two secrets, the current one first, so that one can be changed without a gap.",
    field="secret_refs", default=(), default_text="none",
)  # fmt: skip
_DEFAULT_AUTH = WebhookAuth()


def _auth(word: AuthType, *keys: object) -> Section[WebhookAuth]:
    entries = [entry for entry in keys if isinstance(entry, type(_SECRET_ENV))]
    return Section(lambda **fields: WebhookAuth(type=word, **fields), entries, defaults=WebhookAuth)


AUTH: OneOf[WebhookAuth] = OneOf(
    "type",
    {
        "hmac": _auth(
            AuthType.HMAC,
            _SECRET_ENV,
            _SECRETS,
            key("header", HEADER, "Header with the signature."),
            key("algorithm", Word(HmacAlgorithm), "Hash."),
            key("encoding", Word(HmacEncoding), "How the signature is written."),
            key("prefix", Text(minimum=0, maximum=32), "What stands before the signature."),
            key("prefix_required", Flag(), "Refuse signatures without it."),
            key("timestamp_header", HEADER, "Header with the time the signature covers.",
                default_text="none: replays are not detected"),
            key("tolerance_seconds", SECONDS, "Greatest age of that time.", field="tolerance_s",
                unit="s"),
        ),
        "standard_webhooks": _auth(
            AuthType.STANDARD_WEBHOOKS,
            _SECRET_ENV,
            _SECRETS,
            key("tolerance_seconds", SECONDS, "Greatest age.", field="tolerance_s", unit="s"),
        ),
        "bearer": _auth(AuthType.BEARER, _SECRET_ENV, _SECRETS),
        "basic": _auth(
            AuthType.BASIC, _SECRET_ENV, _SECRETS, key("user", NAME, "User name.")
        ),
        "header_secret": _auth(
            AuthType.HEADER_SECRET, _SECRET_ENV, _SECRETS,
            key("header", HEADER, "Header with the secret."),
        ),
        "query_token": _auth(
            AuthType.QUERY_TOKEN, _SECRET_ENV, _SECRETS,
            key("param", NAME, "Query parameter with the secret."),
        ),
        "body_secret": _auth(
            AuthType.BODY_SECRET, _SECRET_ENV, _SECRETS,
            key("body_path", EXPRESSION, "Where in the body the secret stands."),
        ),
        "mtls": _auth(
            AuthType.MTLS,
            key("subjects", Listing(kind=NAME, minimum=1), "Certificate names."),
        ),
        "none": _auth(AuthType.NONE),
    },
)  # fmt: skip

LOOKUP = Section(
    Lookup,
    [
        key("list", EXPRESSION, "The list of name and value objects."),
        key("key", NAME, "Member with the name."),
        key("equals", Text(), "The name looked for."),
        key("value", NAME, "Member with the value."),
    ],
    doc="For lists of name and value objects.",
)
FIELD_OBJECT = Section(
    FieldSource,
    [
        key("path", Mapped(EXPRESSION, _single), "One expression.", field="paths",
            default_text="none"),
        key("paths", Listing(kind=EXPRESSION, minimum=1), "Several; the first hit wins.",
            default_text="none"),
        key("const", Text(), "A fixed value.", default_text="none"),
        key("lookup", LOOKUP, "A look-up by name.", default=None),
        key("reduce", Word(Reduce), "What to do with several hits.", default_text="none"),
    ],
    doc="Where a field comes from.",
)  # fmt: skip


class FieldKind:
    """An expression, a list of them, or a section with one of path, paths, const, lookup."""

    def read(self, value: object, reader: Reader) -> FieldSource | Bad:
        if isinstance(value, str):
            path = EXPRESSION.read(value, reader)
            return BAD if isinstance(path, Bad) else FieldSource(paths=(path,))
        if isinstance(value, list):
            paths = Listing(kind=EXPRESSION, minimum=1).read(value, reader)
            return BAD if isinstance(paths, Bad) else FieldSource(paths=paths)
        found = FIELD_OBJECT.read(value, reader)
        if isinstance(found, Bad):
            return BAD
        given = [bool(found.paths), found.const is not None, found.lookup is not None]
        if sum(given) != 1:
            return reader.complain("needs exactly one of path, paths, const and lookup")
        return found

    def describe(self) -> str:
        return "JSONPath, list of JSONPaths, or section"


CONDITION = Section(
    Condition,
    [
        key("path", EXPRESSION, "What is looked at."),
        key("equals", Text(), "It is this.", default_text="none"),
        key("in", Listing(kind=Text()), "It is one of these.", field="one_of",
            default_text="none"),
        key("exists", Flag(), "It is there, or is not.", default_text="none"),
    ],
    doc="All conditions must hold, or the element is ignored.",
)  # fmt: skip

TRANSFORM: OneOf[Transform] = OneOf(
    "type",
    {
        "unit_conversion": Section(
            UnitConversion,
            [key("multiplier", Number(above_minimum=True), "Factor.")],
            doc="Multiply.",
        ),
        "regex_extract": Section(
            RegexExtract,
            [
                key("pattern", Text(maximum=128), "Regular expression."),
                key("group", Whole(maximum=20), "Group taken."),
            ],
            doc="Take a part of a text.",
        ),
        "computed": Section(
            Computed,
            [
                key("paths", Listing(kind=EXPRESSION, minimum=1), "Factors."),
                key("scale", Number(above_minimum=True), "A further factor."),
            ],
            doc="Multiply several values.",
        ),
    },
)

LIMITS: Section[dict[str, object]] = Section(
    dict,
    [
        key("max_events", AT_LEAST_ONE, "Elements taken from one request."),
        key("rate_per_second", AT_LEAST_ONE, "Requests taken a second.", field="rate_per_s"),
    ],
    doc="Limits of this adapter.",
    defaults=WebhookAdapterSettings,
)


def _adapter(*, limits: Mapping[str, object], **fields: object) -> WebhookAdapterSettings:
    return WebhookAdapterSettings(**fields, **limits)  # type: ignore[arg-type]  # the table below names exactly its fields


ADAPTER = Section(
    _adapter,
    [
        key("name", ADAPTER_NAME, "Name in the URL, and of the source. Unique."),
        key("description", Text(minimum=0), "For people."),
        key("enabled", Flag(), "false answers 404."),
        key("auth", AUTH, "How the sender proves who it is.",
            default=_DEFAULT_AUTH, default_text="bearer"),
        key("allow_from", Listing(kind=Mapped(PREFIX, str)), "Networks it may send from; needed "
            "by auth none."),
        key("root_path", EXPRESSION, "Expression that selects the elements.",
            default_text="the whole body"),
        key("when", Listing(kind=CONDITION, unique=False), "Conditions on an element."),
        key("fields", Table(Text(pattern="|".join(FIELD_NAMES), what="a field: "
            + ", ".join(FIELD_NAMES)), FieldKind()), "Where each field stands; `victim_ip` is "
            "required."),
        key("transforms", Table(NAME, TRANSFORM), "What is done to a field before use."),
        key("vector_map", Table(Text(), Text()), "Their word for an attack, and ours."),
        key("vector_match", Word(VectorMatch), "How words are compared."),
        key("default_vector", Text(), "When no word fits."),
        key("action_map", Table(Text(), Text()), "Their word for the action: `ban` or `unban`."),
        key("confidence_map", Table(Text(), SHARE), "Their word for a confidence."),
        key("confidence_scale", Number(above_minimum=True), "What their numbers are divided by."),
        key("source_id_prefix", Text(maximum=64), "Put before their id.", default_text="none"),
        key("allow_prefixes", Flag(), "Take networks as victims."),
        key("limits", LIMITS, "Limits of this adapter."),
        key("dry_run", Flag(), "Store and show, but never act."),
        key("always_200", Flag(), "Answer 200 whatever happened, for senders that retry on 4xx."),
    ],
    doc="`POST /v1/signals/webhook/{name}`: reads what any tool sends.",
    identity="name",
    defaults=WebhookAdapterSettings,
)  # fmt: skip

_SOURCE_KEYS = [
    key("weight", WEIGHT, "How far it is believed."),
    key("type", Text(minimum=0, maximum=64), "For people: detector, telemetry, manual.",
        default_text="none"),
    key("mode", Word(SourceMode), "`corroborating` only strengthens what others report."),
    key("default_confidence", SHARE, "Of reports that carry none."),
    key("confidence_mapping", CONFIDENCES, "Confidence by the sender's action or severity.",
        default_text="ban 0.9, partial_block 0.7, alert 0.5"),
    key("stale_after_seconds", SECONDS, "Silence after which its report no longer counts; "
        "0: never.", field="stale_after_s", unit="s", default_text="episode_idle_seconds"),
    key("match_dimensions", Listing(kind=Word(Dimension)), "What a corroborating report must "
        "share with a group."),
    key("match", Word(DimensionMatch), "Any of them, or all."),
    key("min_specificity", Word(Dimension), "The least telling of them that counts."),
    key("max_attach", AT_LEAST_ONE, "Most groups one report may strengthen."),
    key("allow_against", Flag(), "Let its reports speak against an attack."),
]  # fmt: skip
SOURCE = Section(SourceSettings, _SOURCE_KEYS, doc="One entry per source, by name.")

ALERTMANAGER = Section(
    AlertmanagerSettings,
    [
        key("victim_labels", Listing(kind=NAME), "Labels that name the victim, in this order."),
        key("victim_annotations", Listing(kind=NAME), "Then these annotations."),
        key("allow_instance_fallback", Flag(), "Then the label `instance`; it usually names the "
            "exporter and not a victim."),
        key("split_sources_by", Text(minimum=0, maximum=64), "Label whose values count as "
            "sources of their own.", default_text="none"),
        key("heartbeat_alerts", Listing(kind=NAME), "Alerts that only show that it is alive."),
        key("bps_value", Text(minimum=0, maximum=64), "Label or annotation with bit/s.",
            default_text="`bps`"),
        key("pps_value", Text(minimum=0, maximum=64), "Label or annotation with packet/s.",
            default_text="`pps`"),
        key("max_alerts", AT_LEAST_ONE, "Alerts taken from one request."),
    ],
    doc="`POST /v1/signals/alertmanager`.",
)  # fmt: skip

FASTNETMON = Section(
    FastNetMonSettings,
    [
        key("allow_prefixes", Flag(), "Take host groups as victims."),
        key("sample_share", SHARE, "Share of sampled packets that makes an amplification."),
    ],
    doc="`POST /v1/signals/fastnetmon`.",
)

DECEPTION = Section(
    DeceptionSettings,
    [
        key("name", ADAPTER_NAME, "Name of the sensor and source. Unique."),
        key("enabled", Flag(), "false answers 404."),
        key("weight", SHARE, "Cap for the whole sensor."),
        key("decoys", Listing(kind=Mapped(PREFIX, str)), "Addresses of the decoys."),
        key("expect_every_seconds", SECONDS, "Silence that means trouble; 0: off.",
            field="expect_every_s", unit="s"),
        key("accept_private", Flag(), "Take private source addresses."),
        key("max_skew_past_seconds", SECONDS, "How old a report may be.",
            field="max_skew_past_s", unit="s"),
        key("max_skew_future_seconds", SECONDS, "How far ahead its clock may be.",
            field="max_skew_future_s", unit="s"),
        key("secrets", Listing(kind=SecretReference(), minimum=1, maximum=2),
            "Secrets of its webhook, the current one first.", field="webhook_secret_refs",
            default_text="none"),
        key("file_path", Text(minimum=0, maximum=4096), "File it writes to.",
            default_text="none"),
        key("hold_seconds", SECONDS, "How long a hint counts in full.", field="hold_s",
            unit="s"),
        key("half_life_seconds", SECONDS, "Then it fades.", field="half_life_s", unit="s"),
        key("reflection_hint", Flag(), "Report victims of reflection."),
        key("reputation", Flag(), "Keep a reputation of sources."),
        key("max_boost", SHARE, "Most that reputation adds."),
        key("max_entries", AT_LEAST_ONE, "Sources remembered."),
        key("ttl_seconds", SECONDS, "How long they are remembered.", field="ttl_s", unit="s"),
    ],
    doc="Decoy sensors. They only ever strengthen what others report.",
    identity="name",
)  # fmt: skip

SENSORS: Section[tuple[DeceptionSettings, ...]] = Section(
    lambda deception: deception,
    [key("deception", Listing(kind=DECEPTION, identity=lambda sensor: sensor.name,
         identity_word="name"), "Decoy sensors.", default=())],
    doc="Sensors other than detectors.",
)  # fmt: skip

REQUEST_LIMITS: Section[dict[str, object]] = Section(
    dict,
    [
        key("max_body_bytes", AT_LEAST_ONE, "Largest request.", unit="bytes"),
        key("max_expanded_bytes", AT_LEAST_ONE, "Largest request after unpacking.",
            unit="bytes"),
        key("max_depth", AT_LEAST_ONE, "Deepest nesting."),
        key("max_elements", AT_LEAST_ONE, "Elements taken from one request."),
    ],
    doc="Limits that all adapters share.",
    defaults=SignalSettings,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationFile:
    """The file's two halves: how far sources are believed, and how their payloads are read."""

    correlation: CorrelationSettings = field(default_factory=CorrelationSettings)
    signals: SignalSettings = field(default_factory=SignalSettings)


def _build(
    *,
    webhook_adapters: tuple[WebhookAdapterSettings, ...],
    sensors: tuple[DeceptionSettings, ...],
    alertmanager: AlertmanagerSettings,
    fastnetmon: FastNetMonSettings,
    limits: Mapping[str, object],
    default_weight: float | None,
    default_source: SourceSettings,
    **fields: object,
) -> CorrelationFile:
    if default_weight is not None:
        if default_source != SourceSettings():
            raise ValueError(
                "default_weight and default_source exclude each other: keep the latter"
            )
        default_source = SourceSettings(weight=default_weight)
    correlation = CorrelationSettings(default_source=default_source, **fields)  # type: ignore[arg-type]  # the table below names exactly its fields
    return CorrelationFile(
        correlation=correlation,
        signals=SignalSettings(
            alertmanager=alertmanager,
            fastnetmon=fastnetmon,
            webhooks=webhook_adapters,
            deception=sensors,
            max_signal_age_s=correlation.max_signal_age_s,
            max_clock_skew_s=correlation.max_clock_skew_s,
            **limits,  # type: ignore[arg-type]  # the table above names exactly its fields
        ),
    )


CORRELATION = Section(
    _build,
    [
        key("enabled", Flag(), "false hands every report straight to the playbooks."),
        key("combine", Word(Combine), "How confidences become one. `weighted_mean_legacy` is the "
            "earlier daemon's."),
        key("window_seconds", AT_LEAST_ONE, "How long reports wait for each other; every primary "
            "report moves the end.", field="window_s", unit="s"),
        key("max_group_lifetime_seconds", AT_LEAST_ONE, "But no longer than this.",
            field="max_group_lifetime_s", unit="s"),
        key("min_sources", AT_LEAST_ONE, "Sources that must agree."),
        key("min_primary_sources", AT_LEAST_ONE, "Primary sources among them."),
        key("confidence_threshold", SHARE, "Combined confidence that is enough."),
        key("confidence_decay_half_life_seconds", SECONDS, "Half-life of a report; 0: no decay.",
            field="half_life_s", unit="s"),
        key("default_weight", WEIGHT, "Weight of sources not listed.", default=None,
            default_text="1.0"),
        key("default_source", SOURCE, "Settings of sources not listed."),
        key("unknown_sources", Word(UnknownSources), "What sources not listed may do."),
        key("episode_idle_seconds", AT_LEAST_ONE, "Silence after which the same id is a new "
            "attack.", field="episode_idle_s", unit="s"),
        key("transport_retry_seconds", SECONDS, "An identical request within this time is a "
            "retry.", field="transport_retry_s", unit="s"),
        key("clear_policy", Word(ClearPolicy), "Whose all-clear ends a mitigation."),
        key("clear_hold_seconds", SECONDS, "How long we wait after it.", field="clear_hold_s",
            unit="s"),
        key("aggregate_vectors_by_family", Flag(), "Group by udp, tcp, icmp instead of by "
            "vector."),
        key("incident_join_seconds", SECONDS, "Victims of one customer that start within this "
            "time are one incident.", field="incident_join_s", unit="s"),
        key("max_signal_age_seconds", AT_LEAST_ONE, "Older reports are stored and not acted on.",
            field="max_signal_age_s", unit="s"),
        key("max_clock_skew_seconds", SECONDS, "How far ahead a sender's clock may be.",
            field="max_clock_skew_s", unit="s"),
        key("source_groups", Table(NAME, Listing(kind=NAME, minimum=2)), "Sources that draw on "
            "one evidence base and count once."),
        key("sources", Table(NAME, SOURCE), "Settings by source."),
        key("webhook_adapters", Listing(kind=ADAPTER, identity=lambda found: found.name,
            identity_word="name"), "Adapters for other tools.", default=()),
        key("alertmanager", ALERTMANAGER, "The Alertmanager adapter."),
        key("fastnetmon", FASTNETMON, "The FastNetMon adapter."),
        key("sensors", SENSORS, "Sensors other than detectors."),
        key("limits", REQUEST_LIMITS, "Limits that all adapters share."),
    ],
    live=Live.LIVE,
    defaults=CorrelationSettings,
)  # fmt: skip


def secret_references(signals: SignalSettings) -> list[str]:
    """Every reference these settings name."""
    found = [reference for adapter in signals.webhooks for reference in adapter.auth.secret_refs]
    found += [ref for sensor in signals.deception for ref in sensor.webhook_secret_refs]
    return found
