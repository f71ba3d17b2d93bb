"""The tree in the docstring is the tree of classes."""

import ast
import re
from pathlib import Path

from prefixd import errors
from prefixd.errors import Conflict, StoreUnavailable

SOURCES = Path(errors.__file__).parent


def derived() -> set[str]:
    """Every class below PrefixdError, wherever it is defined."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    found = {"PrefixdError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def test_the_docstring_names_every_error() -> None:
    named = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][A-Za-z]+)*\b", errors.__doc__ or ""))
    assert derived() - named == set()


def test_a_conflict_names_what_and_which() -> None:
    assert str(Conflict("scope", "x1")) == "scope conflict: x1"
    assert str(Conflict("quota")) == "quota conflict"


def test_an_unavailable_store_says_when_to_come_back() -> None:
    assert StoreUnavailable("locked", 5).retry_after_s == 5
