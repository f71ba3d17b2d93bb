"""alerting.yaml: who is told what.

Every destination has an `id`. A file of the earlier daemon has none: its destinations are named
after their type (`slack`, `slack-2`, ...) in the order of the file.
"""

from dataclasses import replace

from prefixd.config.kinds import (
    AT_LEAST_ONE,
    NAME,
    PREFIX,
    Flag,
    Listing,
    Table,
    Text,
    Whole,
    Word,
    set_of,
)
from prefixd.config.reader import BAD, Bad, Reader, did_you_mean
from prefixd.config.schema import Key, OneOf, Section, field_defaults, key
from prefixd.config.secret_keys import secret_keys
from prefixd.config.secrets import STARS
from prefixd.notify.settings import (
    MAX_URL_LENGTH,
    AlertEvent,
    AlertSettings,
    Destination,
    Discord,
    Generic,
    GenericFormat,
    Opsgenie,
    OpsgenieRegion,
    PagerDuty,
    Severity,
    Slack,
    Target,
    Teams,
    Telegram,
)
from prefixd.setting import Live

ID = Text(pattern=r"[a-z0-9][a-z0-9-]{0,39}", what="a name of a-z, 0-9 and -")
HEADER = Text(pattern=r"[A-Za-z0-9-]{1,64}", what="the name of a header")
RESERVED_HEADERS = frozenset(
    {"content-type", "content-length", "host", "user-agent", "connection", "transfer-encoding"}
)


class Events:
    """Names of events; `mitigation.*` stands for all that begin so."""

    def read(self, value: object, reader: Reader) -> frozenset[AlertEvent] | Bad:
        names = Listing(kind=NAME, unique=False).read(value, reader)
        if isinstance(names, Bad):
            return BAD
        found: set[AlertEvent] = set()
        complete = True
        for index, name in enumerate(names):
            wanted = [event for event in AlertEvent if _fits(name, event)]
            if not wanted:
                complete = False
                reader.path.append(index)
                hint = did_you_mean(name, [event.value for event in AlertEvent])
                reader.complain("is not an event", value=name, hint=hint)
                reader.path.pop()
            found.update(wanted)
        return frozenset(found) if complete else BAD

    def describe(self) -> str:
        return "list of events, `mitigation.*` for all of a kind"


def _fits(pattern: str, event: AlertEvent) -> bool:
    if pattern.endswith(".*"):
        return event.value.startswith(pattern[:-1])
    return event.value == pattern


class HeaderName:
    """A header we may add; those that we send ourselves are refused."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = HEADER.read(value, reader)
        if not isinstance(name, Bad) and (
            name.lower() in RESERVED_HEADERS or name.lower().startswith("webhook-")
        ):
            return reader.complain("is a header that prefixd sets itself")
        return name

    def describe(self) -> str:
        return "header"


class ChatId:
    """Chats have numbers, which people write without quotes."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return Text(maximum=64).read(value, reader)

    def describe(self) -> str:
        return "text or whole number"


MATCH: Section[dict[str, object]] = Section(
    dict,
    [
        key("customers", set_of(NAME), "Only alerts about these customers.", default=frozenset()),
        key("pops", set_of(NAME), "Only alerts of these sites.", default=frozenset()),
    ],
    doc="Which alerts, by what they are about.",
)
RATE: Section[dict[str, object]] = Section(
    dict,
    [
        key("per_minute", AT_LEAST_ONE, "Alerts a minute; the rest is summed up.",
            field="rate_per_minute"),
        key("burst", AT_LEAST_ONE, "Alerts at once."),
    ],
    doc="Bounds on what one storm can send.",
    defaults=Destination,
)  # fmt: skip

_COMMON: tuple[Key, ...] = (
    key("id", ID, "Stable name, used in metrics and in the API. Unique.", default="",
        default_text="the type, numbered"),
    key("enabled", Flag(), "false keeps it configured and silent."),
    key("events", Events(), "What it is told; replaces the general list.",
        default_text="the general list"),
    key("min_severity", Word(Severity), "Nothing less severe."),
    key("match", MATCH, "Which alerts, by what they are about."),
    key("resolve", Flag(), "Close the incident there when the mitigation ends."),
    key("timeout_seconds", Whole(minimum=1, maximum=60), "Of one attempt.", field="timeout_s",
        unit="s"),
    key("max_age_seconds", Whole(minimum=1, maximum=86_400), "Then an alert is given up.",
        field="max_age_s", unit="s"),
    key("rate", RATE, "Bounds on what one storm can send."),
    key("group_wait_seconds", Whole(maximum=300), "Collect alerts of one victim this long.",
        field="group_wait_s", unit="s"),
)  # fmt: skip


