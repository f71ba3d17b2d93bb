"""`${VAR}` in values, and secrets that live outside the files.

Expansion happens on a copy of the tree: the raw tree keeps `${VAR}`, so a file written back through
the API never contains what the variable held. An expanded value remembers its spelling, and every
message shows that spelling. `$${` is a literal `${`.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from prefixd.config.problem import Problem, Severity, TreePath
from prefixd.config.yaml_tree import Tree

STARS = "***"
DATABASE_URL = "DATABASE_URL"
"""The variable that overrides storage.connection_string."""
MAX_SECRET_BYTES = 64 * 1024

_REFERENCE = re.compile(
    r"\$\$(?=\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{"
)


class Expanded(str):
    """A text after expansion; `source` is how the file spells it."""

    __slots__ = ("source",)
    source: str

    @classmethod
    def of(cls, text: str, source: str) -> "Expanded":
        made = cls(text)
        made.source = source
        return made


class SecretBox(Mapping[str, str]):
    """Secrets by reference (`env:NAME`, `file:PATH`), for settings that only name them.

    Prints its references, never what they stand for.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, reference: str) -> str:
        return self._values[reference]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SecretBox({sorted(self._values)})"


class SecretMissing(Exception):
    """A secret cannot be had: `message` says why, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def holds_variable(text: str) -> bool:
    """Whether expansion would look at a variable: `$${` is a literal `${`."""
    return any(not found[0].startswith("$$") for found in _REFERENCE.finditer(text))


def expand(tree: Tree, env: Mapping[str, str]) -> tuple[Tree, list[Problem]]:
    """The tree with every `${VAR}` replaced, and a problem for each that has no value."""
    problems: list[Problem] = []
    return _expand(tree, env, (), problems), problems


def _expand(tree: Tree, env: Mapping[str, str], path: TreePath, problems: list[Problem]) -> Tree:
    if isinstance(tree, dict):
        return {key: _expand(value, env, (*path, key), problems) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_expand(value, env, (*path, index), problems) for index, value in enumerate(tree)]
    if isinstance(tree, str) and "${" in tree:
        return _expand_text(tree, env, path, problems)
    return tree


def _expand_text(text: str, env: Mapping[str, str], path: TreePath, problems: list[Problem]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        name = match.group("name")
        if name is None:
            problems.append(
                Problem(
                    steps=path,
                    message="${ is not followed by a variable name and }",
                    value=repr(text),
                    hint="write ${NAME} or ${NAME:-default}; a literal ${ is written $${",
                )
            )
            return ""
        value = env.get(name, "") or match.group("default")
        if value is None:
            problems.append(
                Problem(
                    steps=path,
                    message=f"environment variable {name} is not set",
                    value=repr(text),
                    hint=f"set {name} before starting prefixd, or write ${{{name}:-default}}",
                )
            )
            return ""
        return value

    return Expanded.of(_REFERENCE.sub(replace, text), text)


def from_environment(name: str, env: Mapping[str, str]) -> str:
    value = env.get(name)
    if value is None:
        raise SecretMissing(
            f"environment variable {name} is not set", f"set {name} before starting prefixd"
        )
    if not value.strip():
        raise SecretMissing(f"environment variable {name} is empty", f"put the secret into {name}")
    return value.strip()


def from_file(name: str, directory: Path) -> str:
    """The secret in a file, without surrounding white space; relative to the configuration."""
    path = directory / name
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SecretMissing(
            f"{path} cannot be read: {reason}", "write the secret there, mode 0600"
        ) from None
    if len(data) > MAX_SECRET_BYTES:
        raise SecretMissing(f"{path} is too large for a secret", "name the file with the secret")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise SecretMissing(f"{path} is not text", "name the file with the secret") from None
    if not text:
        raise SecretMissing(f"{path} is empty", "write the secret there, mode 0600")
    return text


def loose_file_warning(name: str, directory: Path, path: TreePath) -> Problem | None:
    """A warning when every user of the machine may read the secret."""
    target = directory / name
    if not target.stat().st_mode & stat.S_IROTH:
        return None
    return Problem(
        steps=path,
        message=f"{target} can be read by every user of this machine",
        hint=f"chmod o-r {target}",
        severity=Severity.WARNING,
    )
