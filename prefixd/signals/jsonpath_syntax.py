"""The grammar of RFC 9535 JSONPath: text to tree, once, while configuration is loaded.

The whole of the RFC's syntax is read: names, wildcards, indices, slices, unions, descendants,
filters with comparison, existence, `&& || !` and the five functions. What can be checked without
a document is checked here (RFC 9535 2.4.3 well-typedness, integers within the exact range), so a
path that compiles can be evaluated against anything.
"""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PATH_MAX: Final = 512
NESTING_MAX: Final = 16
EXACT_INT: Final = 2**53 - 1  # RFC 9535 2.1: integers in paths stay within I-JSON's exact range

_NAME: Final = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*")
_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_FUNCTION: Final = re.compile(r"[a-z][a-z0-9_]*(?=\()")


class PathError(ValueError):
    """The path cannot be used; the text says why and where."""


class Operator(StrEnum):
    EQUAL = "=="
    DIFFERENT = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    LESS = "<"
    MORE = ">"


class Function(StrEnum):
    LENGTH = "length"
    COUNT = "count"
    VALUE = "value"
    MATCH = "match"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    pass


@dataclass(frozen=True, slots=True)
class Index:
    index: int


@dataclass(frozen=True, slots=True)
class Slice:
    start: int | None
    end: int | None
    step: int


@dataclass(frozen=True, slots=True)
class Filter:
    condition: "Logical"


Selector = Name | Wildcard | Index | Slice | Filter


