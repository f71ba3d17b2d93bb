"""Tables and fact sheets: rows of cells to lines that fit the screen.

A table that is too wide is narrowed in this order: times lose their absolute half, columns marked
`shrink` are cut with an ellipsis, then columns with a `drop` rank disappear, the highest first. An
identifier is never cut, because operators copy it. In a pipe or a file nothing is left out.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any

from prefixd.cli.amount import absolute, moment, relative
from prefixd.cli.terminal import Screen, visible

GAP = "  "
LEAST = 8

# Words that mean the same on every screen. A colour never says anything the word does not.
COLOURS: Mapping[str, str] = {
    "active": "green", "established": "green", "healthy": "green", "ok": "green", "ready": "green",
    "connected": "green", "mitigated": "green", "intact": "green", "good": "green",
    "announced": "green", "seen": "green",
    "escalated": "yellow", "pending": "yellow", "degraded": "yellow", "held": "yellow",
    "warn": "yellow", "connect": "yellow", "opensent": "yellow", "openconfirm": "yellow",
    "rejected": "red", "error": "red", "bad": "red", "idle": "red", "broken": "red",
    "withdrawn": "dim", "expired": "dim", "closed": "dim",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Time:
    """A moment in a cell; which of its halves are shown is decided when the width is known."""

    when: datetime
    now: datetime

    def text(self, *, short: bool) -> str:
        if short:
            return relative(self.when, self.now)
        return f"{absolute(self.when)} ({relative(self.when, self.now)})"


Cell = str | Time


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    cell: str | Callable[[Any], object]
    """A member of the row, or what makes the cell from the row."""
    _: KW_ONLY
    right: bool = False
    shrink: bool = False
    least: int = LEAST
    """A cut column keeps this much, or its title."""
    drop: int = 0
    """0: always shown. Otherwise columns with the highest number leave first."""

    def value(self, row: Any) -> object:
        return row.get(self.cell) if isinstance(self.cell, str) else self.cell(row)


def time_cell(value: object, now: datetime) -> Cell:
    when = moment(value)
    if when is None:
        return "-" if value is None else str(value)
    return Time(when, now)


def as_cell(value: object) -> Cell:
    if isinstance(value, Time):
        return value
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(visible(str(item)) for item in value) or "-"
    return visible(str(value))


def width_of(text: str) -> int:
    """Columns on a screen: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def table_lines(columns: Sequence[Column], rows: Sequence[Any], screen: Screen) -> list[str]:
    cells = [[as_cell(column.value(row)) for column in columns] for row in rows]
    shown = list(range(len(columns)))
    for attempt in _attempts(columns, screen.width):
        shown, short = attempt
        texts = [[_text(row[index], short=short) for index in shown] for row in cells]
        picked = [columns[index] for index in shown]
        widths = _widths(picked, texts)
        cut = _cut(picked, widths, screen.width)
        if cut is not None:
            return _render(picked, texts, cut, screen)
    return []


def sheet_lines(facts: Sequence[tuple[str, object]], screen: Screen) -> list[str]:
    """`Label: value` lines with the values under each other; an absent value has no line."""
    kept = [(label, value) for label, value in facts if value not in (None, "", [], ())]
    wide = max((width_of(label) for label, _ in kept), default=0) + 1
    lines = []
    for label, value in kept:
        text = _text(as_cell(value), short=False)
        lines.append(f"{_pad(label + ':', wide)} {screen.paint(text, COLOURS.get(text))}")
    return lines


def _attempts(columns: Sequence[Column], width: int | None) -> list[tuple[list[int], bool]]:
    every = list(range(len(columns)))
    attempts = [(every, False)]
    if width is None:
        return attempts
    attempts.append((every, True))
    kept = every
    for rank in sorted({column.drop for column in columns} - {0}, reverse=True):
        kept = [index for index in kept if columns[index].drop != rank]
        attempts.append((kept, True))
    return attempts


def _widths(columns: Sequence[Column], texts: Sequence[Sequence[str]]) -> list[int]:
    return [
        max([width_of(column.title), *(width_of(row[index]) for row in texts)])
        for index, column in enumerate(columns)
    ]


def _cut(columns: Sequence[Column], widths: list[int], width: int | None) -> list[int] | None:
    """Widths that fit, or None when this attempt cannot; the last attempt always can."""
    if width is None:
        return widths
    over = sum(widths) + len(GAP) * (len(widths) - 1) - width
    cut = list(widths)
    for index in sorted(range(len(cut)), key=lambda at: -cut[at]):
        if over <= 0:
            break
        if columns[index].shrink:
            give = min(
                over, max(0, cut[index] - max(columns[index].least, width_of(columns[index].title)))
            )
            cut[index] -= give
            over -= give
    can_still_drop = any(column.drop for column in columns)
    return None if over > 0 and can_still_drop else cut


def _render(
    columns: Sequence[Column],
    texts: Sequence[Sequence[str]],
    widths: Sequence[int],
    screen: Screen,
) -> list[str]:
    titles = [_aligned(column, column.title, wide) for column, wide in _pairs(columns, widths)]
    lines = [screen.paint(GAP.join(titles).rstrip(), "bold")]
    for row in texts:
        parts = []
        for (column, wide), text in zip(_pairs(columns, widths), row, strict=True):
            fitted = _aligned(column, _ellipsis(text, wide), wide)
            parts.append(screen.paint(fitted, COLOURS.get(text)))
        lines.append(GAP.join(parts).rstrip())
    return lines


def _pairs(columns: Sequence[Column], widths: Sequence[int]) -> list[tuple[Column, int]]:
    return list(zip(columns, widths, strict=True))


def _aligned(column: Column, text: str, wide: int) -> str:
    return " " * (wide - width_of(text)) + text if column.right else _pad(text, wide)


def _pad(text: str, wide: int) -> str:
    return text + " " * (wide - width_of(text))


def _ellipsis(text: str, wide: int) -> str:
    if width_of(text) <= wide:
        return text
    kept, used = "", 0
    for sign in text:
        used += width_of(sign)
        if used > wide - 1:
            break
        kept += sign
    return kept + "…"


def _text(cell: Cell, *, short: bool) -> str:
    return cell.text(short=short) if isinstance(cell, Time) else cell
