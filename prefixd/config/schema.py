"""Tables of keys: one per section of a file, read by the parser and by the reference's generator.

A key says its name, its kind, the field it sets, what it takes to change it, and one sentence for
people. Defaults are not repeated here: they come from the settings class the field belongs to. A
key of the earlier daemon that has no effect is listed with what replaces it and yields one
warning; a key that never existed is an error with the nearest known one.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from prefixd.config.kinds import Kind, Listing, Mapped, Table, Text
from prefixd.config.reader import BAD, Bad, Effective, Reader, did_you_mean, type_in_words
from prefixd.setting import Live

T = TypeVar("T")


Fields = dict[str, object]
"""What a section yields that feeds several settings classes: the fields that were given."""


def given(**fields: object) -> Fields:
    """The builder of such a section."""
    return fields


class Default:
    """Where a key's default comes from when it is not a value of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


REQUIRED: Final = Default("required")
INHERIT: Final = Default("the default of the settings class")
ABSENT: Final = Default("none")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a section; `default_text` words the default when the value would not help."""

    name: str
    kind: Kind[object]
    doc: str
    field: str
    default: object = INHERIT
    default_text: str | None = None
    live: Live | None = None
    unit: str = ""
    is_secret: bool = False
    replaced_by: str | None = None


def key(
    name: str,
    kind: Kind[object],
    doc: str,
    *,
    field: str | None = None,
    default: object = INHERIT,
    default_text: str | None = None,
    live: Live | None = None,
    unit: str = "",
    is_secret: bool = False,
) -> Key:
    return Key(
        name=name,
        kind=kind,
        doc=doc,
        field=name if field is None else field,
        default=default,
        default_text=default_text,
        live=live,
        unit=unit,
        is_secret=is_secret,
    )


def gone(name: str, replaced_by: str) -> Key:
    """A key of the earlier daemon that has no effect; `replaced_by` is a sentence."""
    return Key(
        name=name, kind=Text(), doc=replaced_by, field="", default=ABSENT, replaced_by=replaced_by
    )


class Section(Generic[T]):
    """A mapping with known keys that builds one settings value."""

    def __init__(
        self,
        build: Callable[..., T],
        keys: Iterable[Key],
        *,
        doc: str = "",
        live: Live | None = None,
        identity: str | None = None,
        defaults: type | Mapping[str, object] | None = None,
    ) -> None:
        """`identity` names the key that tells entries of a list apart, for paths that survive
        reordering; `defaults` whose field defaults apply, when `build` is not that class."""
        self.build = build
        self.keys: tuple[Key, ...] = tuple(keys)
        self.doc = doc
        self.live = live
        self.identity = identity
        self._by_name: Mapping[str, Key] = {entry.name: entry for entry in self.keys}
        assert len(self._by_name) == len(self.keys), "a key is listed twice"
        self.feeds = build if defaults is None else defaults
        """The settings class whose fields the keys set; something else when there are several."""
        self._field_defaults = (
            dict(defaults) if isinstance(defaults, Mapping) else field_defaults(self.feeds)
        )
        self._required = _required_fields(self.keys, self._field_defaults)
        self._nested = tuple(
            entry
            for entry in self.keys
            if isinstance(entry.kind, Section) and entry.default is INHERIT
        )

    def read(self, value: object, reader: Reader) -> T | Bad:
        given = {} if value is None else value
        if not isinstance(given, dict):
            return reader.complain(f"must be a section with keys, not {type_in_words(given)}")
        outer_live = reader.live
        if self.live is not None:
            reader.live = self.live
        fields: dict[str, object] = {}
        complete = self._read_keys(given, fields, reader)
        complete = self._read_absent_sections(given, fields, reader) and complete
        complete = self._has_all(given, fields, reader) and complete
        if reader.records:
            self._record(fields, reader)
        reader.live = outer_live
        if not complete:
            if not reader.path:
                reader.usable = {name: found for name, found in fields.items() if found is not BAD}
            return BAD
        for entry in self.keys:
            if not isinstance(entry.default, Default):
                fields.setdefault(entry.field, entry.default)
        try:
            return self.build(**fields)
        except ValueError as error:  # a settings class that refuses its values says why
            return reader.complain(str(error))

    def _read_keys(
        self, given: Mapping[str, object], fields: dict[str, object], reader: Reader
    ) -> bool:
        complete = True
        for name, item in given.items():
            entry = self._by_name.get(name)
            if entry is None:
                live_names = [known.name for known in self.keys if known.replaced_by is None]
                reader.complain_key(name, "unknown key", did_you_mean(name, live_names))
            elif entry.replaced_by is not None:
                if item is not None:
                    reader.warn("has no effect", name=name, hint=entry.replaced_by)
            elif item is None and not isinstance(entry.kind, Section):
                continue
            else:
                found = read_key(entry, item, reader)
                if isinstance(found, Bad):
                    complete = False
                    fields.setdefault(entry.field, BAD)
                elif entry.field in fields:
                    reader.complain_key(name, f"sets {entry.field} a second time", "keep one")
                    complete = False
                else:
                    fields[entry.field] = found
        return complete

    def _read_absent_sections(
        self, given: Mapping[str, object], fields: dict[str, object], reader: Reader
    ) -> bool:
        """A section left out is a section left empty: its own required keys are still missed."""
        complete = True
        for entry in self._nested:
            if given.get(entry.name, BAD) is BAD and entry.field not in fields:
                found = read_key(entry, {}, reader)
                if isinstance(found, Bad):
                    complete = False
                else:
                    fields[entry.field] = found
        return complete

    def _has_all(
        self, given: Mapping[str, object], fields: dict[str, object], reader: Reader
    ) -> bool:
        complete = True
        for field_name, names in self._required.items():
            if field_name in fields:
                continue
            complete = False
            what = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
            if len(names) == 1 and names[0] in given:
                reader.complain_key(names[0], "is required and has no value")
            else:
                reader.complain(f"{what} is required")
        return complete

    def _record(self, fields: Mapping[str, object], reader: Reader) -> None:
        """Note what every plain key finally is, so that diffs see defaults as values."""
        path = reader.here
        if self.identity is not None and path and isinstance(path[-1], int):
            reader.names[path] = str(fields.get(self.identity, path[-1]))
        recorded: set[str] = set()
        for entry in self.keys:
            is_leaf = not holds_sections(entry.kind)
            if entry.replaced_by is not None or not is_leaf or entry.field in recorded:
                continue
            recorded.add(entry.field)
            value = fields[entry.field] if entry.field in fields else self.default_of(entry)
            reader.effective[(*path, entry.name)] = Effective(
                value, entry.live or reader.live, entry.is_secret
            )

    def describe(self) -> str:
        return "section"

    def field_of(self, name: str) -> str:
        return self._by_name[name].field

    def default_of(self, entry: Key) -> object:
        if entry.default is not INHERIT:
            return entry.default
        return self._field_defaults.get(entry.field, REQUIRED)


def read_key(entry: Key, item: object, reader: Reader) -> object:
    outer_live, outer_secret = reader.live, reader.secret
    reader.path.append(entry.name)
    if entry.live is not None:
        reader.live = entry.live
    reader.secret = outer_secret or entry.is_secret
    found = entry.kind.read(item, reader)
    reader.path.pop()
    reader.live, reader.secret = outer_live, outer_secret
    return found


def field_defaults(cls: object) -> dict[str, object]:
    """The defaults a settings class declares; factories are called."""
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        return {}
    found: dict[str, object] = {}
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def _required_fields(
    keys: Sequence[Key], defaults: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    required: dict[str, list[str]] = {}
    for entry in keys:
        if entry.default is REQUIRED or (
            entry.default is INHERIT
            and entry.field not in defaults
            and not isinstance(entry.kind, Section)
        ):
            required.setdefault(entry.field, []).append(entry.name)
    return {field: tuple(names) for field, names in required.items()}


def holds_sections(kind: object) -> bool:
    """Whether entries below this kind record themselves."""
    match kind:
        case Section() | OneOf():
            return True
        case Listing() | Mapped():
            return holds_sections(kind.kind)
        case Table():
            return holds_sections(kind.value)
        case _:
            return isinstance(getattr(kind, "section", None), Section)


class OneOf(Generic[T]):
    """A section whose other keys depend on the word under `tag`."""

    def __init__(
        self,
        tag: str,
        choices: Mapping[str, Section[T]],
        *,
        identity: str | None = None,
        default: str | None = None,
    ) -> None:
        self.tag = tag
        self.choices = choices
        self.identity = identity
        self.default = default

    def read(self, value: object, reader: Reader) -> T | Bad:
        if not isinstance(value, dict):
            return reader.complain(f"must be a section with keys, not {type_in_words(value)}")
        word: Any = value.get(self.tag, self.default)
        if word is None:
            return reader.complain(f"{self.tag} is required", hint=self._words())
        section = self.choices.get(word) if isinstance(word, str) else None
        if section is None:
            reader.path.append(self.tag)
            hint = did_you_mean(word, self.choices) if isinstance(word, str) else None
            bad = reader.complain(f"must be {self._words()}", value=word, hint=hint)
            reader.path.pop()
            return bad
        rest = {name: item for name, item in value.items() if name != self.tag}
        return section.read(rest, reader)

    def _words(self) -> str:
        *first, last = self.choices
        return f"{', '.join(first)} or {last}" if first else last

    def describe(self) -> str:
        return f"section, by `{self.tag}`"
