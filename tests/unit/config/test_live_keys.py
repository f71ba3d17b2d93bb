"""A key that does nothing does not exist: what every key sets is read by the product.

A key fills a field of a settings class. Whoever makes the setting count must read that attribute
somewhere outside the configuration itself, so its name has to occur there as an attribute access
or in a class pattern. A name that several classes share proves little by itself: it has to be read
in the file of its own class, in one that imports from there, or in one that imports such a file.
"""

import ast
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from prefixd.config.bundle import Config
from prefixd.config.reference import FILES, inner_sections
from prefixd.config.schema import Key, Section

PACKAGE = Path(__file__).resolve().parents[3] / "prefixd"
CONFIG = "prefixd.config."

FOR_PEOPLE = {"correlation.default_source.type", "correlation.webhook_adapters[].description"}
"""Labels: shown with the configuration, acted on by nobody."""

PASSED_ON = {
    "correlation.webhook_adapters[].dry_run": "SourceSettings.on_trial of the adapter's source",
    "correlation.sensors.deception[].expect_every_seconds": "SourceSettings.expect_every_s",
}
"""Keys that the configuration turns into another setting, which is read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What one file reads, and which modules it knows."""

    module: str
    reads: frozenset[str]
    texts: frozenset[str]
    imports: frozenset[str]
    declares: frozenset[str]
    """`Class.field` for every field of its classes."""


@cache
def sources() -> tuple[Source, ...]:
    return tuple(_source(path) for path in sorted(PACKAGE.rglob("*.py")))


def _source(path: Path) -> Source:
    return read_source(
        ".".join(("prefixd", *path.relative_to(PACKAGE).with_suffix("").parts)),
        path.read_text(encoding="utf-8"),
    )


def read_source(module: str, text: str) -> Source:
    reads: set[str] = set()
    texts: set[str] = set()
    imports: set[str] = set()
    declares: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()):
                reads.add(name)
            case ast.MatchClass(kwd_attrs=names):
                reads.update(names)
            case ast.ImportFrom(module=str(origin)):
                imports.add(origin)
            case ast.ClassDef(name=owner, body=body):
                declares.update(
                    f"{owner}.{entry.target.id}"
                    for entry in body
                    if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name)
                )
            case ast.arg(arg=name):
                texts.add(name)
            case (
                ast.Subscript(slice=ast.Constant(value=str(name)))
                | ast.Call(func=ast.Attribute(), args=[ast.Constant(value=str(name)), *_])
            ):
                texts.add(name)
            case _:
                pass
    return Source(
        module, frozenset(reads), frozenset(texts), frozenset(imports), frozenset(declares)
    )


def is_read(owner: type, field: str) -> bool:
    outside = [each for each in sources() if not each.module.startswith(CONFIG)]
    readers = [each for each in outside if field in each.reads]
    if field in ambiguous():
        home = owner.__module__
        near = {home} | {each.module for each in sources() if home in each.imports}
        readers = [each for each in readers if each.module in near or near & each.imports]
    return bool(readers)


@cache
def ambiguous() -> frozenset[str]:
    """Names that more than one class of the product declares."""
    declared = Counter(entry.partition(".")[2] for each in sources() for entry in each.declares)
    return frozenset(name for name, count in declared.items() if count > 1)


@cache
def settings_classes() -> frozenset[type]:
    """Every settings class the loaded configuration is made of."""
    found: set[type] = set()
    todo: list[object] = [Config]
    while todo:
        kind = todo.pop()
        todo += getattr(kind, "__args__", ())
        if isinstance(kind, type) and field_names(kind) and kind not in found:
            found.add(kind)
            todo += get_type_hints(kind, vars(sys.modules[kind.__module__])).values()
    return frozenset(found)


def keys() -> Iterator[tuple[str, Key, Section[Any]]]:
    """Every key of every section once, by its first path."""
    seen: set[int] = set()

    def below(path: str, section: Section[Any]) -> Iterator[tuple[str, Key, Section[Any]]]:
        if id(section) in seen:
            return
        seen.add(id(section))
        for entry in section.keys:
            where = f"{path}.{entry.name}" if path else entry.name
            if entry.replaced_by is None:
                yield where, entry, section
            for inner_path, inner in inner_sections(where, entry.kind):
                yield from below(inner_path, inner)

    for _, _, section in FILES:
        yield from below("", section)


def has(owner: type, field: str) -> bool:
    """The sections of a file are classes too, of the configuration's own."""
    return field in field_names(owner) and not owner.__module__.startswith(CONFIG)


def field_names(owner: type) -> frozenset[str]:
    """Settings are dataclasses, domain values are Structs."""
    if dataclasses.is_dataclass(owner):
        return frozenset(field.name for field in dataclasses.fields(owner))
    return frozenset(getattr(owner, "__struct_fields__", ()))


def dead(entry: Key, section: Section[Any]) -> bool:
    if isinstance(section.feeds, type) and has(section.feeds, entry.field):
        return not is_read(section.feeds, entry.field)
    if any(is_read(owner, entry.field) for owner in settings_classes() if has(owner, entry.field)):
        return False
    # Not a setting by itself: the configuration makes others of it.
    return not any(
        entry.field in each.reads | each.texts
        for each in sources()
        if each.module.startswith(CONFIG)
    )


def test_every_key_is_read_by_the_product() -> None:
    found = [path for path, entry, section in keys() if dead(entry, section)]
    assert sorted(found) == sorted({*FOR_PEOPLE, *PASSED_ON})


def test_the_walk_meets_every_file() -> None:
    paths = {path for path, _, _ in keys()}
    assert len(paths) > 300
    assert {
        "pop",
        "customers[].customer_id",
        "playbooks[].steps[], action: police.rate_bps",
    } <= paths


@pytest.mark.parametrize("text", ["x.ttl_s = 3", "f(ttl_s=3)", "'ttl_s'", "ttl_s = 1"])
def test_what_is_only_written_is_not_read(text: str) -> None:
    assert "ttl_s" not in read_source("m", text).reads


@pytest.mark.parametrize("text", ["y = x.ttl_s", "match x:\n    case K(ttl_s=1):\n        pass"])
def test_a_read_is_seen(text: str) -> None:
    assert "ttl_s" in read_source("m", text).reads
