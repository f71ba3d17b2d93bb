"""News that nobody publishes promises alerts and messages that never come."""

import ast
from pathlib import Path
from typing import get_args

import pytest

from prefixd.domain import news

PACKAGE = Path(__file__).resolve().parents[3] / "prefixd"


def kinds(alias: object) -> set[str]:
    members = get_args(alias)
    return {alias.__name__} if isinstance(alias, type) else set().union(*map(kinds, members))


def made(text: str) -> set[str]:
    """Names of what is called with an `at_us`: patterns and annotations are no calls."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and "at_us" in {word.arg for word in node.keywords}:
            function = node.func
            names.add(
                function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            )
    return names


def test_every_kind_of_news_is_published_by_somebody() -> None:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        found |= made(path.read_text(encoding="utf-8"))
    assert kinds(news.News) - found == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("PeerUp(at_us=1, peer='x')", {"PeerUp"}),
        ("news.PeerUp(at_us=1)", {"PeerUp"}),
        ("match x:\n    case PeerUp(at_us=1):\n        pass", set()),
        ("x: PeerUp = y", set()),
    ],
)
def test_what_counts_as_publishing(text: str, names: set[str]) -> None:
    assert made(text) == names
