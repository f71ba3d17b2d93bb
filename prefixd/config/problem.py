"""What is wrong with a configuration, in a form an operator can act on.

A problem knows its path in the tree from the moment it is found; line and column are added at the
end, when the file is read a second time for those that were found. Values are shown as the file
spells them, so that `${TOKEN}` stays `${TOKEN}`, and a value under a secret key is never shown.
"""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.errors import PrefixdError

SHOWN_PROBLEMS = 100
"""More are counted and not printed; `problems` has them all."""

TreePath = tuple[str | int, ...]


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One line of `prefixd check`: what, where, and what to do about it.

    `steps` lead to the value, or to the key itself with `at_key`. `line` and `column` count from
    1; 0 means that the place is not known, or that it is the file as a whole.
    """

    file: str = ""
    steps: TreePath = ()
    message: str
    value: str | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    at_key: bool = False
    line: int = 0
    column: int = 0

    @property
    def path(self) -> str:
        return path_text(self.steps)

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}:{self.column}"
        what = f"{self.path}: {self.message}" if self.path else self.message
        if self.value is not None:
            what += f" (got {self.value})"
        if self.hint is not None:
            what += f"; {self.hint}"
        return f"{where}: {what}"


class ConfigError(PrefixdError):
    """The files do not make a configuration. Carries every problem found, warnings included."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        self.problems = problems
        noun = "problem" if len(errors) == 1 else "problems"
        lines = [f"  {problem}" for problem in errors[:SHOWN_PROBLEMS]]
        if len(errors) > SHOWN_PROBLEMS:
            lines.append(f"  and {len(errors) - SHOWN_PROBLEMS} more")
        listed = "\n".join(lines)
        super().__init__(f"{len(errors)} {noun} in the configuration:\n{listed}")


def path_text(path: TreePath) -> str:
    """`("bgp", "neighbors", 0, "name")` as `bgp.neighbors[0].name`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def parse_path(text: str) -> TreePath:
    """The inverse of `path_text`, for problems that other packages report as text."""
    steps: list[str | int] = []
    for part in text.replace("[", ".[").split("."):
        if part.startswith("[") and part.endswith("]") and part[1:-1].isdigit():
            steps.append(int(part[1:-1]))
        elif part:
            steps.append(part)
    return tuple(steps)
