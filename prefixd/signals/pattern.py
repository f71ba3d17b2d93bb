"""A regular expression engine whose worst case is its usual case.

Patterns come from configuration, the text they meet comes from strangers. A backtracking engine
lets a stranger choose input on which an innocent-looking pattern takes minutes; this one runs all
alternatives side by side (Thompson's construction, as simulated by Pike) and so needs at most
`len(text) * len(program)` steps, with captures and leftmost-first choice as people expect them.

Understood: literals, `.`, classes, `\\d \\w \\s` and their opposites, groups, `(?:...)`, `|`,
`* + ? {m,n}` with lazy twins, `^ $ \\b \\B`. Refused with a reason: back-references,
look-around, flags.
Patterns are at most 128 characters, texts at most 512, programs at most 500 steps.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.signals.pattern_syntax import (
    Alternative,
    AnyChar,
    Boundary,
    CharClass,
    Edge,
    Group,
    Literal,
    Node,
    PatternError,
    Repeat,
    Sequence,
    parse_pattern,
)

TEXT_MAX: Final = 512
PROGRAM_MAX: Final = 500

__all__ = ["Pattern", "PatternError", "compile_pattern"]


@dataclass(frozen=True, slots=True)
class Test:
    """Consume one character if it fits."""

    accepts: Literal | AnyChar | CharClass


@dataclass(frozen=True, slots=True)
class Assert:
    """Go on only here."""

    edge: Edge | Boundary


@dataclass(frozen=True, slots=True)
class Split:
    """Try `first`, then `second`: the order is the preference."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Jump:
    target: int


@dataclass(frozen=True, slots=True)
class Save:
    slot: int


@dataclass(frozen=True, slots=True)
class Accept:
    pass


Step = Test | Assert | Split | Jump | Save | Accept
Captures = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    program: tuple[Step, ...]
    groups: int

    def search(self, text: str) -> tuple[str | None, ...] | None:
        """The first match anywhere: the whole match, then each group; None when there is none."""
        return self._run(text, anywhere=True)

    def fullmatch(self, text: str) -> bool:
        return self._run(text, anywhere=False) is not None

    def _run(self, text: str, *, anywhere: bool) -> tuple[str | None, ...] | None:
        if len(text) > TEXT_MAX:
            return None
        empty: Captures = (-1,) * (2 * (self.groups + 1))
        threads: dict[int, Captures] = {}
        passed: set[int] = set()
        found: Captures | None = None
        for position in range(len(text) + 1):
            if found is None and (anywhere or position == 0):
                start = _set(empty, 0, position)
                _follow(self.program, threads, passed, 0, start, text, position)
            if not threads:
                if found is not None or not anywhere:
                    break
                passed = set()
                continue
            following: dict[int, Captures] = {}
            passed = set()
            for index, captures in threads.items():
                step = self.program[index]
                if isinstance(step, Accept):
                    if anywhere or position == len(text):
                        found = _set(captures, 1, position)
                        break  # threads behind this one were less preferred
                elif (
                    isinstance(step, Test)
                    and position < len(text)
                    and _fits(step.accepts, text[position])
                ):
                    _follow(
                        self.program, following, passed, index + 1, captures, text, position + 1
                    )
            threads = following
        return None if found is None else _cut(text, found)


def compile_pattern(text: str) -> Pattern:
    """Raises `PatternError` with a reason an operator can act on."""
    tree, groups = parse_pattern(text)
    program: list[Step] = []
    _emit(tree, program)
    program.append(Accept())
    return Pattern(tuple(program), groups)


def _emit(node: Node, out: list[Step]) -> None:
    if len(out) > PROGRAM_MAX:
        raise PatternError(f"repeats expand to more than {PROGRAM_MAX} steps")
    match node:
        case Literal() | AnyChar() | CharClass():
            out.append(Test(node))
        case Edge() | Boundary():
            out.append(Assert(node))
        case Sequence(parts):
            for part in parts:
                _emit(part, out)
        case Group(inner, number):
            if number is None:
                _emit(inner, out)
            else:
                out.append(Save(2 * number))
                _emit(inner, out)
                out.append(Save(2 * number + 1))
        case Alternative(branches):
            _emit_alternative(branches, out)
        case Repeat():
            _emit_repeat(node, out)


def _emit_alternative(branches: tuple[Node, ...], out: list[Step]) -> None:
    jumps: list[int] = []
    for branch in branches[:-1]:
        split = len(out)
        out.append(Jump(0))
        _emit(branch, out)
        jumps.append(len(out))
        out.append(Jump(0))
        out[split] = Split(split + 1, len(out))
    _emit(branches[-1], out)
    for jump in jumps:
        out[jump] = Jump(len(out))


def _emit_repeat(node: Repeat, out: list[Step]) -> None:
    for _ in range(node.least):
        _emit(node.inner, out)
    if node.most is None:
        split = len(out)
        out.append(Jump(0))
        _emit(node.inner, out)
        out.append(Jump(split))
        out[split] = _choice(split + 1, len(out), greedy=node.greedy)
        return
    splits: list[int] = []
    for _ in range(node.most - node.least):
        splits.append(len(out))
        out.append(Jump(0))
        _emit(node.inner, out)
    for split in splits:
        out[split] = _choice(split + 1, len(out), greedy=node.greedy)


def _choice(inside: int, after: int, *, greedy: bool) -> Split:
    return Split(inside, after) if greedy else Split(after, inside)


def _follow(
    program: tuple[Step, ...],
    threads: dict[int, Captures],
    passed: set[int],
    start: int,
    captures: Captures,
    text: str,
    position: int,
) -> None:
    """Add every step reachable without consuming, in order of preference.

    `passed` belongs to the position, not to the call: each step is walked once per character, by
    whichever thread prefers it most, and that is what makes the whole run linear.
    """
    pending: list[tuple[int, Captures]] = [(start, captures)]
    while pending:
        index, held = pending.pop()
        if index in threads or index in passed:
            continue
        step = program[index]
        match step:
            case Test() | Accept():
                threads[index] = held
            case Jump(target):
                passed.add(index)
                pending.append((target, held))
            case Split(first, second):
                passed.add(index)
                pending.append((second, held))
                pending.append((first, held))
            case Save(slot):
                passed.add(index)
                pending.append((index + 1, _set(held, slot, position)))
            case Assert(edge):
                passed.add(index)
                if _holds(edge, text, position):
                    pending.append((index + 1, held))


def _set(captures: Captures, slot: int, position: int) -> Captures:
    return (*captures[:slot], position, *captures[slot + 1 :])


def _fits(accepts: Literal | AnyChar | CharClass, char: str) -> bool:
    match accepts:
        case Literal(wanted):
            return char == wanted
        case AnyChar():
            return char not in "\n\r"
        case CharClass():
            return accepts.contains(char)


def _holds(edge: Edge | Boundary, text: str, position: int) -> bool:
    match edge:
        case Edge(at_end):
            return position == (len(text) if at_end else 0)
        case Boundary(inside):
            before = position > 0 and _is_word(text[position - 1])
            after = position < len(text) and _is_word(text[position])
            return (before == after) is inside


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _cut(text: str, captures: Captures) -> tuple[str | None, ...]:
    pairs = zip(captures[::2], captures[1::2], strict=True)
    return tuple(text[start:end] if start >= 0 and end >= 0 else None for start, end in pairs)
