"""Kinds of values: how one value of a tree becomes one typed value, and how docs describe it.

A kind reads, complains and describes; it knows neither its key nor the settings it ends up in.
Numbers that came out of `${VAR}` are text in the tree and are read as what they spell.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from prefixd import setting
from prefixd.config.reader import BAD, Bad, Reader, did_you_mean, shown, type_in_words
from prefixd.config.secrets import Expanded
from prefixd.config.yaml_tree import resolve
from prefixd.domain.prefix import Address, Prefix

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=StrEnum)
K = TypeVar("K")
V = TypeVar("V")

MANY_WORDS = 8  # more alternatives than this are not all listed when one is close


class Kind(Protocol[T_co]):
    def read(self, value: object, reader: Reader) -> T_co | Bad:
        """The typed value, or BAD after complaining to the reader."""
        ...

    def describe(self) -> str:
        """For the reference: `whole number, 1 to 65535`."""
        ...


@dataclass(frozen=True, slots=True)
class Text(setting.Text):
    """Text; the empty text only where `minimum` is 0."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        if not isinstance(value, str):
            hint = f'write it in quotes: "{value}"' if isinstance(value, int | float) else None
            return reader.complain(
                f"must be {self.what}, not {type_in_words(value)}", value=value, hint=hint
            )
        text = str(value)
        if len(text) < self.minimum:
            return reader.complain(
                f"must be at least {self.minimum} characters long" if text else "must not be empty"
            )
        if len(text) > self.maximum:
            return reader.complain(f"must be at most {self.maximum} characters long", value=value)
        if self.pattern is not None and re.fullmatch(self.pattern, text) is None:
            return reader.complain(f"must be {self.what}", value=value)
        if not text.isprintable():
            return reader.complain("must not contain control characters", value=value)
        return text

    def describe(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Whole(setting.Whole):
    """A whole number within bounds, both ends included."""

    def read(self, value: object, reader: Reader) -> int | Bad:
        number = resolve(value) if isinstance(value, Expanded) else value
        if isinstance(number, bool) or not isinstance(number, int):
            return reader.complain(
                f"must be a whole number, not {type_in_words(number)}", value=value
            )
        if number < self.minimum or (self.maximum is not None and number > self.maximum):
            return reader.complain(f"must be {self._bounds()}", value=value)
        return number

    def _bounds(self) -> str:
        if self.maximum is None:
            return f"at least {self.minimum}"
        return f"from {self.minimum} to {self.maximum}"

    def describe(self) -> str:
        if self.maximum is None:
            return f"whole number ≥ {self.minimum}"
        return f"whole number, {self.minimum} to {self.maximum}"


@dataclass(frozen=True, slots=True)
class Number(setting.Number):
    """A finite number within bounds, both ends included."""

    def read(self, value: object, reader: Reader) -> float | Bad:
        number = resolve(value) if isinstance(value, Expanded) else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            return reader.complain(f"must be a number, not {type_in_words(number)}", value=value)
        if not math.isfinite(number):
            return reader.complain("must be a finite number", value=value)
        too_low = number <= self.minimum if self.above_minimum else number < self.minimum
        if too_low or (self.maximum is not None and number > self.maximum):
            return reader.complain(f"must be {self._bounds()}", value=value)
        return float(number)

    def _bounds(self) -> str:
        low = f"above {self.minimum:g}" if self.above_minimum else f"at least {self.minimum:g}"
        if self.maximum is None:
            return low
        if self.above_minimum:
            return f"{low} and at most {self.maximum:g}"
        return f"from {self.minimum:g} to {self.maximum:g}"

    def describe(self) -> str:
        return f"number, {self._bounds()}"


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false; the words yes, no, on, off are refused with a hint."""

    def read(self, value: object, reader: Reader) -> bool | Bad:
        flag = resolve(value) if isinstance(value, Expanded) else value
        if isinstance(flag, bool):
            return flag
        hint = None
        if isinstance(flag, str) and flag.lower() in {"yes", "on"}:
            hint = "write true"
        elif isinstance(flag, str) and flag.lower() in {"no", "off"}:
            hint = "write false"
        return reader.complain("must be true or false", value=value, hint=hint)

    def describe(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Word(Generic[E]):
    """One of the words of an enumeration."""

    words: type[E]

    def read(self, value: object, reader: Reader) -> E | Bad:
        names = [word.value for word in self.words]
        if isinstance(value, str):
            try:
                return self.words(str(value))
            except ValueError:
                pass
        hint = did_you_mean(value, names) if isinstance(value, str) else None
        if hint is not None and len(names) > MANY_WORDS:
            return reader.complain("is not a word known here", value=value, hint=hint)
        return reader.complain(f"must be {_alternatives(names)}", value=value, hint=hint)

    def describe(self) -> str:
        return " \\| ".join(f"`{word.value}`" for word in self.words)


@dataclass(frozen=True, slots=True)
class Spelled(Generic[T]):
    """Text that `parse` turns into something, or into None when it spells nothing."""

    parse: Callable[[str], T | None]
    what: str
    hint: Callable[[str], str | None] = lambda text: None

    def read(self, value: object, reader: Reader) -> T | Bad:
        if not isinstance(value, str):
            return reader.complain(f"must be {self.what}, not {type_in_words(value)}", value=value)
        parsed = self.parse(str(value))
        if parsed is None:
            return reader.complain(f"must be {self.what}", value=value, hint=self.hint(str(value)))
        return parsed

    def describe(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list of values of one kind, as a tuple."""

    kind: Kind[T]
    minimum: int = 0
    maximum: int | None = None
    unique: bool = True
    identity: Callable[[T], object] | None = None
    identity_word: str = "value"

    def read(self, value: object, reader: Reader) -> tuple[T, ...] | Bad:
        if value is None:
            value = []
        if not isinstance(value, list):
            return reader.complain(
                f"must be a list, not {type_in_words(value)}", value=_scalar(value)
            )
        items: list[T] = []
        complete = True
        path = reader.path
        read = self.kind.read
        for index, entry in enumerate(value):
            path.append(index)
            item = read(entry, reader)
            path.pop()
            if item is BAD:
                complete = False
            else:
                assert not isinstance(item, Bad)
                items.append(item)
        if not complete:
            return BAD
        if len(items) < self.minimum:
            return reader.complain(f"must have at least {self.minimum} entries")
        if self.maximum is not None and len(items) > self.maximum:
            return reader.complain(f"must have at most {self.maximum} entries")
        if self.unique and self._has_repeats(items, reader):
            return BAD
        return tuple(items)

    def _has_repeats(self, items: list[T], reader: Reader) -> bool:
        seen: dict[object, int] = {}
        repeated = False
        for index, item in enumerate(items):
            mark = self.identity(item) if self.identity is not None else item
            if mark in seen:
                repeated = True
                reader.path.append(index)
                reader.complain(
                    f"has the same {self.identity_word} as entry {seen[mark]}: {shown(mark)}"
                )
                reader.path.pop()
            else:
                seen[mark] = index
        return repeated

    def describe(self) -> str:
        return f"list: {self.kind.describe()}"


@dataclass(frozen=True, slots=True)
class Mapped(Generic[K, V]):
    """A value of one kind, turned into what the settings class wants."""

    kind: Kind[K]
    convert: Callable[[K], V]

    def read(self, value: object, reader: Reader) -> V | Bad:
        found = self.kind.read(value, reader)
        return found if isinstance(found, Bad) else self.convert(found)

    def describe(self) -> str:
        return self.kind.describe()


def set_of(kind: Kind[T]) -> Mapped[tuple[T, ...], frozenset[T]]:
    return Mapped(Listing(kind=kind, unique=False), frozenset)


@dataclass(frozen=True, slots=True)
class Table(Generic[K, V]):
    """A mapping with free keys, read-only afterwards."""

    key: Kind[K]
    value: Kind[V]

    def read(self, value: object, reader: Reader) -> MappingProxyType[K, V] | Bad:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            return reader.complain(
                f"must be a section, not {type_in_words(value)}", value=_scalar(value)
            )
        table: dict[K, V] = {}
        complete = True
        for name, entry in value.items():
            reader.path.append(name)
            key = self.key.read(name, reader)
            item = self.value.read(entry, reader)
            reader.path.pop()
            if isinstance(key, Bad) or isinstance(item, Bad):
                complete = False
            else:
                table[key] = item
        return MappingProxyType(table) if complete else BAD

    def describe(self) -> str:
        return f"section: {self.key.describe()} → {self.value.describe()}"


def _scalar(value: object) -> object:
    """A value worth showing; a text or list in the place of a section might hold a secret."""
    return BAD if isinstance(value, dict | list | str) else value


def _alternatives(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _prefix_hint(text: str) -> str | None:
    loose = Prefix.parse(text)
    return f"the network is {loose}" if loose is not None else None


def _host_and_port(text: str) -> tuple[str, int] | None:
    host, colon, port_text = text.rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        address = Address.parse(host)
        if address is None:
            return None
    elif ":" in host:
        return None
    port = int(port_text)
    if port > 65535 or (host and re.fullmatch(r"[A-Za-z0-9.:_-]+", host) is None):
        return None
    return host, port


PREFIX = Spelled(
    lambda text: Prefix.parse(text, strict=True), "an IP prefix such as 192.0.2.0/24", _prefix_hint
)
ADDRESS = Spelled(Address.parse, "an IP address")
HOST_PORT = Spelled(_host_and_port, 'an address with a port such as "127.0.0.1:8080"')
PORT = Whole(minimum=1, maximum=65535)
SECONDS = Whole(minimum=0, maximum=10 * 365 * 86_400)
AT_LEAST_ONE = Whole(minimum=1)
SHARE = Number(minimum=0.0, maximum=1.0)
NAME = Text(maximum=128, what="a name")
