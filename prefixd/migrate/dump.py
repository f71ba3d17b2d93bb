"""Rows of a plain SQL dump (`pg_dump`, with COPY or INSERT statements), as text.

Only what a dump writes is understood: COPY ... FROM stdin blocks, and INSERT INTO with a list of
quoted values. Nothing is executed.
"""

import re
from collections.abc import Iterator, Sequence

Row = dict[str, str | None]

_COPY = re.compile(r'COPY (?:"?\w+"?\.)?"?(\w+)"? \(([^)]*)\) FROM stdin;\s*$')
_INSERT = re.compile(
    r'INSERT INTO (?:"?\w+"?\.)?"?(\w+)"?\s*(?:\(([^)]*)\))?\s*VALUES\s*(.*)', re.DOTALL
)
_CREATE = re.compile(r'CREATE TABLE (?:"?\w+"?\.)?"?(\w+)"? \(\s*$')
_COLUMN = re.compile(r'\s+"?(\w+)"? ')
_NOT_COLUMNS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)")


def read_dump(text: str, wanted: Sequence[str]) -> dict[str, list[Row]]:
    """table -> rows, for the tables in `wanted`; a table the dump lacks has none."""
    tables: dict[str, list[Row]] = {name: [] for name in wanted}
    columns_of: dict[str, list[str]] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        copy = _COPY.match(line)
        if copy:
            name, columns = copy.group(1), _names(copy.group(2))
            rows = [_copied(columns, row) for row in _until(lines, "\\.")]
            tables.get(name, []).extend(rows)
            continue
        create = _CREATE.match(line)
        if create:
            columns_of[create.group(1)] = list(_declared(lines))
            continue
        if line.startswith("INSERT INTO "):
            statement = line
            while _open_quote(statement) or not statement.rstrip().endswith(";"):
                following = next(lines, None)
                if following is None:
                    break
                statement += "\n" + following
            _insert(statement, tables, columns_of)
    return tables


def _insert(statement: str, tables: dict[str, list[Row]], columns_of: dict[str, list[str]]) -> None:
    found = _INSERT.match(statement)
    if found is None or found.group(1) not in tables:
        return
    name = found.group(1)
    columns = _names(found.group(2)) if found.group(2) else columns_of.get(name, [])
    for values in _tuples(found.group(3)):
        tables[name].append(dict(zip(columns, values, strict=False)))


def _copied(columns: Sequence[str], line: str) -> Row:
    cells = line.split("\t")
    return {
        name: None if cell == "\\N" else _ESCAPE.sub(_unescaped, cell)
        for name, cell in zip(columns, cells, strict=False)
    }


def _unescaped(found: re.Match[str]) -> str:
    word = found.group(1)
    if word[0] == "x" and len(word) > 1:
        return chr(int(word[1:], 16))
    if word.isdecimal():
        return chr(int(word, 8))
    return _ESCAPES.get(word, word)


def _tuples(text: str) -> Iterator[list[str | None]]:
    """`(1, 'a''b', NULL), (...)` as lists of text."""
    at = 0
    while (at := text.find("(", at)) >= 0:
        values: list[str | None] = []
        at += 1
        while at < len(text) and text[at - 1] != ")":
            value, at = _value(text, at)
            values.append(value)
        yield values


def _value(text: str, at: int) -> tuple[str | None, int]:
    """One value, and the place after the comma or bracket that ends it."""
    while text[at] == " ":
        at += 1
    if text[at] != "'":
        end = min(
            found for found in (text.find(",", at), text.find(")", at), len(text)) if found > 0
        )
        word = text[at:end].strip()
        return (None if word.upper() == "NULL" else word), end + 1
    parts: list[str] = []
    at += 1
    while True:
        end = text.index("'", at)
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != "'":
            break
        parts.append("'")
        at = end + 2
    following = min(
        found for found in (text.find(",", end), text.find(")", end), len(text)) if found > 0
    )
    return "".join(parts), following + 1


def _open_quote(statement: str) -> bool:
    return statement.count("'") % 2 == 1


def _until(lines: Iterator[str], end: str) -> Iterator[str]:
    for line in lines:
        if line == end:
            return
        yield line


def _declared(lines: Iterator[str]) -> Iterator[str]:
    for line in _until(lines, ");"):
        found = _COLUMN.match(line)
        if found and found.group(1) not in _NOT_COLUMNS:
            yield found.group(1)


def _names(text: str) -> list[str]:
    return [name.strip().strip('"') for name in text.split(",")]