UNNAMED = "?"
"""Begins an id that `number_ids` still has to give."""


def _destination(
    target: type[Target], name: str, keys: tuple[Key, ...], doc: str
) -> Section[Destination]:
    own_fields = {entry.field for entry in keys}

    def build(
        *, match: dict[str, object], rate: dict[str, object], **fields: object
    ) -> Destination:
        own = {word: fields.pop(word) for word in list(fields) if word in own_fields}
        if STARS in own.values():
            raise ValueError(f"a secret is still {STARS}: write it anew, or keep the id")
        fields["id"] = fields["id"] or f"{UNNAMED}{name}"
        return Destination(target=target(**own), **match, **rate, **fields)  # type: ignore[arg-type]  # the tables name exactly these fields

    return Section(
        build,
        [*_COMMON, *keys],
        doc=doc,
        identity="id",
        defaults={**field_defaults(Destination), **field_defaults(target)},
    )


def _url(name: str, doc: str) -> tuple[Key, ...]:
    return secret_keys(name, doc, required=True)


DESTINATION: OneOf[Destination] = OneOf(
    "type",
    {
        "slack": _destination(
            Slack,
            "slack",
            (
                *_url("webhook_url", "Address of the incoming webhook."),
                key("channel", Text(maximum=128), "Channel; most webhooks ignore it.",
                    default_text="none"),
            ),
            "Slack, by incoming webhook.",
        ),
        "discord": _destination(
            Discord, "discord", _url("webhook_url", "Address of the webhook."), "Discord."
        ),
        "teams": _destination(
            Teams, "teams", _url("webhook_url", "Address of the workflow."), "Microsoft Teams."
        ),
        "telegram": _destination(
            Telegram,
            "telegram",
            (
                *secret_keys("bot_token", "Token of the bot.", required=True),
                key("chat_id", ChatId(), "Chat it writes to."),
            ),
            "Telegram, by bot.",
        ),
        "pagerduty": _destination(
            PagerDuty,
            "pagerduty",
            (
                *secret_keys("routing_key", "Integration key.", required=True),
                key("events_url", Text(maximum=MAX_URL_LENGTH), "Events API v2 address."),
            ),
            "PagerDuty, Events API v2.",
        ),
        "opsgenie": _destination(
            Opsgenie,
            "opsgenie",
            (
                *secret_keys("api_key", "API key.", required=True),
                key("region", Word(OpsgenieRegion), "Where the account lives."),
            ),
            "Opsgenie.",
        ),
        "generic": _destination(
            Generic,
            "generic",
            (
                *_url("url", "Address that is posted to."),
                *secret_keys("secret", "Key of the signature."),
                key("headers", Table(HeaderName(), Text(minimum=0, maximum=4096)),
                    "Headers to add; their values count as secrets.", is_secret=True),
                key("format", Word(GenericFormat), "`v1` is the earlier daemon's flat record."),
                key("legacy_signature", Flag(), "Also send X-Prefixd-Signature."),
            ),
            "Any receiver of JSON.",
        ),
    },
)  # fmt: skip

ALERTING = Section(
    lambda destinations, **fields: AlertSettings(destinations=number_ids(destinations), **fields),
    [
        key("destinations", Listing(kind=DESTINATION, unique=False), "Who is told.", default=()),
        key("events", Events(), "What destinations without a list of their own are told.",
            default_text="everything"),
        key("public_url", Text(maximum=MAX_URL_LENGTH, pattern=r"https?://\S+",
            what="an address that starts with http"), "Where people reach the service.",
            default_text="none"),
        key("environment", Text(minimum=0, maximum=64), "Shown in every alert.",
            default_text="none"),
        key("allow_private", Listing(kind=PREFIX), "Private networks webhooks may reach, for chat "
            "servers on premises."),
        key("queue_limit", Whole(minimum=10, maximum=100_000), "Alerts waiting for one "
            "destination; beyond it the oldest of severity info are dropped."),
    ],
    live=Live.LIVE,
    defaults=AlertSettings,
)  # fmt: skip


def number_ids(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """Give every destination without an id one that is free."""
    taken = {found.id for found in destinations}
    numbered = []
    for found in destinations:
        if found.id.startswith(UNNAMED):
            name, count = found.id.removeprefix(UNNAMED), 1
            free = name
            while free in taken:
                count += 1
                free = f"{name}-{count}"
            taken.add(free)
            numbered.append(replace(found, id=free))
        else:
            numbered.append(found)
    return tuple(numbered)
