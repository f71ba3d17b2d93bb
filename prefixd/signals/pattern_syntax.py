"""The grammar of `prefixd.signals.pattern`: text to tree, with a reason for every refusal."""

from dataclasses import dataclass, field
from typing import Final

PATTERN_MAX: Final = 128
REPEAT_MAX: Final = 256
NESTING_MAX: Final = 16
GROUPS_MAX: Final = 9

_DIGITS: Final = (("0", "9"),)
_WORD: Final = (("0", "9"), ("A", "Z"), ("a", "z"), ("_", "_"))
_SPACE: Final = ((" ", " "), ("\t", "\r"))
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}

Range = tuple[str, str]


class PatternError(ValueError):
    """The pattern cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    char: str


@dataclass(frozen=True, slots=True)
class AnyChar:
    pass


@dataclass(frozen=True, slots=True)
class CharClass:
    """Characters in any of `ranges`, or in none of `outside` sets; `negated` turns it round."""

    ranges: tuple[Range, ...]
    negated: bool = False
    outside: tuple[tuple[Range, ...], ...] = ()

    def contains(self, char: str) -> bool:
        inside = any(low <= char <= high for low, high in self.ranges) or any(
            not any(low <= char <= high for low, high in ranges) for ranges in self.outside
        )
        return inside is not self.negated


@dataclass(frozen=True, slots=True)
class Edge:
    at_end: bool


@dataclass(frozen=True, slots=True)
class Boundary:
    """`\\b`, or with `inside` its opposite `\\B`."""

    inside: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    branches: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Group:
    inner: "Node"
    number: int | None


@dataclass(frozen=True, slots=True)
class Repeat:
    inner: "Node"
    least: int
    most: int | None
    greedy: bool


Node = Literal | AnyChar | CharClass | Edge | Boundary | Sequence | Alternative | Group | Repeat


def parse_pattern(text: str) -> tuple[Node, int]:
    """The tree and the number of capturing groups."""
    if len(text) > PATTERN_MAX:
        raise PatternError(f"longer than {PATTERN_MAX} characters")
    parser = _Parser(text)
    tree = parser.alternative(0)
    if not parser.at_end():
        raise PatternError("a ) without its (")
    return tree, parser.groups


@dataclass(slots=True)
class _Parser:
    text: str
    at: int = field(default=0)
    groups: int = field(default=0)

    def at_end(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        if self.at_end():
            raise PatternError("ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def skip(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def alternative(self, depth: int) -> Node:
        if depth > NESTING_MAX:
            raise PatternError(f"groups nest deeper than {NESTING_MAX}")
        branches = [self.sequence(depth)]
        while self.skip("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Alternative(tuple(branches))

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, inner: Node) -> Node:
        bounds = self.bounds()
        if bounds is None:
            return inner
        if isinstance(inner, Edge | Boundary):
            raise PatternError("nothing to repeat")
        least, most = bounds
        greedy = not self.skip("?")
        if self.peek() in ("*", "+"):
            raise PatternError("a repeat of a repeat")
        return Repeat(inner, least, most, greedy)

    def bounds(self) -> tuple[int, int | None] | None:
        if self.skip("*"):
            return 0, None
        if self.skip("+"):
            return 1, None
        if self.skip("?"):
            return 0, 1
        if not self.skip("{"):
            return None
        least = self.count()
        most: int | None = least
        if self.skip(","):
            most = None if self.peek() == "}" else self.count()
        if not self.skip("}") or (most is not None and most < least):
            raise PatternError("a repeat must read {m}, {m,} or {m,n}")
        return least, most

    def count(self) -> int:
        digits = ""
        while self.peek().isdecimal() and self.peek().isascii():
            digits += self.take()
        if not digits or len(digits) > 3 or int(digits) > REPEAT_MAX:
            raise PatternError(f"a repeat count must be 0..{REPEAT_MAX}")
        return int(digits)

    def atom(self, depth: int) -> Node:
        match self.take():
            case ".":
                return AnyChar()
            case "^":
                return Edge(at_end=False)
            case "$":
                return Edge(at_end=True)
            case "[":
                return self.char_class()
            case "(":
                return self.group(depth)
            case "\\":
                return self.escape()
            case "*" | "+" | "?" | "{":
                raise PatternError("nothing to repeat")
            case char:
                return Literal(char)

    def group(self, depth: int) -> Node:
        number: int | None = None
        if self.skip("?"):
            if not self.skip(":"):
                raise PatternError("look-around, names and flags are not supported in groups")
        else:
            self.groups += 1
            number = self.groups
            if number > GROUPS_MAX:
                raise PatternError(f"more than {GROUPS_MAX} groups")
        inner = self.alternative(depth + 1)
        if not self.skip(")"):
            raise PatternError("a ( without its )")
        return Group(inner, number)

    def escape(self) -> Node:
        char = self.take()
        if char == "b" or char == "B":
            return Boundary(inside=char == "B")
        ranges = _CLASSES.get(char.lower())
        if ranges is not None:
            return CharClass(ranges, negated=char.isupper())
        return Literal(self.escaped(char))

    def escaped(self, char: str) -> str:
        if char.isdecimal():
            raise PatternError("back-references are not supported")
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalpha():
            raise PatternError(f"\\{char} is not supported")
        return char

    def char_class(self) -> Node:
        negated = self.skip("^")
        ranges: list[Range] = []
        outside: list[tuple[Range, ...]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            low = self.member(ranges, outside)
            if low is None:
                continue
            high = low
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                high = self.single()
                if high < low:
                    raise PatternError(f"the range {low}-{high} runs backwards")
            ranges.append((low, high))
        self.at += 1
        return CharClass(tuple(ranges), negated, tuple(outside))

    def member(self, ranges: list[Range], outside: list[tuple[Range, ...]]) -> str | None:
        """One character of a class, or None after adding a whole set such as `\\d`."""
        if self.peek() == "\\":
            letter = self.text[self.at + 1 : self.at + 2]
            known = _CLASSES.get(letter.lower())
            if known is not None:
                self.at += 2
                if letter.isupper():
                    outside.append(known)
                else:
                    ranges.extend(known)
                return None
        return self.single()

    def single(self) -> str:
        char = self.take()
        return self.escaped(self.take()) if char == "\\" else char
