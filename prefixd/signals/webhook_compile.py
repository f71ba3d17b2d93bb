"""A webhook adapter's settings, checked and compiled once while configuration is loaded.

Everything that could fail on its own account fails here, with the path of the offending key and all
problems together: paths, patterns, unknown vectors and actions, scales, secrets that are missing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from prefixd.domain.problem import Problem
from prefixd.domain.vector import Vector, parse_vector
from prefixd.signals.jsonpath import Path, PathError, compile_path
from prefixd.signals.pattern import Pattern, PatternError, compile_pattern
from prefixd.signals.settings import (
    AuthType,
    Computed,
    RegexExtract,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
)
from prefixd.signals.webhook_check import plain_problems
from prefixd.signals.webhook_fields import (
    CompiledCondition,
    CompiledField,
    compile_condition,
    compile_field,
)

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
    found: list[Problem] = list(plain_problems(settings))
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
