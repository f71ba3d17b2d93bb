"""Alert destinations, their filters and secrets, and the rules for their addresses.

Secrets arrive here resolved and never print; `scrub` takes them out of any text before it is
logged, stored or shown. A destination is named by its stable `id` everywhere:
in metrics, in the API, and when a redacted file comes back to be saved.

A webhook address is the one thing here that makes the daemon call out, so its spelling is checked
when it is configured; what its name resolves to is checked again whenever it is used.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from yarl import URL

from prefixd.domain.prefix import Address, Prefix
from prefixd.setting import (
    As,
    Default,
    Doc,
    In,
    Name,
    Named,
    Positive,
    Secret,
    Text,
    Whole,
)

PAGERDUTY_EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"
MAX_URL_LENGTH = 1024
METADATA = frozenset(
    Address.parse(text) for text in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")
)


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITY_ORDER = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


class AlertEvent(StrEnum):
    """The order is that of the documentation."""

    MITIGATION_CREATED = "mitigation.created"
    MITIGATION_EXTENDED = "mitigation.extended"
    MITIGATION_ESCALATED = "mitigation.escalated"
    MITIGATION_WITHDRAWN = "mitigation.withdrawn"
    MITIGATION_EXPIRED = "mitigation.expired"
    MITIGATION_FAILED = "mitigation.failed"
    MITIGATION_ACKNOWLEDGED = "mitigation.acknowledged"
    GUARDRAIL_REJECTED = "guardrail.rejected"
    SIGNAL_HELD = "signal.held"
    SOURCE_SILENT = "source.silent"
    SOURCE_RECOVERED = "source.recovered"
    QUOTA_NEAR_LIMIT = "quota.near_limit"
    QUOTA_EXHAUSTED = "quota.exhausted"
    BGP_PEER_UP = "bgp.peer_up"
    BGP_PEER_DOWN = "bgp.peer_down"
    DRIFT_REPAIRED = "mitigation.drift_repaired"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_RELOAD_FAILED = "config.reload_failed"
    DESTINATION_FAILING = "alerting.destination_failing"
    DESTINATION_RECOVERED = "alerting.destination_recovered"
    DIGEST = "alerting.digest"
    """Several alerts summed up in one; follows from the others, so no filter holds it back."""
    USER_CHANGED = "auth.user_changed"
    SYSTEM_STARTED = "system.started"
    SYSTEM_STOPPING = "system.stopping"
    DB_DOWN = "system.db_down"
    DB_UP = "system.db_up"
    CLOCK_SKEW = "system.clock_skew"
    TEST = "test"


ONLY_WHEN_NAMED = frozenset({AlertEvent.MITIGATION_EXTENDED, AlertEvent.MITIGATION_ACKNOWLEDGED})
"""Too frequent to be part of an empty list, which means everything else."""


Events = Annotated[frozenset[AlertEvent], As("events")]


class OpsgenieRegion(StrEnum):
    US = "us"
    EU = "eu"


class GenericFormat(StrEnum):
    V1 = "v1"
    """The flat record of the earlier daemon."""
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Slack, by incoming webhook."""

    webhook_url: Annotated[str, Secret(), Doc("Address of the incoming webhook.")] = field(
        repr=False
    )
    channel: Annotated[
        str | None,
        Text(maximum=128),
        Doc("Channel; most webhooks ignore it."),
        Default("none"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """Discord."""

    webhook_url: Annotated[str, Secret(), Doc("Address of the webhook.")] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """Microsoft Teams."""

    webhook_url: Annotated[str, Secret(), Doc("Address of the workflow.")] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """Telegram, by bot."""

    bot_token: Annotated[str, Secret(), Doc("Token of the bot.")] = field(repr=False)
    chat_id: Annotated[str, As("chat"), Doc("Chat it writes to.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDuty:
    """PagerDuty, Events API v2."""

    routing_key: Annotated[str, Secret(), Doc("Integration key.")] = field(repr=False)
    events_url: Annotated[str, Text(maximum=MAX_URL_LENGTH), Doc("Events API v2 address.")] = (
        PAGERDUTY_EVENTS_URL
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opsgenie:
    """Opsgenie."""

    api_key: Annotated[str, Secret(), Doc("API key.")] = field(repr=False)
    region: Annotated[OpsgenieRegion, Doc("Region of the account.")] = OpsgenieRegion.US


def _no_headers() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Generic:
    """Any receiver of JSON.

    `headers` may carry tokens, and the address a key: both count as secrets.
    """

    url: Annotated[str, Secret(), Doc("Address that is posted to.")] = field(repr=False)
    secret: Annotated[str | None, Secret(), Doc("Key of the signature.")] = field(
        default=None, repr=False
    )
    headers: Annotated[
        Mapping[Annotated[str, As("added header")], Annotated[str, Text(0, 4096)]],
        Secret(three_ways=False),
        Doc("Headers to add; their values count as secrets."),
    ] = field(default_factory=_no_headers, repr=False)
    format: Annotated[GenericFormat, Doc("`v1` is the earlier daemon's flat record.")] = (
        GenericFormat.V1
    )
    legacy_signature: Annotated[bool, Doc("Also send X-Prefixd-Signature.")] = True
    """It covers the body alone."""


Target = Slack | Discord | Teams | Telegram | PagerDuty | Opsgenie | Generic

TYPE_WORDS: Mapping[type, str] = MappingProxyType(
    {
        Slack: "slack",
        Discord: "discord",
        Teams: "teams",
        Telegram: "telegram",
        PagerDuty: "pagerduty",
        Opsgenie: "opsgenie",
        Generic: "generic",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where alerts go, and which. An empty filter lets everything through.

    `events` replaces the general filter when it names anything. `rate_per_minute` and `burst`
    bound what one incident storm can send; what exceeds them is collapsed into a digest.
    """

    id: Annotated[
        str,
        Text(pattern=r"[a-z0-9][a-z0-9-]{0,39}", what="a name of a-z, 0-9 and -"),
        Doc("Stable name, used in metrics and in the API. Unique."),
        Default("the type, numbered"),
    ]
    target: Target
    enabled: Annotated[bool, Doc("false keeps it configured and silent.")] = True
    events: Annotated[
        Events,
        Doc("Events sent to it; replaces the general list."),
        Default("the general list"),
    ] = frozenset()
    min_severity: Annotated[Severity, Doc("Nothing less severe.")] = Severity.INFO
    customers: Annotated[
        frozenset[Name], Doc("Only alerts about these customers."), In("match")
    ] = frozenset()
    pops: Annotated[frozenset[Name], Doc("Only alerts of these sites."), In("match")] = frozenset()
    resolve: Annotated[bool, Doc("Close the incident there when the mitigation ends.")] = True
    timeout_s: Annotated[int, Whole(1, 60), Doc("Of one attempt.")] = 10
    max_age_s: Annotated[int, Whole(1, 86_400), Doc("Then an alert is given up.")] = 3600
    rate_per_minute: Annotated[
        Positive,
        Named("per_minute"),
        Doc("Alerts a minute; the rest is summed up."),
        In("rate"),
    ] = 20
    burst: Annotated[Positive, Doc("Alerts at once."), In("rate")] = 10
    group_wait_s: Annotated[int, Whole(0, 300), Doc("Collect alerts of one victim this long.")] = 0

    @property
    def type(self) -> str:
        return TYPE_WORDS[self.target.__class__]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Alerts."""

    destinations: tuple[Destination, ...] = ()
    events: Annotated[
        Events,
        Doc("Events sent to destinations without a list of their own."),
        Default("everything"),
    ] = frozenset()
    public_url: Annotated[
        str | None,
        Text(
            maximum=MAX_URL_LENGTH,
            pattern=r"https?://\S+",
            what="an address that starts with http",
        ),
        Doc("Where people reach the service."),
        Default("none"),
    ] = None
    """Alerts link there."""
    environment: Annotated[str, Text(0, 64), Doc("Shown in every alert."), Default("none")] = ""
    """Tells production from a laboratory."""
    allow_private: Annotated[
        tuple[Prefix, ...],
        Doc("Private networks webhooks may reach, for chat servers on premises."),
    ] = ()
    queue_limit: Annotated[
        int,
        Whole(10, 100_000),
        Doc(
            "Alerts waiting for one destination; beyond it the oldest of severity info are dropped."
        ),
    ] = 1000

    def wants(self, destination: Destination, event: AlertEvent) -> bool:
        wanted = destination.events or self.events
        return event in wanted if wanted else event not in ONLY_WHEN_NAMED


def url_problem(url: str, allow_private: tuple[Prefix, ...] = ()) -> str | None:
    """Why this address may not be called, or None. Does not resolve names.

    Read by the parser of the HTTP client: another one would find another host in an address that is
    meant to mislead, such as one with full-width digits and dots.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"must be at most {MAX_URL_LENGTH} characters long"
    try:
        parts = URL(url)
        host = (parts.host or "").rstrip(".")
    except ValueError:
        return "is not a valid address"
    if parts.scheme != "https":
        return "must start with https://"
    if not host:
        return "has no host"
    if "@" in parts.raw_authority:
        return "must not contain a user name or password"
    if parts.fragment:
        return "must not contain a fragment (#)"
    if host == "localhost" or host.endswith(".localhost"):
        return "must not point at this machine"
    return _literal_problem(host, allow_private)


_NUMBERS: Final = re.compile(r"(?:(?:0x[0-9a-f]*|[0-9]+)\.?)+", re.IGNORECASE)


def _literal_problem(host: str, allow_private: tuple[Prefix, ...]) -> str | None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # Not a literal; an all-numeric name such as 127.1 or 0x7f.1 is one to the resolver.
        if _NUMBERS.fullmatch(host):
            return "must not be an abbreviated numeric address"
        return None
    return address_problem(host, allow_private)


def address_problem(text: str, allow_private: tuple[Prefix, ...]) -> str | None:
    """Why this address may not be connected to, or None."""
    address = Address.parse(text)  # unwraps IPv4-mapped addresses
    if address in METADATA:
        return "must not be an address of cloud credentials"
    if address is not None and any(allowed.contains(address) for allowed in allow_private):
        return None
    if address is None or not is_public(ipaddress.ip_address(str(address))):
        return "must not be a private, local or reserved address"
    return None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Global unicast, also after unwrapping IPv4 from its IPv6 disguises."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (address in _NAT64 or address in _COMPATIBLE):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # IPv4-compatible, RFC 4291 2.5.5.1


STARS = "***"
SHORTEST = 4  # anything shorter would star half the language


def secrets_of(target: Target) -> tuple[str, ...]:
    """Everything that could be used to send in our name: webhook addresses (whole, and their paths
    alone), tokens, keys, and the values of configured headers, each also as it is spelled in an
    address or in JSON. Longest first, so that a part never spoils the whole."""
    plain: list[str] = []
    match target:
        case Slack(webhook_url=url) | Discord(webhook_url=url) | Teams(webhook_url=url):
            plain += _parts(url)
        case Telegram(bot_token=token):
            plain += [token, *token.split(":")[1:]]
        case PagerDuty(routing_key=key):
            plain.append(key)
        case Opsgenie(api_key=key):
            plain.append(key)
        case Generic(url=url, secret=secret, headers=headers):
            plain += [*_parts(url), *headers.values(), *((secret and [secret]) or [])]
            plain += [value.split(" ", 1)[1] for value in headers.values() if " " in value]
    spelled = {
        form for text in plain for form in (text, quote(text, safe=""), json.dumps(text)[1:-1])
    }
    return tuple(sorted((text for text in spelled if len(text) >= SHORTEST), key=len, reverse=True))


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, STARS)
    return text


def _parts(url: str) -> list[str]:
    """The address, and what follows its host: host names alone are not secret."""
    parts = urlsplit(url)
    tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    return [url, tail, parts.path.strip("/"), parts.path.rpartition("/")[2], *values]
