"""One command while it runs: its arguments, the service, the terminal; and lists in pages."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prefixd.cli.amount import moment, parse_duration
from prefixd.cli.client import Answer, Client
from prefixd.cli.failure import usage
from prefixd.cli.output import Output
from prefixd.cli.table import Cell, time_cell
from prefixd.cli.target import Cookies
from prefixd.cli.terminal import Prompt
from prefixd.clock import Clock

LARGEST_PAGE = 1000


@dataclass(slots=True, kw_only=True)
class Call:
    words: Namespace
    out: Output
    service: Client
    prompt: Prompt
    clock: Clock
    cookies: Cookies
    environ: Mapping[str, str]
    last_look: dict[str, float] = field(default_factory=dict)
    """Numbers that a repeated command compares with."""

    def get(self, path: str, **query: object) -> Answer:
        return self.service.ask("GET", path, query=query)

    def ask(self, method: str, path: str, body: object | None = None) -> Answer:
        return self.service.ask(method, path, body)

    def word(self, name: str) -> Any:
        return getattr(self.words, name, None)


def given(body: dict[str, Any]) -> dict[str, Any]:
    """Without the members that were left out on the command line."""
    return {key: value for key, value in body.items() if value is not None}


def times_of(answer: Answer) -> "Times":
    return Times(answer.now)


@dataclass(frozen=True, slots=True)
class Times:
    """Cells for the times of one answer, relative to the clock of the service that gave it."""

    now: datetime

    def __call__(self, value: object) -> Cell:
        return time_cell(value, self.now)


def pages(call: Call, path: str, name: str, **query: object) -> tuple[Answer, Any]:
    """The last answer, and one tree with the rows of all pages that were asked for."""
    words = call.words
    asked = {
        **query,
        "limit": LARGEST_PAGE if words.all else words.limit,
        "cursor": words.cursor,
        "start": _when(call, "since"),
        "end": _when(call, "until"),
    }
    answer = call.get(path, **asked)
    tree = answer.tree
    while words.all and tree.get("has_more"):
        answer = call.get(path, **{**asked, "cursor": tree["next_cursor"]})
        more = answer.tree
        tree = {**more, name: tree[name] + more[name]}
        tree["count"] = len(tree[name])
    return answer, tree


def say_rest(call: Call, tree: Any) -> None:
    """An operator reads that there is more; a program reads `has_more`."""
    if tree.get("has_more") and call.out.is_table:
        call.out.say(f"first {tree['count']} shown; --all shows all")


def _when(call: Call, name: str) -> str | None:
    text: str | None = call.word(name)
    if text is None or moment(text) is not None:
        return text
    try:
        seconds = parse_duration(text)
    except ArgumentTypeError as error:
        forms = "write 2026-01-10, 2026-01-10T08:00:00Z, or 24h (ago)"
        raise usage(f"invalid --{name} {text!r}: {forms}") from error
    return (call.clock.now() - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
