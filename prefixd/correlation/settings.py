"""What an operator may set about agreement between sources.

Every number of `correlation.yaml` lives here with its default and its unit; nothing here reads
YAML. Bounds are checked where files become settings, so the rules may trust what they get.
Adapter settings (webhooks, Alertmanager, FastNetMon, decoy sensors) live in
`prefixd.signals.settings`: how a payload is read and how much its author is believed are two
questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from prefixd.setting import (
    Default,
    Doc,
    Many,
    Name,
    Named,
    Number,
    Positive,
    Seconds,
    Share,
    Text,
)

WEIGHT_MAX = 10.0
HALF_LIFE_MAX_WINDOWS = 10
"""A half-life may not exceed this many windows: longer ones decay nothing one could see."""


class Combine(StrEnum):
    """How the confidences of several sources become one number."""

    NOISY_OR = "noisy_or"
    WEIGHTED_MEAN = "weighted_mean"
    WEIGHTED_MEAN_LEGACY = "weighted_mean_legacy"


class ClearPolicy(StrEnum):
    """Whose all-clear ends a mitigation."""

    ALL = "all"
    ANY = "any"
    TRIGGER = "trigger"
    IGNORE = "ignore"


class UnknownSources(StrEnum):
    """What a source that no file names may do."""

    ALLOW = "allow"
    CORROBORATING_ONLY = "corroborating_only"
    REJECT = "reject"


class SourceMode(StrEnum):
    PRIMARY = "primary"
    CORROBORATING = "corroborating"


class Dimension(StrEnum):
    """What a corroborating source can have in common with a group, the most telling first.

    The order of the members is the order of specificity.
    """

    VICTIM_IP = "victim_ip"
    VICTIM_PREFIX = "victim_prefix"
    SERVICE_ID = "service_id"
    INTERFACE = "interface"
    CUSTOMER_ID = "customer_id"
    ROUTER = "router"
    PROTOCOL = "protocol"
    POP = "pop"


class DimensionMatch(StrEnum):
    ANY = "any"
    ALL = "all"


def _no_confidences() -> Mapping[str, float]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One entry per source, by name.

    How much one source is believed, and what it may do. The last five fields concern corroborating
    sources only.
    """

    weight: Annotated[float, Number(0.0, WEIGHT_MAX), Doc("How far it is believed.")] = 1.0
    type: Annotated[
        str,
        Text(0, 64),
        Doc("For people: detector, telemetry, manual."),
        Default("none"),
    ] = ""
    mode: Annotated[SourceMode, Doc("`corroborating` only strengthens what others report.")] = (
        SourceMode.PRIMARY
    )
    default_confidence: Annotated[Share, Doc("Of reports that carry none.")] = 0.5
    confidence_mapping: Annotated[
        Mapping[Name, Share],
        Doc("Confidence by the sender's action or severity."),
        Default("ban 0.9, partial_block 0.7, alert 0.5"),
    ] = field(default_factory=_no_confidences)
    stale_after_s: Annotated[
        Seconds | None,
        Doc("Silence after which its report no longer counts; 0: never."),
        Default("episode_idle_seconds"),
    ] = None
    half_life_s: Annotated[
        Seconds | None,
        Named("confidence_decay_half_life_seconds"),
        Doc("Half-life of its reports; 0: no decay."),
        Default("the general value"),
    ] = None
    expect_every_s: Annotated[
        Seconds,
        Doc(
            "Silence that means trouble with the source itself, for those that report or show that "
            "they are alive all the time; 0: never."
        ),
    ] = 0
    on_trial: Annotated[
        bool, Named("dry_run"), Doc("Store and show its reports, but never act on them.")
    ] = False
    match_dimensions: Annotated[
        tuple[Dimension, ...], Doc("What a corroborating report must share with a group.")
    ] = ()
    match: Annotated[DimensionMatch, Doc("Any of them, or all.")] = DimensionMatch.ANY
    min_specificity: Annotated[Dimension, Doc("The least telling of them that counts.")] = (
        Dimension.CUSTOMER_ID
    )
    max_attach: Annotated[Positive, Doc("Most groups one report may strengthen.")] = 20
    allow_against: Annotated[bool, Doc("Let its reports speak against an attack.")] = False