@dataclass(frozen=True, slots=True)
class Segment:
    selectors: tuple[Selector, ...]
    descendant: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`relative`: starts at `@`, the node a filter looks at, instead of `$`."""

    segments: tuple[Segment, ...]
    relative: bool

    @property
    def is_singular(self) -> bool:
        return all(
            not segment.descendant
            and len(segment.selectors) == 1
            and isinstance(segment.selectors[0], Name | Index)
            for segment in self.segments
        )


@dataclass(frozen=True, slots=True)
class Value:
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    function: Function
    arguments: tuple["Value | Query | Call", ...]


Comparable = Value | Query | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Comparable
    operator: Operator
    right: Comparable


@dataclass(frozen=True, slots=True)
class Exists:
    query: Query


@dataclass(frozen=True, slots=True)
class Holds:
    """A function used as a test: `match` or `search`."""

    call: Call


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Logical"


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple["Logical", ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple["Logical", ...]


Logical = Comparison | Exists | Holds | Not | All | Any

_TESTS: Final = (Function.MATCH, Function.SEARCH)
_ARITY: Final = {
    Function.LENGTH: 1,
    Function.COUNT: 1,
    Function.VALUE: 1,
    Function.MATCH: 2,
    Function.SEARCH: 2,
}


def parse_path(text: str) -> Query:
    """The tree of an absolute path. Raises `PathError`."""
    if len(text) > PATH_MAX:
        raise PathError(f"longer than {PATH_MAX} characters")
    parser = _Parser(text)
    if not parser.skip("$"):
        raise PathError("a path starts with $")
    query = Query(parser.segments(0), relative=False)
    if parser.at != len(text):
        raise parser.wrong("unexpected text")
    return query


@dataclass(slots=True)
class _Parser:
    text: str
    at: int = field(default=0)

    def wrong(self, reason: str) -> PathError:
        return PathError(f"{reason} at character {self.at + 1}")

    def skip(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.skip(wanted):
            raise self.wrong(f"expected {wanted}")

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n\r":
            self.at += 1

    def token(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def segments(self, depth: int) -> tuple[Segment, ...]:
        if depth > NESTING_MAX:
            raise self.wrong(f"filters nest deeper than {NESTING_MAX}")
        found: list[Segment] = []
        while True:
            resume = self.at
            self.blanks()
            segment = self.segment(depth)
            if segment is None:
                self.at = resume
                return tuple(found)
            found.append(segment)

    def segment(self, depth: int) -> Segment | None:
        if self.skip(".."):
            if self.skip("["):
                return Segment(self.union(depth), descendant=True)
            return Segment((self.short_hand(),), descendant=True)
        if self.skip("."):
            return Segment((self.short_hand(),), descendant=False)
        if self.skip("["):
            return Segment(self.union(depth), descendant=False)
        return None

    def short_hand(self) -> Selector:
        if self.skip("*"):
            return Wildcard()
        name = self.token(_NAME)
        if name is None:
            raise self.wrong("expected a name or *")
        return Name(name)

    def union(self, depth: int) -> tuple[Selector, ...]:
        found: list[Selector] = []
        while True:
            self.blanks()
            found.append(self.selector(depth))
            self.blanks()
            if self.skip("]"):
                return tuple(found)
            self.expect(",")

    def selector(self, depth: int) -> Selector:
        if self.skip("*"):
            return Wildcard()
        if self.skip("?"):
            self.blanks()
            return Filter(self.any_of(depth + 1))
        if self.text[self.at : self.at + 1] in ("'", '"'):
            return Name(self.quoted())
        return self.index_or_slice()

    def index_or_slice(self) -> Selector:
        start = self.integer()
        self.blanks()
        if not self.skip(":"):
            if start is None:
                raise self.wrong("expected a selector")
            return Index(start)
        self.blanks()
        end = self.integer()
        self.blanks()
        step: int | None = None
        if self.skip(":"):
            self.blanks()
            step = self.integer()
        return Slice(start, end, 1 if step is None else step)

    def integer(self) -> int | None:
        digits = self.token(_INT)
        if digits is None:
            return None
        if digits == "-0" or abs(int(digits)) > EXACT_INT:
            raise self.wrong("not an exact integer")
        return int(digits)

    def quoted(self) -> str:
        quote = self.text[self.at]
        self.at += 1
        out = ""
        while True:
            char = self.text[self.at : self.at + 1]
            if not char or char < " ":
                raise self.wrong("unfinished text")
            self.at += 1
            if char == quote:
                return out
            out += self.escape(quote) if char == "\\" else char

    def escape(self, quote: str) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char == quote or (char and char in "/\\"):
            return char
        if char and char in "bfnrt":
            return {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}[char]
        if char == "u":
            # JSON knows the rules for \uXXXX and surrogate pairs; let it read them.
            for length in (10, 4):
                piece = self.text[self.at : self.at + length]
                if re.fullmatch(r"[0-9A-Fa-f]{4}(\\u[0-9A-Fa-f]{4})?", piece):
                    decoded = str(json.loads(f'"\\u{piece}"'))
                    if len(decoded) == 1 and not "\ud800" <= decoded <= "\udfff":
                        self.at += length
                        return decoded
        raise self.wrong("unknown escape")

    def any_of(self, depth: int) -> Logical:
        parts = [self.all_of(depth)]
        self.blanks()
        while self.skip("||"):
            self.blanks()
            parts.append(self.all_of(depth))
            self.blanks()
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def all_of(self, depth: int) -> Logical:
        parts = [self.basic(depth)]
        self.blanks()
        while self.skip("&&"):
            self.blanks()
            parts.append(self.basic(depth))
            self.blanks()
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def basic(self, depth: int) -> Logical:
        if depth > NESTING_MAX:
            raise self.wrong(f"filters nest deeper than {NESTING_MAX}")
        if self.skip("!"):
            self.blanks()
            if self.text.startswith("(", self.at):
                return Not(self.basic(depth + 1))
            return Not(self.test(self.comparable(depth)))
        if self.skip("("):
            self.blanks()
            inner = self.any_of(depth + 1)
            self.blanks()
            self.expect(")")
            return inner
        left = self.comparable(depth)
        self.blanks()
        for operator in Operator:
            if self.skip(operator.value):
                self.blanks()
                return Comparison(self.one(left), operator, self.one(self.comparable(depth)))
        return self.test(left)

    def test(self, subject: Comparable) -> Logical:
        match subject:
            case Query():
                return Exists(subject)
            case Call(function=Function.MATCH | Function.SEARCH):
                return Holds(subject)
            case _:
                raise self.wrong("a literal or a value cannot be a test")

    def one(self, subject: Comparable) -> Comparable:
        """What may stand beside an operator: something that is at most one value."""
        if isinstance(subject, Query) and not subject.is_singular:
            raise self.wrong("a path that may select several nodes cannot be compared")
        if isinstance(subject, Call) and subject.function in _TESTS:
            raise self.wrong(f"{subject.function.value}() is a test, not a value")
        return subject

    def comparable(self, depth: int) -> Comparable:
        if self.skip("@"):
            return Query(self.segments(depth), relative=True)
        if self.skip("$"):
            return Query(self.segments(depth), relative=False)
        if self.text[self.at : self.at + 1] in ("'", '"'):
            return Value(self.quoted())
        word = self.token(_FUNCTION)
        if word is not None:
            return self.call(word, depth)
        for literal, value in (("true", True), ("false", False), ("null", None)):
            if self.skip(literal):
                return Value(value)
        digits = self.token(_NUMBER)
        if digits is None:
            raise self.wrong("expected a value, a path or a function")
        return Value(float(digits) if any(mark in digits for mark in ".eE") else int(digits))

    def call(self, word: str, depth: int) -> Call:
        if word not in set(Function):
            raise self.wrong(f"unknown function {word}()")
        function = Function(word)
        self.expect("(")
        arguments: list[Comparable] = []
        self.blanks()
        while not self.skip(")"):
            if arguments:
                self.expect(",")
                self.blanks()
            arguments.append(self.comparable(depth + 1))
            self.blanks()
        if len(arguments) != _ARITY[function]:
            raise self.wrong(f"{word}() takes {_ARITY[function]} argument(s)")
        if function in (Function.COUNT, Function.VALUE):
            if not isinstance(arguments[0], Query):
                raise self.wrong(f"{word}() takes a path")
        else:
            arguments = [self.one(argument) for argument in arguments]
        return Call(function, tuple(arguments))
