"""Phrases that docs/style.md says not to use, and where they still stand.

`python -m tests.kit.words [PATH ...]` lists them; without a path, everywhere it looks.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STYLE = ROOT / "docs" / "style.md"
PAGES = (ROOT / "docs", ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md")


def phrases() -> list[str]:
    """The last column of the table of words."""
    rows = re.findall(r"^\|.*\|(?P<last>[^|]*`[^|]*)\|$", STYLE.read_text(), re.MULTILINE)
    return [phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row)]


def pattern() -> re.Pattern[str]:
    words = (r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases())
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of all a person reads in a file: strings, docstrings, comments, or all of it."""
    source = path.read_text()
    if path.suffix != ".py":
        yield 1, source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def files(places: tuple[Path, ...]) -> Iterator[Path]:
    for place in places:
        found = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.md")]
        yield from sorted(set(found) - {STYLE})


def found_in(*places: Path) -> list[str]:
    seek = pattern()
    return [
        f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, match.start())}: {match[0]!r}"
        for path in files(places)
        for line, text in texts_of(path)
        for match in seek.finditer(text)
    ]


if __name__ == "__main__":
    asked = tuple(Path(each).resolve() for each in sys.argv[1:]) or (ROOT / "prefixd", *PAGES)
    sys.stdout.writelines(f"{each}\n" for each in found_in(*asked))
