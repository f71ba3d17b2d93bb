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
from typing import Annotated

from prefixd.setting import (
    As,
    Default,
    Doc,
    Identity,
    In,
    Many,
    Name,
    Named,
    Positive,
    PositiveNumber,
    Seconds,
    Share,
    Text,
    Unit,
    Whole,
)

Expression = Annotated[str, Text(maximum=1024, what="a JSONPath expression")]
AdapterName = Annotated[str, Text(pattern=r"[a-z0-9-]{1,64}", what="a name of a-z, 0-9 and -")]
LabelName = Annotated[str, Text(0, 64)]
Network = Annotated[str, As("network")]
SecretReference = Annotated[str, As("secret reference")]


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
    """How the sender proves who it is; each type takes some of these keys.

    `secret_refs`: up to two references (`env:NAME`, `file:PATH`), current first, so that a
    secret can be rotated without losing a message. Reference files write `secret_env: NAME`, which
    is `env:NAME`. With `timestamp_header` the HMAC covers `timestamp + "." + body`. `none` demands
    the adapter's `allow_from`.
    """

    type: AuthType = AuthType.BEARER
    secret_refs: Annotated[
        tuple[SecretReference, ...],
        Many(1, 2),
        Named("secrets"),
        Doc("Up to two secrets, the current one first, so that one can be changed without a gap."),
        Default("none"),
    ] = ()
    header: Annotated[str, As("header"), Doc("Header with the signature.")] = "X-Signature-SHA256"
    algorithm: Annotated[HmacAlgorithm, Doc("Hash.")] = HmacAlgorithm.SHA256
    encoding: Annotated[HmacEncoding, Doc("How the signature is written.")] = HmacEncoding.HEX
    prefix: Annotated[str, Text(0, 32), Doc("What stands before the signature.")] = "sha256="
    prefix_required: Annotated[bool, Doc("Refuse signatures without it.")] = False
    timestamp_header: Annotated[
        str,
        As("header"),
        Doc("Header with the time the signature covers."),
        Default("none: replays are not detected"),
    ] = ""
    tolerance_s: Annotated[Seconds, Doc("Greatest age of that time.")] = 300
    param: Annotated[Name, Doc("Query parameter with the secret.")] = "token"
    body_path: Annotated[Expression, Doc("Where in the body the secret stands.")] = ""
    user: Annotated[Name, Doc("User name.")] = ""
    subjects: Annotated[tuple[Name, ...], Many(1), Doc("Certificate names.")] = ()


