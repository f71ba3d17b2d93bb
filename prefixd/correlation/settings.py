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
    """How much one source is believed, and what it may do.

    `type` is a label for people (detector, telemetry, manual). `confidence_mapping` turns the
    sender's action or severity word into a confidence. `stale_after_s` is the silence after which
    a firing source no longer counts: None takes `episode_idle_s`, 0 means never. `half_life_s` is a
    decay of its own; None takes the rule's. A source that says nothing for `expect_every_s`, not
    even that it is alive, is told of as silent; 0: no attack and no detector look the same. What a
    source `on_trial` reports is stored and shown only. The last five concern corroborating
    sources only.
    """

    weight: float = 1.0
    type: str = ""
    mode: SourceMode = SourceMode.PRIMARY
    default_confidence: float = 0.5
    confidence_mapping: Mapping[str, float] = field(default_factory=_no_confidences)
    stale_after_s: int | None = None
    half_life_s: int | None = None
    expect_every_s: int = 0
    on_trial: bool = False
    match_dimensions: tuple[Dimension, ...] = ()
    match: DimensionMatch = DimensionMatch.ANY
    min_specificity: Dimension = Dimension.CUSTOMER_ID
    max_attach: int = 20
    allow_against: bool = False


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
    """The whole of `correlation:`; `enabled=False` hands every signal straight to policy.

    `source_groups` lists sources that draw on one evidence base (the same flow export) and so
    count once. `default_source` speaks for sources that no file names.
    """

    enabled: bool = False
    combine: Combine = Combine.NOISY_OR
    window_s: int = 300
    max_group_lifetime_s: int = 3600
    min_sources: int = 1
    min_primary_sources: int = 1
    confidence_threshold: float = 0.5
    half_life_s: int = 0
    default_source: SourceSettings = field(default_factory=SourceSettings)
    unknown_sources: UnknownSources = UnknownSources.ALLOW
    episode_idle_s: int = 900
    transport_retry_s: int = 10
    clear_policy: ClearPolicy = ClearPolicy.ALL
    clear_hold_s: int = 60
    aggregate_vectors_by_family: bool = False
    incident_join_s: int = 120
    max_signal_age_s: int = 900
    max_clock_skew_s: int = 300
    source_groups: Mapping[str, tuple[str, ...]] = field(default_factory=_no_groups)
    sources: Mapping[str, SourceSettings] = field(default_factory=_no_sources)

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
