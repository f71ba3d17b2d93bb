"""docs/api.md: its two tables are generated, its tour is run.

    python -m tests.kit.api_page            writes the tables into the page

The endpoints come from the OpenAPI document of a running daemon, the error codes from the one table
the daemon answers from.
"""

import json
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefixd.api.problem import CODES
from tests.kit.daemon_process import ROOT, DaemonProcess

PAGE = ROOT / "docs" / "api.md"
ADDRESS = "127.0.0.1:8080"
"""As the page writes it; the tour runs against another port."""
ANYTHING = "…"
_NEEDS = re.compile(r"Needs the permission `(\w+)`")
_TABLE = "<!-- {name}: generated -->\n"
_END = "<!-- end -->\n"
_END_OF_STEP = "==== end of step ===="
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def endpoints_table(document: Mapping[str, Any]) -> str:
    rows = ["| | | Needs | |", "|---|---|---|---|"]
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            needs = _NEEDS.search(operation.get("description", ""))
            word = needs[1] if needs else "a caller" if operation["security"] else "–"
            rows.append(f"| {method.upper()} | `{path}` | {word} | {operation['summary']} |")
    return "\n".join(rows) + "\n"


def codes_table() -> str:
    rows = ["| `code` | Status | When |", "|---|---|---|"]
    rows += [f"| `{code}` | {status} | {when} |" for code, (status, when) in CODES.items()]
    return "\n".join(rows) + "\n"


def tables(document: Mapping[str, Any]) -> dict[str, str]:
    return {"endpoints": endpoints_table(document), "codes": codes_table()}


def with_tables(page: str, found: Mapping[str, str]) -> str:
    for name, table in found.items():
        start = _TABLE.format(name=name)
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(_END)
        page = f"{before}{start}{table}{_END}{after}"
    return page


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the tour and what the page says it prints."""

    command: str
    printed: str


def tour(page: str) -> Iterator[Step]:
    for block in _CONSOLE.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.rstrip("\n").split("\n")
            end = next(i for i in range(1, len(lines) + 1) if _is_whole(lines[:i]))
            yield Step("\n".join(lines[:end]), "\n".join(lines[end:]))


def _is_whole(command: list[str]) -> bool:
    """Whether a shell would not ask for more."""
    try:
        shlex.split("\n".join(command))
    except ValueError:
        return False
    return not command[-1].endswith(("\\", "|"))


def run_tour(steps: list[Step], address: str) -> list[str]:
    """What each command really printed; one shell for all, so variables live on."""
    script = "".join(f"{step.command}\nprintf '%s\\n' '{_END_OF_STEP}'\n" for step in steps)
    done = subprocess.run(
        ["sh"], input=script.replace(ADDRESS, address), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.stderr == "", done.stderr
    return done.stdout.split(f"{_END_OF_STEP}\n")[:-1]


def agrees(printed: str, real: str) -> bool:
    """`…` stands for any text, and as a member for members the page leaves out."""
    try:
        return _agrees(json.loads(printed), json.loads(real))
    except ValueError:
        parts = [re.escape(part) for part in printed.strip().split(ANYTHING)]
        return re.fullmatch(".*".join(parts), real.strip(), re.DOTALL) is not None


def _agrees(printed: Any, real: Any) -> bool:
    match printed:
        case dict():
            if not isinstance(real, dict):
                return False
            named = {name: value for name, value in printed.items() if name != ANYTHING}
            if ANYTHING not in printed and set(named) != set(real):
                return False
            return all(name in real and _agrees(value, real[name]) for name, value in named.items())
        case list():
            if not isinstance(real, list):
                return False
            return len(printed) == len(real) and all(map(_agrees, printed, real))
        case str() if ANYTHING in printed:
            parts = [re.escape(part) for part in printed.split(ANYTHING)]
            return re.fullmatch(".*".join(parts), str(real), re.DOTALL) is not None
        case _:
            return bool(printed == real)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, DaemonProcess(Path(directory)) as daemon:
        found = tables(daemon.get("/openapi.json").json)
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
