"""Files to trees: read the bytes, build the tree, remember enough to point at a line later.

Nothing here knows what a key means. A file that cannot be read or parsed yields one problem and no
tree; the other files go on, so that one run lists the mistakes of all of them.
"""

import errno
import hashlib
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from prefixd.config.problem import Problem
from prefixd.config.yaml_tree import NotYaml, Positions, Tree, parse_yaml

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A larger file is refused before it is read: no configuration of ours comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file as read. `tree` is raw: `${VAR}` is still text, so it may be written back.

    `version` identifies the bytes; a writer names the version it saw.
    """

    name: str
    text: str = field(repr=False)
    tree: Tree = field(repr=False)
    version: str

    def is_below(self, key: str) -> bool:
        """Whether the whole content is below one key, as it would be in prefixd.yaml."""
        return isinstance(self.tree, dict) and [*self.tree] == [key]

    def place_all(self, problems: Iterable[Problem]) -> list[Problem]:
        """The problems with their lines and columns, in the order of the file."""
        found = list(problems)
        if not found or not self.text:
            return found
        positions = Positions(self.text)
        placed = []
        for problem in found:
            line, column = positions.find(problem.steps, at_key=problem.at_key)
            placed.append(replace(problem, line=line, column=column))
        return sorted(placed, key=lambda problem: (problem.line, problem.column))


def version_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def document_from_tree(name: str, tree: Tree, version: str) -> Document:
    """A document that came as JSON: problems in it have a path and no line."""
    return Document(name=name, text="", tree=tree, version=version)


def load_file(path: Path) -> Document | list[Problem]:
    """The file as a tree, or everything that keeps it from being one."""
    try:
        data = _read(path)
    except OSError as error:
        return [Problem(file=path.name, message=_os_message(path, error), hint=_os_hint(error))]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        return [_at(path, line, column, "the file is not UTF-8 text", "save it as UTF-8")]
    try:
        tree, duplicates = parse_yaml(text)
    except NotYaml as error:
        return [replace(error.problem, file=path.name)]
    if duplicates:
        return [replace(problem, file=path.name) for problem in duplicates]
    if tree is None:
        message = "the file is empty" if not text.strip() else "the file holds only comments"
        hint = "`prefixd init DIR` writes a commented sample"
        return [_at(path, 1, 1, message, hint)]
    return Document(name=path.name, text=text, tree=tree, version=version_of(data))


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        return stream.read()


def _os_message(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"{path} does not exist"
        case errno.EACCES | errno.EPERM:
            return f"{path} cannot be read: permission denied"
        case _:
            return f"{path} cannot be read: {error.strerror or error}"


def _os_hint(error: OSError) -> str | None:
    match error.errno:
        case errno.ENOENT:
            return "name the directory with --config, or write a sample with `prefixd init DIR`"
        case errno.EACCES | errno.EPERM:
            return "let the user that runs prefixd read it, for instance chgrp prefixd, chmod 0640"
        case _:
            return None


def _at(path: Path, line: int, column: int, message: str, hint: str | None) -> Problem:
    return Problem(file=path.name, line=line, column=column, message=message, hint=hint)
