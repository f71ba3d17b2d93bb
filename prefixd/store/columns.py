"""A value as a row: one table of columns, from which a row is written and read again.

A column names the field it holds (`signal.vector` is a field of a part) and, where the database has
another type, how it is written and read. Fields that no list is filtered by share one column as
JSON, whose members are the value's own fields with their types and defaults. A table that leaves a
field out, or has one twice, is refused at import: a new field of a value cannot be forgotten.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from sys import intern
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from prefixd.store.database import Row
from prefixd.store.unit import Value

T = TypeVar("T")
_ENCODER: Final = msgspec.json.Encoder()


class Text(NamedTuple):
    """A field that is text inside JSON and another type in the value. None stays null."""

    write: Callable[[Any], str] | None
    read: Callable[[str], Any]


INTERNED: Final = Text(None, intern)


class Json(Generic[T]):
    """Fields of a value as one JSON text; a field that equals its default is left out."""

    def __init__(
        self,
        kind: type[T],
        *fields: str,
        texts: Mapping[str, Text] | None = None,
        names: Mapping[str, str] | None = None,
        instead: Mapping[str, Callable[[T], Any]] | None = None,
        defaults: Mapping[str, Any] | None = None,
        strict: bool = False,
    ) -> None:
        """No fields: all of them. `names` are stored names that differ from the field's, `instead`
        gives what is stored of a field, `defaults` what a text without it means. `strict` refuses
        unknown members; otherwise those of a newer release are ignored."""
        texts = texts or {}
        infos = {info.name: info for info in _fields(kind)}
        self.fields: Final = fields or tuple(infos)
        self._stored: Final = msgspec.defstruct(
            f"Stored{kind.__name__}",
            [
                _member(infos[field], as_text=field in texts, defaults=defaults or {})
                for field in self.fields
            ],
            omit_defaults=True,
            forbid_unknown_fields=strict,
            rename=names,
        )
        self._decoder: Final = msgspec.json.Decoder(self._stored)
        self._texts: Final = [(field, form.read) for field, form in texts.items()]
        self._get: Final = _getter(self.fields)
        self._written: Final = [
            (at, write)
            for at, field in enumerate(self.fields)
            if field in texts and (write := texts[field].write) is not None
        ]
        instead = instead or {}
        self._instead: Final = [
            (at, instead[field]) for at, field in enumerate(self.fields) if field in instead
        ]

    def encode(self, value: T) -> str:
        values = self._get(value)
        for at, write in self._written:
            if values[at] is not None:
                values[at] = write(values[at])
        for at, get in self._instead:
            values[at] = get(value)
        return _ENCODER.encode(self._stored(*values)).decode()

    def decode(self, text: str) -> dict[str, Any]:
        """The fields by name. ValueError where the text is not one that `encode` could have
        written."""
        found = msgspec.structs.asdict(self._decoder.decode(text))
        for field, read in self._texts:
            if found[field] is not None:
                found[field] = read(found[field])
        return found


def _fields(kind: type[Any]) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _member(
    info: FieldInfo, *, as_text: bool, defaults: Mapping[str, Any]
) -> tuple[str, Any] | tuple[str, Any, Any]:
    """A field of the value as a member of the JSON: one that may be None may be left out."""
    optional = type(None) in getattr(info.type, "__args__", ())
    kind = (str | None if optional else str) if as_text else info.type
    default = defaults.get(info.name, info.default)
    if default is not msgspec.NODEFAULT:
        return (info.name, kind, default)
    return (info.name, kind, None) if optional else (info.name, kind)


def _getter(paths: Sequence[str]) -> Callable[[Any], list[Any]]:
    """The attributes at these paths. One call for all of them is what makes a row cheap."""
    if len(paths) < 2:
        single = [attrgetter(path) for path in paths]
        return lambda value: [get(value) for get in single]
    get_all = attrgetter(*paths)
    return lambda value: list(get_all(value))


class Column(NamedTuple):
    """A field in a column of its own. None is NULL, and `null` is what else is."""

    name: str
    field: str
    write: Callable[[Any], Value] | None = None
    read: Callable[[Any], Any] | None = None
    null: Any = None

    @property
    def leaf(self) -> str:
        """The field's own name, without its part."""
        return self.field.rpartition(".")[2]


class Joint(NamedTuple):
    """A field that takes several columns; `read` gets all of them."""

    field: str
    columns: tuple[Column, ...]
    read: Callable[..., Any]


class Shared(NamedTuple):
    """The column of the fields that share a JSON text; `part` is the part they belong to."""

    name: str
    json: Json[Any]
    part: str = ""


class Derived(NamedTuple):
    """A column to search by. It is written and never read back."""

    name: str
    write: Callable[[Any], Value]


