"""Every phrase the product logs, read from its log calls.

`python -m tests.kit.log_phrases` lists phrases that docs/observability.md does not explain, and
rows there whose phrase is no longer logged.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "observability.md"
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((ROOT / "prefixd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
                and node.func.attr in LEVELS
            ):
                yield path, node


def logged() -> dict[str, str]:
    """Phrase -> level. A phrase that is no constant cannot be searched for: that is an error."""
    found: dict[str, str] = {}
    for path, call in calls():
        phrase = call.args[0] if call.args else None
        if not isinstance(phrase, ast.Constant) or not isinstance(phrase.value, str):
            raise ValueError(f"{path.relative_to(ROOT)}:{call.lineno}: not a constant phrase")
        assert isinstance(call.func, ast.Attribute)
        found[phrase.value] = call.func.attr
    return found


def explained() -> dict[str, str]:
    """Phrase -> level, from the table of the page."""
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    return {phrase: level for phrase, level in rows if level in LEVELS}


def differences() -> list[str]:
    now, written = logged(), explained()
    missing = [f"no row: `{phrase}` ({now[phrase]})" for phrase in sorted(now.keys() - written)]
    gone = [f"no longer logged: `{phrase}`" for phrase in sorted(written.keys() - now)]
    other = [
        f"another level: `{phrase}` is {now[phrase]}"
        for phrase in sorted(now.keys() & written)
        if now[phrase] != written[phrase]
    ]
    return missing + gone + other


if __name__ == "__main__":
    found = differences()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.exit(1 if found else 0)
