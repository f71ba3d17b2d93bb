"""JSON as Python holds it, without `Any`: the only shapes an adapter may look at.

A payload is decoded at the edge, where its size is checked. From here on it is a `JsonValue`, and
every access goes through a function that defines the result for any other shape: nothing here
raises on a stranger's data.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

JsonScalar: TypeAlias = bool | int | float | str | None
JsonValue: TypeAlias = JsonScalar | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

RAW_MAX_BYTES = 64 * 1024
NAME_REMEMBERED: Final = 64
SECRET_WORDS = ("secret", "password", "passwd", "token", "authorization", "api_key", "apikey")


def member(value: JsonValue, name: str) -> JsonValue:
    """The member of an object; null when absent or when there is no object."""
    return value.get(name) if isinstance(value, Mapping) else None


def members(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def elements(value: JsonValue) -> Sequence[JsonValue]:
    """The elements of an array; none for anything else. Text is not an array here."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def text(value: JsonValue) -> str:
    """Text as it stands, trimmed; empty for anything that is not text."""
    return value.strip() if isinstance(value, str) else ""


def scalar_text(value: JsonValue) -> str | None:
    """A scalar as JSON text without quotes (`true`, `2`, `UDP`): the key form of all maps.

    Whole floats lose their fraction, since senders disagree about writing `2` or `2.0`.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case _:
            return None


def depth_exceeds(value: JsonValue, limit: int) -> bool:
    """Whether containers nest deeper than `limit`; walks level by level, never recursing."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        level = [
            child for node in level for child in _inside(node) if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return False
    return bool(level)


_CONTAINERS: Final = (dict, list)


def _inside(node: JsonValue) -> Iterable[JsonValue]:
    return node.values() if isinstance(node, Mapping) else elements(node)


def canonical(value: JsonValue) -> str:
    """One text per value: sorted names, no spaces. The form that is hashed."""
    return _ENCODER.encode(value)


# `json.dumps` would build a new encoder for each call with settings other than its own.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def raw_text(value: JsonValue) -> str:
    """The sender's element for the record: secrets removed, cut to size with a plain note."""
    kept = value if _is_flat_and_harmless(value) else _without_secrets(value)
    try:
        encoded = _RECORD.encode(kept)
    except (ValueError, TypeError, OverflowError):  # what JSON from elsewhere may hold
        encoded = canonical(kept).encode("utf-8", "replace")
    if len(encoded) <= RAW_MAX_BYTES:
        return encoded.decode()
    head = encoded[: RAW_MAX_BYTES - 64].decode("utf-8", "ignore")
    return canonical({"truncated": True, "bytes": len(encoded), "head": head[: RAW_MAX_BYTES // 2]})


# Five times as fast as the canonical form; a record is not hashed.
_RECORD: Final = msgspec.json.Encoder(order="sorted")


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _is_flat_and_harmless(value: JsonValue) -> bool:
    """Nothing to remove: an object of scalars without a telling name, as most events are."""
    if not isinstance(value, Mapping):
        return False
    if not _SCALARS.issuperset(map(type, value.values())):
        return False
    return not any(map(_is_secret, value))


def _without_secrets(value: JsonValue) -> JsonValue:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            name: "[removed]"
            if _is_secret(name)
            else child
            if child is None or isinstance(child, str | int | float)
            else _without_secrets(child)
            for name, child in value.items()
        }
    return [_without_secrets(child) for child in value]


def _is_secret(name: str) -> bool:
    # Only short names are remembered: strangers choose them, and memory is bounded by both limits.
    return _names_secret(name) if len(name) <= NAME_REMEMBERED else _says_secret(name)


@lru_cache(maxsize=4096)
def _names_secret(name: str) -> bool:
    return _says_secret(name)


def _says_secret(name: str) -> bool:
    folded = name.casefold().replace("-", "_")
    return any(word in folded for word in SECRET_WORDS)
