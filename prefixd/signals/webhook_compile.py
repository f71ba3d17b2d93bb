"""A webhook adapter's settings, checked and compiled once while configuration is loaded.

Everything that could fail on its own account fails here, with the path of the offending key and all
problems together: paths, patterns, unknown vectors and actions, scales, secrets that are missing.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.vector import Vector, parse_vector
from prefixd.signals.jsonpath import Path, PathError, compile_path
from prefixd.signals.pattern import Pattern, PatternError, compile_pattern
from prefixd.signals.settings import (
    FIELD_NAMES,
    AuthType,
    Computed,
    FieldSource,
    RegexExtract,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
    WebhookAuth,
)
from prefixd.signals.webhook_fields import (
    CompiledCondition,
    CompiledField,
    compile_condition,
    compile_field,
)

ACTION_WORDS: Final = ("ban", "unban")
SECRETS_MAX: Final = 2
EVENTS_MAX: Final = 500
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")


_CONVERTIBLE: Final = ("bps", "pps", "confidence")
_COMPUTABLE: Final = ("bps", "pps")

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTransforms:
    multipliers: Mapping[str, float]
    extract: tuple[Pattern, int] | None
    computed: Mapping[str, tuple[tuple[Path, ...], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledAdapter:
    settings: WebhookAdapterSettings
    root: Path | None
    when: tuple[CompiledCondition, ...]
    fields: Mapping[str, CompiledField]
    transforms: CompiledTransforms
    vectors: tuple[tuple[str, Vector], ...]
    vector_patterns: tuple[tuple[Pattern, Vector], ...]
    default_vector: Vector
    body_secret: Path | None


def compile_adapter(settings: WebhookAdapterSettings) -> CompiledAdapter | tuple[Problem, ...]:
    found: list[Problem] = list(_plain_problems(settings))
    root = None
    if settings.root_path:
        root = _try(found, "root_path", compile_path, settings.root_path)
    when = [
        _try(found, f"when[{index}].path", compile_condition, condition)
        for index, condition in enumerate(settings.when)
    ]
    fields = {
        name: _try(found, f"fields.{name}", compile_field, source)
        for name, source in settings.fields.items()
    }
    transforms = _transforms(settings, found)
    patterns = [
        (_try(found, f"vector_map.{text}", compile_pattern, text), vector)
        for text, vector in _vectors(settings)
        if settings.vector_match is VectorMatch.REGEX
    ]
    auth = settings.auth
    body_secret = None
    if auth.type is AuthType.BODY_SECRET and auth.body_path:
        body_secret = _try(found, "auth.body_path", compile_path, auth.body_path)
    if found:
        return tuple(found)
    return CompiledAdapter(
        settings=settings,
        root=root,
        when=tuple(item for item in when if item is not None),
        fields={name: item for name, item in fields.items() if item is not None},
        transforms=transforms,
        vectors=_vectors(settings),
        vector_patterns=tuple((item, vector) for item, vector in patterns if item is not None),
        default_vector=parse_vector(settings.default_vector) or Vector.UNKNOWN,
        body_secret=body_secret,
    )


def _try(found: list[Problem], where: str, make: Callable[[S], T], given: S) -> T | None:
    try:
        return make(given)
    except (PathError, PatternError) as error:
        found.append(Problem(where, str(error), "bad_expression"))
        return None


def _vectors(settings: WebhookAdapterSettings) -> tuple[tuple[str, Vector], ...]:
    pairs = ((text, parse_vector(word)) for text, word in settings.vector_map.items())
    return tuple((text, vector) for text, vector in pairs if vector is not None)


def _transforms(settings: WebhookAdapterSettings, found: list[Problem]) -> CompiledTransforms:
    multipliers: dict[str, float] = {}
    computed: dict[str, tuple[tuple[Path, ...], float]] = {}
    extract: tuple[Pattern, int] | None = None
    for name, transform in settings.transforms.items():
        where = f"transforms.{name}"
        match transform:
            case UnitConversion(multiplier=multiplier):
                if name not in _CONVERTIBLE:
                    found.append(Problem(where, "only bps, pps and confidence can be converted"))
                if not (math.isfinite(multiplier) and multiplier > 0):
                    found.append(Problem(f"{where}.multiplier", "must be finite and above 0"))
                multipliers[name] = multiplier
            case RegexExtract(pattern=text, group=group):
                if name != "vector":
                    found.append(Problem(where, "only the vector can be extracted"))
                pattern = _try(found, f"{where}.pattern", compile_pattern, text)
                if pattern is not None and not 0 <= group <= pattern.groups:
                    found.append(Problem(f"{where}.group", "the pattern has no such group"))
                elif pattern is not None:
                    extract = (pattern, group)
            case Computed(paths=paths, scale=scale):
                if name not in _COMPUTABLE or not paths:
                    found.append(Problem(where, "only bps and pps, from at least one path"))
                if not (math.isfinite(scale) and scale > 0):
                    found.append(Problem(f"{where}.scale", "must be finite and above 0"))
                compiled = [
                    _try(found, f"{where}.paths[{index}]", compile_path, path)
                    for index, path in enumerate(paths)
                ]
                computed[name] = (tuple(item for item in compiled if item is not None), scale)
    return CompiledTransforms(multipliers=multipliers, extract=extract, computed=computed)


def _plain_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    if not _NAME.fullmatch(settings.name):
        yield Problem("name", "must be 1 to 64 of a-z, 0-9 and -")
    if "victim_ip" not in settings.fields:
        yield Problem("fields.victim_ip", "is required", "missing")
    yield from _field_problems(settings)
    yield from _map_problems(settings)
    yield from _limit_problems(settings)
    yield from (item.inside("auth") for item in _auth_problems(settings.auth))
    if settings.auth.type is AuthType.NONE and not settings.allow_from:
        yield Problem("auth.type", "none requires allow_from: list the networks that may post")


def _field_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    for name, source in settings.fields.items():
        if name not in FIELD_NAMES:
            yield Problem(
                f"fields.{name}", f"unknown field; must be one of {', '.join(FIELD_NAMES)}"
            )
        elif _ways(source) != 1:
            yield Problem(f"fields.{name}", "must have exactly one of path, const, lookup")
    for index, condition in enumerate(settings.when):
        ways = (condition.equals is not None, bool(condition.one_of), condition.exists is not None)
        if sum(ways) != 1:
            yield Problem(f"when[{index}]", "must have exactly one of equals, in, exists")


def _map_problems(settings: WebhookAdapterSettings) -> Iterator[Problem]:
    for text, word in settings.vector_map.items():
        if parse_vector(word) is None:
            yield Problem(f"vector_map.{text}", f"unknown vector '{word}'")
    if parse_vector(settings.default_vector) is None:
        yield Problem("default_vector", f"unknown vector '{settings.default_vector}'")
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
            yield Problem(f"allow_from[{index}]", "invalid IP address or prefix")


def _ways(source: FieldSource) -> int:
    return sum((bool(source.paths), source.const is not None, source.lookup is not None))


def _auth_problems(auth: WebhookAuth) -> Iterator[Problem]:
    if auth.type in (AuthType.NONE, AuthType.MTLS):
        if auth.type is AuthType.MTLS and not auth.subjects:
            yield Problem(
                "subjects", "mtls requires the certificate names that may send", "missing"
            )
        return
    if not auth.secret_refs and auth.type is not AuthType.BEARER:
        yield Problem("secret_env", f"{auth.type.value} requires a secret", "missing")
    if len(auth.secret_refs) > SECRETS_MAX:
        yield Problem("secrets", "must be at most two: the new one and the old one")
    if auth.type in (AuthType.HMAC, AuthType.HEADER_SECRET) and not auth.header.strip():
        yield Problem(
            "header", "is required: the header that holds the secret or signature", "missing"
        )
    if auth.type is AuthType.QUERY_TOKEN and not auth.param:
        yield Problem("param", "is required: the query parameter that holds the token", "missing")
    if auth.type is AuthType.BODY_SECRET and not auth.body_path:
        yield Problem("body_path", "is required: the path of the secret", "missing")
    if auth.type is AuthType.BASIC and not auth.user:
        yield Problem("user", "basic requires a user name", "missing")
    if not 1 <= auth.tolerance_s <= 3600:
        yield Problem("tolerance_seconds", "must be 1 to 3600")
