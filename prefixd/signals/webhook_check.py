"""What can be wrong with a webhook adapter before compiling: names, bounds, missing keys."""

import math
import re
from collections.abc import Iterator
from typing import Final

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.vector import parse_vector
from prefixd.signals.settings import (
    FIELD_NAMES,
    AuthType,
    FieldSource,
    WebhookAdapterSettings,
    WebhookAuth,
)

ACTION_WORDS: Final = ("ban", "unban")
SECRETS_MAX: Final = 2
EVENTS_MAX: Final = 500
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")


def plain_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    if not _NAME.fullmatch(settings.name):
        yield Problem("name", "must be 1 to 64 of a-z, 0-9 and -")
    if "victim_ip" not in settings.fields:
        yield Problem("fields.victim_ip", "is required", "missing")
    yield from _field_problems(settings)
    yield from _map_problems(settings)
    yield from _limit_problems(settings)
    yield from (item.inside("auth") for item in _auth_problems(settings.auth))
    if settings.auth.type is AuthType.NONE and not settings.allow_from:
        yield Problem("auth.type", "none demands allow_from: who may send at all")


def _field_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    for name, source in settings.fields.items():
        if name not in FIELD_NAMES:
            yield Problem(f"fields.{name}", f"is not one of {', '.join(FIELD_NAMES)}")
        elif _ways(source) != 1:
            yield Problem(f"fields.{name}", "needs exactly one of path, const, lookup")
    for index, condition in enumerate(settings.when):
        ways = (condition.equals is not None, bool(condition.one_of), condition.exists is not None)
        if sum(ways) != 1:
            yield Problem(f"when[{index}]", "needs exactly one of equals, in, exists")


def _map_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    for text, word in settings.vector_map.items():
        if parse_vector(word) is None:
            yield Problem(f"vector_map.{text}", f"{word} is not a known vector")
    if parse_vector(settings.default_vector) is None:
        yield Problem("default_vector", f"{settings.default_vector} is not a known vector")
    for text, word in settings.action_map.items():
        if word not in ACTION_WORDS:
            yield Problem(f"action_map.{text}", "must be ban or unban")
    for text, value in settings.confidence_map.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            yield Problem(f"confidence_map.{text}", "must be a number from 0 to 1")
    if not (math.isfinite(settings.confidence_scale) and settings.confidence_scale > 0):
        yield Problem("confidence_scale", "must be finite and above 0")


def _limit_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    if not 1 <= settings.max_events <= EVENTS_MAX:
        yield Problem("limits.max_events", f"must be 1 to {EVENTS_MAX}")
    if settings.rate_per_s < 1:
        yield Problem("limits.rate_per_second", "must be at least 1")
    for index, network in enumerate(settings.allow_from):
        if Prefix.parse(network) is None:
            yield Problem(f"allow_from[{index}]", "is not an address or prefix")


def _ways(source: FieldSource) -> int:
    return sum((bool(source.paths), source.const is not None, source.lookup is not None))


def _auth_problems(auth: WebhookAuth) -> Iterator[Problem]:
    if auth.type in (AuthType.NONE, AuthType.MTLS):
        if auth.type is AuthType.MTLS and not auth.subjects:
            yield Problem("subjects", "mtls needs the certificate names that may send", "missing")
        return
    if not auth.secret_refs and auth.type is not AuthType.BEARER:
        yield Problem("secret_env", f"{auth.type.value} needs a secret", "missing")
    if len(auth.secret_refs) > SECRETS_MAX:
        yield Problem("secrets", "at most two secrets, the new one and the old one")
    if auth.type in (AuthType.HMAC, AuthType.HEADER_SECRET) and not auth.header.strip():
        yield Problem("header", "names the header to look at", "missing")
    if auth.type is AuthType.QUERY_TOKEN and not auth.param:
        yield Problem("param", "names the query parameter", "missing")
    if auth.type is AuthType.BODY_SECRET and not auth.body_path:
        yield Problem("body_path", "names the field that holds the secret", "missing")
    if auth.type is AuthType.BASIC and not auth.user:
        yield Problem("user", "basic needs a user name", "missing")
    if not 1 <= auth.tolerance_s <= 3600:
        yield Problem("tolerance_seconds", "must be 1 to 3600")
