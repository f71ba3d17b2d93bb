"""Walking a tree: where we are, what was wrong, and what every key finally is.

A reader goes down one file with the tables of `schema.py`. It never stops at a mistake: a value
that cannot be used becomes BAD, its siblings are read on, and whatever needs the value is not
built. `effective` keeps the outcome of every key, defaults included; diffs and redacted views are
made from it.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Final

from prefixd.config.problem import Problem, Severity, TreePath
from prefixd.config.secrets import STARS, Expanded
from prefixd.setting import Live

SHOWN_LENGTH = 80


class Bad(Enum):
    """What reading yields in place of a value that cannot be used; the problem is recorded."""

    BAD = "bad"


BAD: Final = Bad.BAD


@dataclass(frozen=True, slots=True)
class Effective:
    """What a key finally is. `value` of a secret is kept for comparison and never shown."""

    value: object
    live: Live
    is_secret: bool

    def __repr__(self) -> str:
        return f"Effective({self.shown()}, {self.live.value!r})"

    def shown(self) -> str:
        if not self.is_secret:
            return shown(self.value)
        return STARS if self.value else "not set"


class Reader:
    """One pass over one file."""

    __slots__ = (
        "directory",
        "effective",
        "env",
        "live",
        "names",
        "path",
        "problems",
        "records",
        "secret",
        "usable",
    )

    def __init__(self, env: Mapping[str, str], directory: Path, *, records: bool = True) -> None:
        self.env = env
        self.directory = directory
        self.records = records
        self.path: list[str | int] = []
        self.problems: list[Problem] = []
        self.effective: dict[TreePath, Effective] = {}
        self.names: dict[TreePath, str] = {}
        self.usable: dict[str, object] = {}
        """Of a file that cannot be built as a whole: the parts that can."""
        self.secret = False
        self.live = Live.LIVE

    @property
    def here(self) -> TreePath:
        return tuple(self.path)

    def named_effective(self) -> dict[str, Effective]:
        """By path text; entries of a list go by their name, so that reordering is no change."""
        found: dict[str, Effective] = {}
        for path, entry in self.effective.items():
            text = ""
            for depth, step in enumerate(path):
                name = self.names.get(path[: depth + 1])
                if isinstance(step, int):
                    text += f"[{step if name is None else name}]"
                else:
                    text += f".{step}" if text else step
            found[text] = entry
        return found

    def complain(self, message: str, *, value: object = BAD, hint: str | None = None) -> Bad:
        """Record what is wrong with the value at the current path."""
        text = None
        if value is not BAD and value is not None:
            text = STARS if self.secret else shown(value)
        self.problems.append(Problem(steps=self.here, message=message, value=text, hint=hint))
        return BAD

    def complain_key(self, name: str, message: str, hint: str | None = None) -> None:
        """Record what is wrong with a key, whose value is not shown: it may be a secret."""
        self.problems.append(
            Problem(steps=(*self.path, name), message=message, hint=hint, at_key=True)
        )

    def warn(self, message: str, *, name: str | None = None, hint: str | None = None) -> None:
        path = self.here if name is None else (*self.path, name)
        self.problems.append(
            Problem(
                steps=path,
                message=message,
                hint=hint,
                severity=Severity.WARNING,
                at_key=name is not None,
            )
        )


def shown(value: object) -> str:
    """A value as an operator would recognise it, short."""
    match value:
        case Expanded():
            text = repr(value.source)
        case StrEnum():
            text = value.value
        case str():
            text = repr(str(value))
        case True:
            text = "true"
        case False:
            text = "false"
        case None:
            text = "nothing"
        case dict() | Mapping():
            text = "a section" if value else "{}"
        case frozenset():
            text = ", ".join(sorted(shown(item) for item in value)) or "[]"
        case tuple() if type(value) is not tuple:
            text = str(value)  # addresses, prefixes, families: they know how they are spelled
        case list() | tuple():
            text = "[" + ", ".join(shown(item) for item in value) + "]"
        case _:
            text = str(value)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def type_in_words(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "text"
        case int():
            return "a whole number"
        case float():
            return "a number with a fraction"
        case dict():
            return "a section"
        case list():
            return "a list"
        case _:
            return "nothing"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    folded = name.replace("-", "_").lower()
    return next((other for other in names if other.lower() == folded), None)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    close = nearest(name, known)
    return f"did you mean {close}?" if close is not None else None
