"""How a settings class says what an operator may write: one field, one key, written once.

    hold_time_s: Annotated[int, Whole(0, 65_535), Doc("Hold time."), Live.PEER_RESTART] = 90

Name, type and default are the field's own; an annotation adds what they do not say. A field with a
`Doc` is a key of a file, any other field is not. The key is called like the field, and a suffix
of the field names the unit (`UNITS`), so `hold_time_s` is `hold_time_seconds` in the file. The
first paragraph of the class's docstring is the text of its section in the reference.

`prefixd.config.introspect` reads all this. Nothing here reads, checks or imports anything, so that
a package anyone could lift out may say its keys with these words.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

UNITS = {
    "_s": ("_seconds", "s"),
    "_ms": ("_ms", "ms"),
    "_days": ("_days", "days"),
    "_hours": ("_hours", "hours"),
    "_bps": ("_bps", "bit/s"),
    "_bytes": ("_bytes", "bytes"),
    "_octets": ("_octets", "octets"),
    "_mb": ("_mb", "MiB"),
}
"""Suffix of a field -> suffix of its key, and the unit the reference shows."""


class Live(StrEnum):
    """What it takes for a changed key to count. Inherited by the keys of a section."""

    LIVE = "live"
    PEER_RESTART = "peer restart"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Doc:
    """One sentence for people. It makes the field a key."""

    text: str


@dataclass(frozen=True, slots=True)
class Default:
    """The default in words, where its value would not help: "chosen by routing"."""

    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """The key, where it is not the field's name."""

    key: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit, where the field's name does not end in it."""

    text: str


@dataclass(frozen=True, slots=True)
class In:
    """The section of the file that has this key, for a class that several sections feed."""

    section: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The key that tells entries of a list apart. A list holds each of its values once."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The value is never shown. `three_ways`: `x`, or `x_env` (a variable), or `x_file`."""

    three_ways: bool = True


@dataclass(frozen=True, slots=True)
class As:
    """A spelling by its name, where the type alone does not tell it: `As("community")`."""

    word: str


@dataclass(frozen=True, slots=True)
class Whole:
    """Bounds of a whole number, both ends included."""

    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """Bounds of a finite number, both ends included unless `above_minimum`."""

    minimum: float = 0.0
    maximum: float | None = None
    above_minimum: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Length and pattern of a text; `what` is what a message says it must be."""

    minimum: int = 1
    maximum: int = 1024
    pattern: str | None = None
    what: str = "text"


@dataclass(frozen=True, slots=True)
class Many:
    """Length of a list, and whether a value may stand in it twice."""

    minimum: int = 0
    maximum: int | None = None
    unique: bool = True


AT_LEAST_ONE = Whole(1)
ABOVE_ZERO = Number(above_minimum=True)

Positive = Annotated[int, AT_LEAST_ONE]
PositiveNumber = Annotated[float, ABOVE_ZERO]
Seconds = Annotated[int, Whole(0, 10 * 365 * 86_400)]
Share = Annotated[float, Number(0.0, 1.0)]
Port = Annotated[int, Whole(1, 65_535)]
Name = Annotated[str, Text(maximum=128, what="a name")]
