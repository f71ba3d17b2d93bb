"""What a change that comes through the API may refer to.

`${NAME}`, `x_env: NAME`, `x_file: PATH`, `env:NAME` and `file:PATH` are read with the rights of
the daemon. In the operator's own files they are the operator's choice. Through the API they would
let any account that may configure send a variable or a file of this machine to a host of its
choice. A reference that arrives through the API therefore has to be the one that the configuration
in force has in the same place; whatever else arrives is a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prefixd.config.problem import Problem, TreePath
from prefixd.config.secrets import holds_variable
from prefixd.config.yaml_tree import Tree

REFERENCE_SUFFIXES = ("_env", "_file")
_SECRET_LISTS = frozenset({"secrets"})
_IDENTITIES = ("id", "name")
REFUSED = "a reference to a variable or a file is not accepted through the API"
HINT = "write the value, or name the reference in the file on the host and reload"


@dataclass(frozen=True, slots=True)
class Reference:
    """`place` is the path with the names of list entries instead of their numbers."""

    path: TreePath
    place: TreePath
    text: str


def references(tree: Tree, path: TreePath = (), place: TreePath = ()) -> Iterator[Reference]:
    """Every value of a tree that would be read from elsewhere."""
    match tree:
        case dict():
            for key, value in tree.items():
                yield from references(value, (*path, key), (*place, key))
        case list():
            for index, value in enumerate(tree):
                yield from references(value, (*path, index), (*place, _named(value, index, place)))
        case str() if _refers(tree, place):
            yield Reference(path, place, tree)
        case _:
            return


def _named(entry: Tree, index: int, place: TreePath) -> str | int:
    if isinstance(entry, dict):
        names = (entry.get(key) for key in _IDENTITIES)
        return next((name for name in names if isinstance(name, str)), index)
    # The order of secrets says which one is the current one; any of them may become that.
    return "secret" if place and place[-1] in _SECRET_LISTS else index


def _refers(text: str, place: TreePath) -> bool:
    keys = [step for step in place if isinstance(step, str)]
    return (
        holds_variable(text)
        or bool(keys and keys[-1].endswith(REFERENCE_SUFFIXES))
        or any(key in _SECRET_LISTS for key in keys)
    )


def new_references(name: str, tree: Tree, stored: Tree) -> list[Problem]:
    """A problem for each reference that the content in force does not have in the same place."""
    known = {(found.place, found.text) for found in references(stored)}
    return [
        Problem(file=name, steps=found.path, message=REFUSED, value=repr(found.text), hint=HINT)
        for found in references(tree)
        if (found.place, found.text) not in known
    ]