def sensor_source(weight: float, half_life_s: int, expect_every_s: int) -> SourceSettings:
    """What a decoy sensor is to correlation, under the name `deception:<sensor>`.

    It only ever corroborates, and only for the very address its observation carries.
    """
    return SourceSettings(
        weight=weight,
        type="deception",
        mode=SourceMode.CORROBORATING,
        half_life_s=half_life_s,
        expect_every_s=expect_every_s,
        match_dimensions=(Dimension.VICTIM_IP,),
        min_specificity=Dimension.VICTIM_IP,
    )


def _no_sources() -> Mapping[str, SourceSettings]:
    return MappingProxyType({})


def _no_groups() -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationSettings:
    """Agreement between sources."""

    enabled: Annotated[bool, Doc("false hands every report straight to the playbooks.")] = False
    combine: Annotated[
        Combine,
        Doc("How confidences become one. `weighted_mean_legacy` is the earlier daemon's."),
    ] = Combine.NOISY_OR
    window_s: Annotated[
        Positive,
        Doc("How long reports wait for each other; every primary report moves the end."),
    ] = 300
    max_group_lifetime_s: Annotated[Positive, Doc("But no longer than this.")] = 3600
    min_sources: Annotated[Positive, Doc("Sources that must agree.")] = 1
    min_primary_sources: Annotated[Positive, Doc("Primary sources among them.")] = 1
    confidence_threshold: Annotated[Share, Doc("Combined confidence that is enough.")] = 0.5
    half_life_s: Annotated[
        Seconds,
        Named("confidence_decay_half_life_seconds"),
        Doc("Half-life of a report; 0: no decay."),
    ] = 0
    default_source: Annotated[SourceSettings, Doc("Settings of sources not listed.")] = field(
        default_factory=SourceSettings
    )
    unknown_sources: Annotated[UnknownSources, Doc("What sources not listed may do.")] = (
        UnknownSources.ALLOW
    )
    episode_idle_s: Annotated[Positive, Doc("Silence after which the same id is a new attack.")] = (
        900
    )
    transport_retry_s: Annotated[
        Seconds, Doc("An identical request within this time is a retry.")
    ] = 10
    clear_policy: Annotated[ClearPolicy, Doc("Whose all-clear ends a mitigation.")] = (
        ClearPolicy.ALL
    )
    clear_hold_s: Annotated[Seconds, Doc("How long we wait after it.")] = 60
    aggregate_vectors_by_family: Annotated[
        bool, Doc("Group by udp, tcp, icmp instead of by vector.")
    ] = False
    incident_join_s: Annotated[
        Seconds,
        Doc("Victims of one customer that start within this time are one incident."),
    ] = 120
    max_signal_age_s: Annotated[Positive, Doc("Older reports are stored and not acted on.")] = 900
    max_clock_skew_s: Annotated[Seconds, Doc("How far ahead a sender's clock may be.")] = 300
    source_groups: Annotated[
        Mapping[Name, Annotated[tuple[Name, ...], Many(2)]],
        Doc("Sources that draw on one evidence base and count once."),
    ] = field(default_factory=_no_groups)
    sources: Annotated[Mapping[Name, SourceSettings], Doc("Settings by source.")] = field(
        default_factory=_no_sources
    )

    def source(self, name: str) -> SourceSettings:
        """The settings of a source, named in the files or not."""
        named = self.sources.get(name)
        if named is not None:
            return named
        # "alertmanager/edge" is a split of "alertmanager" and inherits what is said of it.
        parent = self.sources.get(name.partition("/")[0]) if "/" in name else None
        return parent if parent is not None else self.default_source

    def is_known(self, name: str) -> bool:
        return name in self.sources or name.partition("/")[0] in self.sources

    def evidence_base(self, name: str) -> str:
        """What the source counts as: its group when it shares one, else its own name."""
        for group, members in self.source_groups.items():
            if name in members:
                return f"group:{group}"
        return name

    def stale_after_s(self, name: str) -> int:
        configured = self.source(name).stale_after_s
        return self.episode_idle_s if configured is None else configured
