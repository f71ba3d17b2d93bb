"""correlation.yaml: how far sources are believed, and the adapters they come through.

Secrets are named by reference here and resolved into a box of their own, so that these settings
can be shown. Agreement between the numbers is `prefixd.correlation.validate`, expressions are
compiled by `prefixd.signals.webhook_compile`; `check.py` asks both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from prefixd.config.introspect import doc_of, identity_of, keys_of, listing_of, section_of
from prefixd.config.kinds import Listing, Mapped, Number, Text
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import Key, OneOf, Section, key
from prefixd.config.spellings import SecretReference
from prefixd.correlation.settings import (
    WEIGHT_MAX,
    CorrelationSettings,
    SourceSettings,
    sensor_source,
)
from prefixd.setting import Live
from prefixd.signals.settings import (
    AlertmanagerSettings,
    AuthType,
    Computed,
    DeceptionSettings,
    FastNetMonSettings,
    FieldSource,
    RegexExtract,
    SignalSettings,
    Transform,
    UnitConversion,
    WebhookAdapterSettings,
    WebhookAuth,
)


def _single(reference: str) -> tuple[str, ...]:
    return (reference,)


_AUTH_KEYS = {entry.name: entry for entry in keys_of(WebhookAuth)}
_SECRETS = (
    key("secret_env", Mapped(SecretReference("env"), _single),
        "Name of the environment variable that holds the secret.", field="secret_refs",
        default_text="none"),
    _AUTH_KEYS["secrets"],
)  # fmt: skip


def _auth(word: AuthType, *names: str, **docs: str) -> Section[WebhookAuth]:
    """One type of authentication with its keys; `docs` where a key means something else."""
    keys: list[Key] = [] if word in {AuthType.MTLS, AuthType.NONE} else [*_SECRETS]
    keys += (_AUTH_KEYS[name] for name in names)
    keys += (replace(_AUTH_KEYS[name], doc=doc) for name, doc in docs.items())
    return Section(lambda **fields: WebhookAuth(type=word, **fields), keys, defaults=WebhookAuth)


AUTH: OneOf[WebhookAuth] = OneOf(
    "type",
    {
        "hmac": _auth(
            AuthType.HMAC, "header", "algorithm", "encoding", "prefix", "prefix_required",
            "timestamp_header", "tolerance_seconds",
        ),
        "standard_webhooks": _auth(
            AuthType.STANDARD_WEBHOOKS, tolerance_seconds="Greatest age."
        ),
        "bearer": _auth(AuthType.BEARER),
        "basic": _auth(AuthType.BASIC, "user"),
        "header_secret": _auth(AuthType.HEADER_SECRET, header="Header with the secret."),
        "query_token": _auth(AuthType.QUERY_TOKEN, "param"),
        "body_secret": _auth(AuthType.BODY_SECRET, "body_path"),
        "mtls": _auth(AuthType.MTLS, "subjects"),
        "none": _auth(AuthType.NONE),
    },
)  # fmt: skip

_EXPRESSION = Text(maximum=1024, what="a JSONPath expression")
FIELD_OBJECT = Section(
    FieldSource,
    [
        key("path", Mapped(_EXPRESSION, _single), "One expression.", field="paths",
            default_text="none"),
        *keys_of(FieldSource),
    ],
    doc=doc_of(FieldSource),
)  # fmt: skip


class FieldKind:
    """An expression, a list of them, or a section with one of path, paths, const, lookup."""

    documents = FIELD_OBJECT

    def read(self, value: object, reader: Reader) -> FieldSource | Bad:
        if isinstance(value, str):
            path = _EXPRESSION.read(value, reader)
            return BAD if isinstance(path, Bad) else FieldSource(paths=(path,))
        if isinstance(value, list):
            paths = Listing(kind=_EXPRESSION, minimum=1).read(value, reader)
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


TRANSFORM: OneOf[Transform] = OneOf(
    "type",
    {
        "unit_conversion": section_of(UnitConversion),
        "regex_extract": section_of(RegexExtract),
        "computed": section_of(Computed),
    },
)

LIMITS: Section[dict[str, object]] = Section(
    dict,
    keys_of(WebhookAdapterSettings, "limits"),
    doc="Limits of this adapter.",
    defaults=WebhookAdapterSettings,
)
*_ADAPTER_KEYS, _DRY_RUN, _ALWAYS_200 = keys_of(
    WebhookAdapterSettings,
    kinds={WebhookAuth: AUTH, FieldSource: FieldKind(), Transform: TRANSFORM},
)


def _adapter(*, limits: Mapping[str, object], **fields: object) -> WebhookAdapterSettings:
    return WebhookAdapterSettings(**fields, **limits)  # type: ignore[arg-type]  # the keys are made of its fields


ADAPTER = Section(
    _adapter,
    [*_ADAPTER_KEYS, key("limits", LIMITS, "Limits of this adapter."), _DRY_RUN, _ALWAYS_200],
    doc=doc_of(WebhookAdapterSettings),
    identity=identity_of(WebhookAdapterSettings),
    defaults=WebhookAdapterSettings,
)


SENSORS: Section[tuple[DeceptionSettings, ...]] = Section(
    lambda deception: deception,
    [key("deception", listing_of(section_of(DeceptionSettings)), "Decoy sensors.", default=())],
    doc="Sensors other than detectors.",
)


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
    default_weight: float | None,
    default_source: SourceSettings,
    sources: Mapping[str, SourceSettings] = MappingProxyType({}),
    **fields: object,
) -> CorrelationFile:
    if default_weight is not None:
        if default_source != SourceSettings():
            raise ValueError(
                "default_weight and default_source exclude each other: keep the latter"
            )
        default_source = SourceSettings(weight=default_weight)
    known = dict(sources)
    for sensor in sensors:
        if sensor.enabled:
            name = f"deception:{sensor.name}"
            as_source = sensor_source(sensor.weight, sensor.half_life_s, sensor.expect_every_s)
            known.setdefault(name, as_source)
    for adapter in webhook_adapters:  # the file names them: they are no unknown sources
        source = known.get(adapter.name, default_source)
        known[adapter.name] = replace(source, on_trial=source.on_trial or adapter.dry_run)
    fields["sources"] = MappingProxyType(known)
    correlation = CorrelationSettings(default_source=default_source, **fields)  # type: ignore[arg-type]  # the keys are made of its fields
    return CorrelationFile(
        correlation=correlation,
        signals=SignalSettings(
            alertmanager=alertmanager,
            fastnetmon=fastnetmon,
            webhooks=webhook_adapters,
            deception=sensors,
            max_signal_age_s=correlation.max_signal_age_s,
            max_clock_skew_s=correlation.max_clock_skew_s,
        ),
    )


_WEIGHT = key(
    "default_weight",
    Number(0.0, WEIGHT_MAX),
    "Weight of sources not listed.",
    default=None,
    default_text="1.0",
)
_CORRELATION_KEYS = keys_of(CorrelationSettings)
_CORRELATION_KEYS.insert(8, _WEIGHT)
CORRELATION = Section(
    _build,
    [
        *_CORRELATION_KEYS,
        key("webhook_adapters", listing_of(ADAPTER), "Adapters for other tools.", default=()),
        key("alertmanager", section_of(AlertmanagerSettings), "The Alertmanager adapter."),
        key("fastnetmon", section_of(FastNetMonSettings), "The FastNetMon adapter."),
        key("sensors", SENSORS, "Sensors other than detectors."),
    ],
    live=Live.LIVE,
    defaults=CorrelationSettings,
)


def secret_references(signals: SignalSettings) -> list[str]:
    """Every reference these settings name."""
    found = [reference for adapter in signals.webhooks for reference in adapter.auth.secret_refs]
    found += [ref for sensor in signals.deception for ref in sensor.webhook_secret_refs]
    return found
