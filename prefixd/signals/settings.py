"""How payloads of other tools are read: one settings class per adapter.

Expressions stay text here. `prefixd.signals.webhook.compile_adapter` turns a
`WebhookAdapterSettings` into something that runs, or into the list of problems found; calling it
while files are loaded is what makes a bad path an error at start and not at 3 a.m.
Secrets are named here, never held: `secret_refs` are references that the edge resolves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


def _no_numbers() -> Mapping[str, float]:
    return MappingProxyType({})


def _no_words() -> Mapping[str, str]:
    return MappingProxyType({})


class AuthType(StrEnum):
    """How a sender proves who it is."""

    HMAC = "hmac"
    STANDARD_WEBHOOKS = "standard_webhooks"
    BEARER = "bearer"
    BASIC = "basic"
    HEADER_SECRET = "header_secret"  # noqa: S105 - the name of a method, not a secret
    QUERY_TOKEN = "query_token"  # noqa: S105 - the name of a method, not a secret
    BODY_SECRET = "body_secret"  # noqa: S105 - the name of a method, not a secret
    MTLS = "mtls"
    NONE = "none"


class HmacAlgorithm(StrEnum):
    SHA256 = "sha256"
    SHA512 = "sha512"


class HmacEncoding(StrEnum):
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAuth:
    """`secret_refs`: up to two references (`env:NAME`, `file:PATH`), current first, so that a
    secret can be rotated without losing a message. Reference files write `secret_env: NAME`, which
    is `env:NAME`. `header` is where HMAC, header_secret look; `param` the query parameter;
    `body_path` the JSONPath of body_secret; `user` the name for basic; `subjects` the certificate
    names for mtls. With `timestamp_header` the HMAC covers `timestamp + "." + body`.
    `none` demands the adapter's `allow_from`.
    """

    type: AuthType = AuthType.BEARER
    secret_refs: tuple[str, ...] = ()
    header: str = "X-Signature-SHA256"
    algorithm: HmacAlgorithm = HmacAlgorithm.SHA256
    encoding: HmacEncoding = HmacEncoding.HEX
    prefix: str = "sha256="
    prefix_required: bool = False
    timestamp_header: str = ""
    tolerance_s: int = 300
    param: str = "token"
    body_path: str = ""
    user: str = ""
    subjects: tuple[str, ...] = ()


class Reduce(StrEnum):
    """What to do when a path selects several nodes."""

    FIRST = "first"
    MAX = "max"
    SUM = "sum"
    JOIN = "join"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A list of name/value objects: the one whose `key` equals `equals` gives its `value`."""

    list: str
    key: str
    equals: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """Where one field comes from: paths (first hit wins), or a constant, or a lookup.

    Exactly one of `paths`, `const`, `lookup` is set.
    """

    paths: tuple[str, ...] = ()
    const: str | int | float | bool | None = None
    lookup: Lookup | None = None
    reduce: Reduce | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitConversion:
    """Multiply bps, pps or confidence, for instance 1e6 for a sender that speaks in Mbit/s."""

    multiplier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexExtract:
    """Take one group of a pattern out of the vector's text."""

    pattern: str
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """bps or pps as the product of several paths and a scale (bytes, sampling rate, 8)."""

    paths: tuple[str, ...]
    scale: float = 1.0


Transform = UnitConversion | RegexExtract | Computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One line of `when`: exactly one of `equals`, `one_of` (YAML key `in`), `exists` is set.

    Values are compared as JSON text without quotes: `true`, `2`, `Incoming`.
    """

    path: str
    equals: str | None = None
    one_of: tuple[str, ...] = ()
    exists: bool | None = None


class VectorMatch(StrEnum):
    EXACT = "exact"
    CASEFOLD = "casefold"
    CASEFOLD_SUBSTRING = "casefold_substring"
    REGEX = "regex"


FIELD_NAMES = (
    "victim_ip",
    "vector",
    "timestamp",
    "bps",
    "pps",
    "confidence",
    "source_id",
    "top_dst_ports",
    "src_ports",
    "action",
    "direction",
)
"""What `fields:` may name. `victim_ip` is required."""


def _no_fields() -> Mapping[str, FieldSource]:
    return MappingProxyType({})


def _no_transforms() -> Mapping[str, Transform]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAdapterSettings:
    """One entry of `webhook_adapters`. The name is also the source name.

    `timestamp_is_start`: the sender's time is the beginning of an attack that still goes on, not
    the moment of an observation, so it is never too old to act on.
    """

    name: str
    description: str = ""
    enabled: bool = True
    auth: WebhookAuth = field(default_factory=WebhookAuth)
    allow_from: tuple[str, ...] = ()
    root_path: str = ""
    when: tuple[Condition, ...] = ()
    fields: Mapping[str, FieldSource] = field(default_factory=_no_fields)
    transforms: Mapping[str, Transform] = field(default_factory=_no_transforms)
    vector_map: Mapping[str, str] = field(default_factory=_no_words)
    vector_match: VectorMatch = VectorMatch.EXACT
    default_vector: str = "unknown"
    action_map: Mapping[str, str] = field(default_factory=_no_words)
    confidence_map: Mapping[str, float] = field(default_factory=_no_numbers)
    confidence_scale: float = 1.0
    timestamp_is_start: bool = False
    source_id_prefix: str = ""
    allow_prefixes: bool = False
    max_events: int = 200
    rate_per_s: int = 20
    dry_run: bool = False
    always_200: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """`signals.alertmanager`: which label or annotation names the victim, in this order."""

    victim_labels: tuple[str, ...] = ("victim_ip", "dst_ip", "destination")
    victim_annotations: tuple[str, ...] = ("victim_ip",)
    allow_instance_fallback: bool = False
    split_sources_by: str = ""
    heartbeat_alerts: tuple[str, ...] = ("Watchdog",)
    bps_value: str = ""
    pps_value: str = ""
    max_alerts: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FastNetMonSettings:
    """`signals.fastnetmon`. `allow_prefixes` lets host group alerts name whole networks."""

    allow_prefixes: bool = False
    sample_share: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class DeceptionSettings:
    """One decoy sensor: always corroborating, capped at `weight`, never a reason by itself."""

    name: str
    enabled: bool = True
    weight: float = 0.6
    decoys: tuple[str, ...] = ()
    expect_every_s: int = 900
    accept_private: bool = False
    max_skew_past_s: int = 300
    max_skew_future_s: int = 30
    webhook_secret_refs: tuple[str, ...] = ()
    hold_s: int = 300
    half_life_s: int = 600
    reflection_hint: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """All adapters together, and how old or early their reports may be."""

    alertmanager: AlertmanagerSettings = field(default_factory=AlertmanagerSettings)
    fastnetmon: FastNetMonSettings = field(default_factory=FastNetMonSettings)
    webhooks: tuple[WebhookAdapterSettings, ...] = ()
    deception: tuple[DeceptionSettings, ...] = ()
    max_signal_age_s: int = 900
    max_clock_skew_s: int = 300
