"""Which test shows a module: its mirror under tests/unit, or a row at the head of tests/README.md.

`python -m tests.kit.mirror` lists the modules that have neither.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "README.md"
_ROW = re.compile(r"^\| `(?P<module>prefixd/[\w/]+\.py)` \| (?P<shown_by>.+) \|$")
_PATH = re.compile(r"`(tests/[\w/.]+\.py)`")


def modules() -> list[str]:
    """Every module with something to test, as a path from the root."""
    found = sorted((ROOT / "prefixd").rglob("*.py"))
    return [
        str(path.relative_to(ROOT))
        for path in found
        if path.name not in {"__init__.py", "__main__.py"}
    ]


def mirror_of(module: str) -> Path:
    path = Path(module)
    return ROOT / "tests" / "unit" / Path(*path.parts[1:-1]) / f"test_{path.name}"


def rows() -> dict[str, list[str]]:
    """Module -> the test files that show it, from the table."""
    if not TABLE.exists():
        return {}
    matches = (_ROW.match(line) for line in TABLE.read_text().splitlines())
    return {match["module"]: _PATH.findall(match["shown_by"]) for match in matches if match}


def without_a_test() -> list[str]:
    named = rows()
    return [each for each in modules() if each not in named and not mirror_of(each).exists()]


def stale_rows() -> list[str]:
    """Rows that name no module, no test, or a module that has its mirror by now."""
    known = set(modules())
    found = []
    for module, tests in rows().items():
        if module not in known:
            found.append(f"{module}: no such module")
        elif mirror_of(module).exists():
            found.append(f"{module}: has its own unit test, so it needs no row")
        elif not tests:
            found.append(f"{module}: names no test")
        found += [
            f"{module}: {test} does not exist" for test in tests if not (ROOT / test).exists()
        ]
    return found


if __name__ == "__main__":
    sys.stdout.writelines(f"{each}\n" for each in without_a_test() + stale_rows())