class Columns(Generic[T]):
    """The columns of a table in their order, for values of one kind."""

    def __init__(
        self,
        kind: type[T],
        *entries: Column | Joint | Shared | Derived,
        parts: Mapping[str, type[Any]] | None = None,
        finish: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """`parts` are fields that are values of their own and spread over columns. `finish`
        completes the fields before the value is made."""
        self._kind: Final = kind
        self._parts: Final = dict(parts or {})
        self._finish: Final = finish
        self._writers: Final[dict[str, _Writer]] = {}
        self._plain: Final[dict[str, list[tuple[int, Column]]]] = {
            part: [] for part in ("", *self._parts)
        }
        self._joint: Final[list[tuple[slice, Joint]]] = []
        self._shared: Final[list[tuple[int, Shared]]] = []
        for entry in entries:
            self._add(entry)
        self.names: Final = tuple(self._writers)
        self.sql: Final = ", ".join(self.names)
        self._check()
        self.encode: Final = Assignments[T](tuple(self._writers.items())).encode
        """The parameters of `insert`."""
        self._readers: Final = [_Reader(part, held) for part, held in self._plain.items()]

    def _add(self, entry: Column | Joint | Shared | Derived) -> None:
        at = len(self._writers)
        if isinstance(entry, Column):
            self._writers[entry.name] = _Writer(entry.field, entry.write, entry.null)
            self._plain[entry.field.rpartition(".")[0]].append((at, entry))
        elif isinstance(entry, Joint):
            for column in entry.columns:
                self._writers[column.name] = _Writer(column.field, column.write)
            self._joint.append((slice(at, at + len(entry.columns)), entry))
        elif isinstance(entry, Shared):
            self._writers[entry.name] = _Writer(entry.part, entry.json.encode)
            self._shared.append((at, entry))
        else:
            self._writers[entry.name] = _Writer("", entry.write)

    def _check(self) -> None:
        held = [
            (part, column.leaf) for part, columns in self._plain.items() for _, column in columns
        ]
        held += [("", joint.field) for _, joint in self._joint]
        held += [(shared.part, field) for _, shared in self._shared for field in shared.json.fields]
        held += [("", part) for part in self._parts]
        wanted = [
            (part, info.name)
            for part, kind in {"": self._kind, **self._parts}.items()
            for info in _fields(kind)
        ]
        if sorted(held) != sorted(wanted):
            raise TypeError(f"columns of {self._kind.__name__}: {set(held) ^ set(wanted)}")

    def insert(self, table: str) -> str:
        marks = ", ".join("?" * len(self.names))
        return f"INSERT INTO {table} ({self.sql}) VALUES ({marks})"

    def some(self, names: Iterable[str]) -> "Assignments[T]":
        """The columns that an UPDATE changes."""
        return Assignments([(name, self._writers[name]) for name in names])

    def decode(self, row: Row) -> T:
        """ValueError or TypeError when the row is not one that `encode` could have written."""
        fields = {reader.part: reader.read(row) for reader in self._readers}
        whole = fields[""]
        for place, joint in self._joint:
            whole[joint.field] = joint.read(*row[place])
        for at, shared in self._shared:
            fields[shared.part].update(shared.json.decode(row[at]))
        for part, kind in self._parts.items():
            whole[part] = kind(**fields[part])
        if self._finish is not None:
            self._finish(whole)
        return self._kind(**whole)


class _Writer(NamedTuple):
    """What a column stores: `path` of the value, or the value as a whole where that is empty."""

    path: str
    write: Callable[[Any], Value] | None
    null: Any = None


class Assignments(Generic[T]):
    """`a = ?, b = ?` of an UPDATE, and the values for it."""

    def __init__(self, columns: Sequence[tuple[str, _Writer]]) -> None:
        self.sql: Final = ", ".join(f"{name} = ?" for name, _ in columns)
        writers = [writer for _, writer in columns]
        # A column of the whole value takes any path here and is written afterwards.
        any_path = next((writer.path for writer in writers if writer.path), "")
        self._get: Final = _getter([writer.path or any_path for writer in writers])
        self._nulls: Final = [
            (at, writer.null) for at, writer in enumerate(writers) if writer.null is not None
        ]
        writes = [(at, each.path, each.write) for at, each in enumerate(writers) if each.write]
        self._converted: Final = [(at, write) for at, path, write in writes if path]
        self._whole: Final = [(at, write) for at, path, write in writes if not path]

    def encode(self, value: T) -> tuple[Value, ...]:
        values = self._get(value)
        for at, null in self._nulls:
            if values[at] == null:
                values[at] = None
        for at, write in self._converted:
            if values[at] is not None:
                values[at] = write(values[at])
        for at, write in self._whole:
            values[at] = write(value)
        return tuple(values)


def _cells_at(places: Sequence[int]) -> Callable[[Row], Sequence[Any]]:
    return itemgetter(*places) if len(places) > 1 else lambda row: [row[at] for at in places]


class _Reader:
    """The plain columns of one part, by field."""

    def __init__(self, part: str, columns: Sequence[tuple[int, Column]]) -> None:
        self.part: Final = part
        self._fields: Final = [column.leaf for _, column in columns]
        self._get: Final = _cells_at([at for at, _ in columns])
        self._reads: Final = [(held.leaf, held.read) for _, held in columns if held.read]
        self._nulls: Final = [
            (held.leaf, held.null) for _, held in columns if held.null is not None
        ]

    def read(self, row: Row) -> dict[str, Any]:
        found = dict(zip(self._fields, self._get(row), strict=False))
        for field, read in self._reads:
            value = found[field]
            if value is not None:
                found[field] = read(value)
        for field, null in self._nulls:
            if found[field] is None:
                found[field] = null
        return found
