"""correlation.yaml: how far sources are believed, and the adapters they come through.

Agreement between the numbers is `prefixd.correlation.validate`, asked by `check.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from prefixd.config.adapter_section import ADAPTER, ADAPTER_NAME, SecretReference
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
    Word,
)
from prefixd.config.schema import Section, key
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
    sensor_source,
)
from prefixd.setting import Live
from prefixd.signals.settings import (
    AlertmanagerSettings,
    DeceptionSettings,
    FastNetMonSettings,
    SignalSettings,
    WebhookAdapterSettings,
)

WEIGHT = Number(minimum=0.0, maximum=WEIGHT_MAX)
CONFIDENCES = Table(NAME, SHARE)
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
    key("confidence_decay_half_life_seconds", SECONDS, "Half-life of its reports; 0: no decay.",
        field="half_life_s", unit="s", default_text="the general value"),
    key("expect_every_seconds", SECONDS, "Silence that means trouble with the source itself, for "
        "those that report or show that they are alive all the time; 0: never.",
        field="expect_every_s", unit="s"),
    key("dry_run", Flag(), "Store and show its reports, but never act on them.",
        field="on_trial"),
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
        key("hold_seconds", SECONDS, "How long a hint counts in full.", field="hold_s",
            unit="s"),
        key("half_life_seconds", SECONDS, "Then it fades.", field="half_life_s", unit="s"),
        key("reflection_hint", Flag(), "Report victims of reflection."),
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
    sources: Mapping[str, SourceSettings],
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
        key("sources", Table(NAME, SOURCE), "Settings by source.", default={}),
        key("webhook_adapters", Listing(kind=ADAPTER, identity=lambda found: found.name,
            identity_word="name"), "Adapters for other tools.", default=()),
        key("alertmanager", ALERTMANAGER, "The Alertmanager adapter."),
        key("fastnetmon", FASTNETMON, "The FastNetMon adapter."),
        key("sensors", SENSORS, "Sensors other than detectors."),
    ],
    live=Live.LIVE,
    defaults=CorrelationSettings,
)  # fmt: skip


def secret_references(signals: SignalSettings) -> list[str]:
    """Every reference these settings name."""
    found = [reference for adapter in signals.webhooks for reference in adapter.auth.secret_refs]
    found += [ref for sensor in signals.deception for ref in sensor.webhook_secret_refs]
    return found
