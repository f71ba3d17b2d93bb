"""Settings classes to sections: every key of a file is read off the field that it fills.

The type of a field picks its kind (`int` a whole number, `tuple[X, ...]` a list, an enumeration
its words, a settings class a section); the annotations of `prefixd.setting` bound and describe it.
Values with a spelling of their own have their kind in `spellings.py`, by type or by name.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from enum import StrEnum
from functools import cache, reduce
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from prefixd import setting
from prefixd.config.bgp_spellings import to_secret
from prefixd.config.kinds import Kind, Listing, Mapped, Number, Table, Text, Whole, Word, set_of
from prefixd.config.schema import INHERIT, REQUIRED, Key, Section, field_defaults, key
from prefixd.config.spellings import BY_TYPE, BY_WORD, EnvironmentSecret, FileSecret

T = TypeVar("T")
N = TypeVar("N")

Notes = tuple[object, ...]
Kinds = Mapping[object, Kind[Any]]
NO_KINDS: Kinds = {}
EACH_ONCE = setting.Many()


def section_of(
    cls: type[T],
    *,
    kinds: Kinds = NO_KINDS,
    extra: Iterable[Key] = (),
    live: setting.Live | None = None,
) -> Section[T]:
    """The section that fills `cls`. `kinds` by type or field, for what no type says by itself."""
    return Section(
        cls,
        [*keys_of(cls, kinds=kinds), *extra],
        doc=doc_of(cls),
        live=live,
        identity=identity_of(cls),
    )


@cache
def _plain_section(cls: type[Any]) -> Section[Any]:
    """One section per class, so that the reference shows it once."""
    return section_of(cls)


def keys_of(cls: type[Any], section: str = "", *, kinds: Kinds = NO_KINDS) -> list[Key]:
    """The keys of a class, in the order of its fields; of one section where it feeds several."""
    defaults = field_defaults(cls)
    found: list[Key] = []
    for field, hint in get_type_hints(cls, include_extras=True).items():
        base, notes = _unwrapped(hint)
        homes = {note.section for note in _all(notes, setting.In)} or {""}
        if _one(notes, setting.Doc) is not None and section in homes:
            kind = kinds.get(field) or _kind(base, notes, kinds)
            found += _keys(field, kind, base, notes, defaults)
    return found


def _keys(
    field: str, kind: Kind[Any], base: object, notes: Notes, defaults: Mapping[str, object]
) -> Iterator[Key]:
    name, unit = _name_and_unit(field, notes)
    doc = _one(notes, setting.Doc)
    assert doc is not None
    secret, words = _one(notes, setting.Secret), _one(notes, setting.Default)
    live = _one(notes, setting.Live)
    if secret is not None and secret.three_ways:
        convert = str if base is str else to_secret
        required = field not in defaults
        yield from secret_keys(
            name, doc.text, field=field, required=required, live=live, convert=convert
        )
        return
    # A section that may be left out altogether is not read as an empty one.
    is_optional = isinstance(kind, Section) and defaults.get(field, INHERIT) is None
    yield key(
        name,
        kind,
        doc.text,
        field=field,
        default=None if is_optional else INHERIT,
        default_text=None if words is None else words.text,
        live=live,
        unit=unit,
        is_secret=secret is not None,
    )


def secret_keys(
    name: str,
    doc: str,
    *,
    field: str | None = None,
    required: bool = False,
    live: setting.Live | None = None,
    convert: Callable[[str], object] = str,
) -> tuple[Key, Key, Key]:
    """`name` (with `${VAR}`), `name_env` and `name_file`: three ways to one secret."""
    target = name if field is None else field
    default = REQUIRED if required else INHERIT
    whole = f"one of `{name}`, `{name}_env`, `{name}_file`" if required else "none"
    return (
        key(
            name,
            Mapped(Text(maximum=4096), convert),
            f"{doc} Write `${{VAR}}` rather than the secret itself.",
            field=target,
            default=default,
            default_text=whole,
            live=live,
            is_secret=True,
        ),
        key(
            f"{name}_env",
            Mapped(EnvironmentSecret(), convert),
            f"Name of the environment variable that holds `{name}`.",
            field=target,
            default=default,
            default_text="none",
            live=live,
            is_secret=True,
        ),
        key(
            f"{name}_file",
            Mapped(FileSecret(), convert),
            f"File that holds `{name}`; relative paths start at the configuration directory.",
            field=target,
            default=default,
            default_text="none",
            live=live,
            is_secret=True,
        ),
    )


def _name_and_unit(field: str, notes: Notes) -> tuple[str, str]:
    named, unit = _one(notes, setting.Named), _one(notes, setting.Unit)
    name, word = field, ""
    for suffix, (key_suffix, its_unit) in setting.UNITS.items():
        if field.endswith(suffix):
            name, word = field.removesuffix(suffix) + key_suffix, its_unit
    return name if named is None else named.key, word if unit is None else unit.text


def _kind_of(hint: object, kinds: Kinds) -> Kind[Any]:
    base, notes = _unwrapped(hint)
    return _kind(base, notes, kinds)


def _kind(base: object, notes: Notes, kinds: Kinds) -> Kind[Any]:
    for note in notes:
        match note:
            case setting.As(word=word):
                return BY_WORD[word]
            case setting.Whole():
                return Whole(note.minimum, note.maximum)
            case setting.Number():
                return Number(note.minimum, note.maximum, note.above_minimum)
            case setting.Text():
                return Text(note.minimum, note.maximum, note.pattern, note.what)
            case _:
                pass
    origin, inner = get_origin(base), get_args(base)
    if origin is tuple:
        return listing_of(_kind_of(inner[0], kinds), _one(notes, setting.Many) or EACH_ONCE)
    if origin is frozenset:
        return set_of(_kind_of(inner[0], kinds))
    if origin is not None and issubclass(origin, Mapping):
        return Table(_kind_of(inner[0], kinds), _kind_of(inner[1], kinds))
    known = kinds.get(base) or BY_TYPE.get(base)
    if known is not None:
        return known
    assert isinstance(base, type), f"no kind reads {base}"
    if issubclass(base, StrEnum):
        return Word(base)
    assert is_dataclass(base), f"no kind reads {base}"
    return _plain_section(base)


def listing_of(item: Kind[Any], many: setting.Many = EACH_ONCE) -> Kind[Any]:
    """A list. Entries that have an identity must differ in it."""
    identity, word = None, "value"
    if isinstance(item, Section) and item.identity is not None and many.unique:
        word = item.identity
        identity = operator.attrgetter(item.field_of(word))
    return Listing(
        kind=item,
        minimum=many.minimum,
        maximum=many.maximum,
        unique=many.unique,
        identity=identity,
        identity_word=word,
    )


def identity_of(cls: type[Any]) -> str | None:
    for field, hint in get_type_hints(cls, include_extras=True).items():
        _, notes = _unwrapped(hint)
        if _one(notes, setting.Identity) is not None:
            return _name_and_unit(field, notes)[0]
    return None


def doc_of(cls: type[Any]) -> str:
    """The first paragraph of the docstring; what a dataclass writes itself is none."""
    text = cls.__doc__ or ""
    return "" if text.startswith(f"{cls.__name__}(") else " ".join(text.split("\n\n")[0].split())


def _unwrapped(hint: object) -> tuple[object, Notes]:
    """The type itself, without `None` and annotations, and the annotations."""
    notes: Notes = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            notes = (*more, *notes)
        elif get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
            hint = reduce(operator.or_, (arg for arg in get_args(hint) if arg is not NoneType))
        else:
            return hint, notes


def _all(notes: Notes, wanted: type[N]) -> list[N]:
    return [note for note in notes if isinstance(note, wanted)]


def _one(notes: Notes, wanted: type[N]) -> N | None:
    found = _all(notes, wanted)
    return found[0] if found else None
