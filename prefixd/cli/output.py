"""Output of a command: data to standard output, messages to standard error.

`-f json` prints the service's answer whole, `-f csv` the columns of the table with values as they
came, `-f table` what a person reads. A command describes its answer once, as rows or as facts.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TextIO

from prefixd.cli.table import COLOURS, Column, Time, as_cell, sheet_lines, table_lines
from prefixd.cli.terminal import Screen, visible, visible_json, visible_lines

FORMATS = ("table", "json", "csv")


class Output:
    def __init__(
        self, out: TextIO, err: TextIO, screen: Screen, err_screen: Screen, form: str
    ) -> None:
        self.screen = screen
        self.err_screen = err_screen
        self.form = form
        self._out = out
        self._err = err

    @property
    def is_table(self) -> bool:
        return self.form == "table"

    def rows(
        self, tree: object, rows: Sequence[Any], columns: Sequence[Column], *, empty: str
    ) -> None:
        """A list: `tree` is the answer it was taken from."""
        if self.form == "json":
            self.json(tree)
        elif self.form == "csv":
            self._csv(columns, rows)
        elif rows:
            self.lines(table_lines(columns, rows, self.screen))
        else:
            self.say(empty)

    def facts(self, tree: object, facts: Sequence[tuple[str, object]]) -> None:
        """One thing with its properties."""
        if self.form == "json":
            self.json(tree)
        elif self.form == "csv":
            columns = [Column(label, itemgetter(index)) for index, (label, _) in enumerate(facts)]
            self._csv(columns, [[value for _, value in facts]])
        else:
            self.lines(sheet_lines(facts, self.screen))

    def done(self, tree: object, sentence: str) -> None:
        """Something was changed: its confirmation, or the answer where a program reads."""
        if self.form == "json":
            self.json(tree)
        else:
            self.lines([visible(sentence)])

    def heading(self, text: str) -> None:
        if self.is_table:
            self.lines(["", self.screen.paint(text, "bold")])

    def json(self, tree: object) -> None:
        text = json.dumps(tree, indent=2, ensure_ascii=False)
        self.lines([visible_json(text)])

    def json_line(self, tree: Mapping[str, Any]) -> None:
        self.lines([visible_json(json.dumps(tree, ensure_ascii=False))])
        self._out.flush()

    def text(self, text: str) -> None:
        """A document (a report, a script): as it is; on a terminal, made safe."""
        shown = visible_lines(text) if self.screen.interactive else text
        self._out.write(shown if shown.endswith("\n") else shown + "\n")

    def lines(self, lines: Sequence[str]) -> None:
        self._out.write("".join(f"{line}\n" for line in lines))

    @contextmanager
    def page(self) -> Iterator[None]:
        """What is printed inside replaces the screen at once, so that nothing flickers."""
        real, held = self._out, io.StringIO()
        self._out = held
        try:
            yield
        finally:
            self._out = real
            clear = "\x1b[H\x1b[2J" if self.screen.interactive and held.getvalue() else ""
            real.write(clear + held.getvalue())
            real.flush()

    def flush(self) -> None:
        self._out.flush()

    def say(self, text: str) -> None:
        """A message beside the data, after what was printed before it."""
        self._out.flush()
        self._err.write(f"{visible(text)}\n")
        self._err.flush()

    def warn(self, text: str) -> None:
        self.say_painted("warning: ", text, "yellow")

    def say_painted(self, label: str, text: str, colour: str) -> None:
        self._err.write(f"{self.err_screen.paint(label, colour)}{visible(text)}\n")
        self._err.flush()

    def progress(self, text: str) -> None:
        """A line that replaces itself; nothing where no terminal is."""
        if self.err_screen.interactive:
            self._err.write(f"\r\x1b[K{visible(text)}")
            self._err.flush()

    def painted(self, word: str) -> str:
        return self.screen.paint(word, COLOURS.get(word))

    def csv_row(self, cells: Sequence[str]) -> None:
        csv.writer(self._out, lineterminator="\n").writerow(cells)

    def _csv(self, columns: Sequence[Column], rows: Sequence[Any]) -> None:
        writer = csv.writer(self._out, lineterminator="\n")
        writer.writerow([column.title.lower().replace(" ", "_") for column in columns])
        for row in rows:
            writer.writerow([_plain(column.value(row)) for column in columns])


def _plain(value: object) -> str:
    """A cell for a program: the moment itself, lists by commas, nothing for nothing."""
    if isinstance(value, Time):
        return value.when.isoformat().replace("+00:00", "Z")
    if value is None:
        return ""
    cell = as_cell(value)
    return "" if cell == "-" else str(cell)
