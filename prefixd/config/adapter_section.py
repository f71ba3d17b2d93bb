"""`webhook_adapters[]` of correlation.yaml: how any tool's JSON becomes a signal.

Secrets are named by reference here and resolved into a box of their own, so that these settings
can be shown. Expressions are compiled by `prefixd.signals.webhook_compile`, asked by `check.py`.
"""

from collections.abc import Mapping

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
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import OneOf, Section, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file
from prefixd.signals.settings import (
    FIELD_NAMES,
    AuthType,
    Computed,
    Condition,
    FieldSource,
    HmacAlgorithm,
    HmacEncoding,
    Lookup,
    Reduce,
    RegexExtract,
    Transform,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
    WebhookAuth,
)

EXPRESSION = Text(maximum=1024, what="a JSONPath expression")
HEADER = Text(pattern=r"[A-Za-z0-9-]{1,64}", what="the name of a header")
ADAPTER_NAME = Text(pattern=r"[a-z0-9-]{1,64}", what="a name of a-z, 0-9 and -")


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


class Constant:
    """A text, number or flag."""

    def read(self, value: object, reader: Reader) -> str | int | float | bool | Bad:
        if isinstance(value, int | float):
            return value
        return Text().read(value, reader)

    def describe(self) -> str:
        return "text, number, true or false"


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
        key("const", Constant(), "A fixed value.", default_text="none"),
        key("lookup", LOOKUP, "A look-up by name.", default=None),
        key("reduce", Word(Reduce), "What to do with several hits.", default_text="none"),
    ],
    doc="Where a field comes from.",
)  # fmt: skip


class FieldKind:
    """An expression, a list of them, or a section with one of path, paths, const, lookup."""

    documents = FIELD_OBJECT

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
        key("timestamp_is_start", Flag(), "Their time is when the attack began, so an old one is "
            "no stale report."),
        key("limits", LIMITS, "Limits of this adapter."),
        key("dry_run", Flag(), "Store and show, but never act."),
        key("always_200", Flag(), "Answer 200 whatever happened, for senders that retry on 4xx."),
    ],
    doc="`POST /v1/signals/webhook/{name}`: reads what any tool sends.",
    identity="name",
    defaults=WebhookAdapterSettings,
)  # fmt: skip