class Reduce(StrEnum):
    """What to do when a path selects several nodes."""

    FIRST = "first"
    MAX = "max"
    SUM = "sum"
    JOIN = "join"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """For lists of name and value objects.

    The object whose `key` equals `equals` gives its `value`.
    """

    list: Annotated[Expression, Doc("The list of name and value objects.")]
    key: Annotated[Name, Doc("Member with the name.")]
    equals: Annotated[str, Doc("The name looked for.")]
    value: Annotated[Name, Doc("Member with the value.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """Where a field comes from.

    Exactly one of `paths`, `const`, `lookup` is set.
    """

    paths: Annotated[
        tuple[Expression, ...], Many(1), Doc("Several; the first hit wins."), Default("none")
    ] = ()
    const: Annotated[
        str | int | float | bool | None, As("constant"), Doc("A fixed value."), Default("none")
    ] = None
    lookup: Annotated[Lookup | None, Doc("A look-up by name.")] = None
    reduce: Annotated[Reduce | None, Doc("What to do with several hits."), Default("none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitConversion:
    """Multiply.

    For bps, pps or confidence, for instance 1e6 for a sender that counts in Mbit/s.
    """

    multiplier: Annotated[PositiveNumber, Doc("Factor.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexExtract:
    """Take a part of a text."""

    pattern: Annotated[str, Text(maximum=128), Doc("Regular expression.")]
    group: Annotated[int, Whole(0, 20), Doc("Group taken.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Multiply several values.

    bps or pps as the product of several paths and a scale (bytes, sampling rate, 8).
    """

    paths: Annotated[tuple[Expression, ...], Many(1), Doc("Factors.")]
    scale: Annotated[PositiveNumber, Doc("A further factor.")] = 1.0


Transform = UnitConversion | RegexExtract | Computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All conditions must hold, or the element is ignored.

    Exactly one of `equals`, `one_of`, `exists` is set. Values are compared as JSON text without
    quotes: `true`, `2`, `Incoming`.
    """

    path: Annotated[Expression, Doc("What is looked at.")]
    equals: Annotated[str | None, Doc("It is this."), Default("none")] = None
    one_of: Annotated[
        tuple[str, ...], Named("in"), Doc("It is one of these."), Default("none")
    ] = ()
    exists: Annotated[bool | None, Doc("It is there, or is not."), Default("none")] = None


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
    """`POST /v1/signals/webhook/{name}`: reads what any tool sends.

    The name is also the source name.
    """

    name: Annotated[AdapterName, Doc("Name in the URL, and of the source. Unique."), Identity()]
    description: Annotated[str, Text(0), Doc("For people.")] = ""
    enabled: Annotated[bool, Doc("false answers 404.")] = True
    auth: Annotated[WebhookAuth, Doc("How the sender proves who it is."), Default("bearer")] = (
        field(default_factory=WebhookAuth)
    )
    allow_from: Annotated[
        tuple[Network, ...], Doc("Networks it may send from; needed by auth none.")
    ] = ()
    root_path: Annotated[
        Expression, Doc("Expression that selects the elements."), Default("the whole body")
    ] = ""
    when: Annotated[
        tuple[Condition, ...], Many(unique=False), Doc("Conditions on an element.")
    ] = ()
    fields: Annotated[
        Mapping[
            Annotated[
                str,
                Text(pattern="|".join(FIELD_NAMES), what="a field: " + ", ".join(FIELD_NAMES)),
            ],
            FieldSource,
        ],
        Doc("Where each field stands; `victim_ip` is required."),
    ] = field(default_factory=_no_fields)
    transforms: Annotated[Mapping[Name, Transform], Doc("What is done to a field before use.")] = (
        field(default_factory=_no_transforms)
    )
    vector_map: Annotated[
        Mapping[str, Annotated[str, As("vector")]], Doc("Their word for an attack, and ours.")
    ] = field(default_factory=_no_words)
    vector_match: Annotated[VectorMatch, Doc("How words are compared.")] = VectorMatch.EXACT
    default_vector: Annotated[str, As("vector"), Doc("When no word fits.")] = "unknown"
    action_map: Annotated[
        Mapping[str, str], Doc("Their word for the action: `ban` or `unban`.")
    ] = field(default_factory=_no_words)
    confidence_map: Annotated[Mapping[str, Share], Doc("Their word for a confidence.")] = field(
        default_factory=_no_numbers
    )
    confidence_scale: Annotated[PositiveNumber, Doc("What their numbers are divided by.")] = 1.0
    source_id_prefix: Annotated[
        str, Text(maximum=64), Doc("Put before their id."), Default("none")
    ] = ""
    allow_prefixes: Annotated[bool, Doc("Take networks as victims.")] = False
    timestamp_is_start: Annotated[
        bool,
        Doc("Their time is when the attack began, so an old one is no stale report."),
    ] = False
    max_events: Annotated[Positive, Doc("Elements taken from one request."), In("limits")] = 200
    rate_per_s: Annotated[
        Positive,
        Named("rate_per_second"),
        Unit(""),
        Doc("Requests taken a second."),
        In("limits"),
    ] = 20
    dry_run: Annotated[bool, Doc("Store and show, but never act.")] = False
    always_200: Annotated[
        bool, Doc("Answer 200 whatever happened, for senders that retry on 4xx.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """`POST /v1/signals/alertmanager`."""

    victim_labels: Annotated[
        tuple[Name, ...], Doc("Labels that name the victim, in this order.")
    ] = ("victim_ip", "dst_ip", "destination")
    victim_annotations: Annotated[tuple[Name, ...], Doc("Then these annotations.")] = ("victim_ip",)
    allow_instance_fallback: Annotated[
        bool,
        Doc("Then the label `instance`; it usually names the exporter and not a victim."),
    ] = False
    split_sources_by: Annotated[
        LabelName, Doc("Label whose values count as sources of their own."), Default("none")
    ] = ""
    heartbeat_alerts: Annotated[
        tuple[Name, ...], Doc("Alerts that only show that it is alive.")
    ] = ("Watchdog",)
    bps_value: Annotated[LabelName, Doc("Label or annotation with bit/s."), Default("`bps`")] = ""
    pps_value: Annotated[LabelName, Doc("Label or annotation with packet/s."), Default("`pps`")] = (
        ""
    )
    max_alerts: Annotated[Positive, Doc("Alerts taken from one request.")] = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FastNetMonSettings:
    """`POST /v1/signals/fastnetmon`."""

    allow_prefixes: Annotated[bool, Doc("Take host groups as victims.")] = False
    sample_share: Annotated[Share, Doc("Share of sampled packets that makes an amplification.")] = (
        0.6
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeceptionSettings:
    """Decoy sensors. They only ever strengthen what others report."""

    name: Annotated[AdapterName, Doc("Name of the sensor and source. Unique."), Identity()]
    enabled: Annotated[bool, Doc("false answers 404.")] = True
    weight: Annotated[Share, Doc("Cap for the whole sensor.")] = 0.6
    decoys: Annotated[tuple[Network, ...], Doc("Addresses of the decoys.")] = ()
    expect_every_s: Annotated[Seconds, Doc("Silence that means trouble; 0: off.")] = 900
    accept_private: Annotated[bool, Doc("Take private source addresses.")] = False
    max_skew_past_s: Annotated[Seconds, Doc("How old a report may be.")] = 300
    max_skew_future_s: Annotated[Seconds, Doc("How far ahead its clock may be.")] = 30
    webhook_secret_refs: Annotated[
        tuple[SecretReference, ...],
        Many(1, 2),
        Named("secrets"),
        Doc("Secrets of its webhook, the current one first."),
        Default("none"),
    ] = ()
    hold_s: Annotated[Seconds, Doc("How long a hint counts in full.")] = 300
    half_life_s: Annotated[Seconds, Doc("Then it fades.")] = 600
    reflection_hint: Annotated[bool, Doc("Report victims of reflection.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """All adapters together, and how old or early their reports may be."""

    alertmanager: AlertmanagerSettings = field(default_factory=AlertmanagerSettings)
    fastnetmon: FastNetMonSettings = field(default_factory=FastNetMonSettings)
    webhooks: tuple[WebhookAdapterSettings, ...] = ()
    deception: tuple[DeceptionSettings, ...] = ()
    max_signal_age_s: int = 900
    max_clock_skew_s: int = 300
