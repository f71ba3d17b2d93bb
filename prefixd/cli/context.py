"""One command while it runs: its words, the service, the screen, the person."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefixd.cli.cookies import Cookies
from prefixd.cli.output import Output
from prefixd.cli.prompt import Prompt
from prefixd.cli.service import Answer, Service
from prefixd.cli.table import Cell, time_cell
from prefixd.clock import Clock


@dataclass(slots=True, kw_only=True)
class Call:
    words: Namespace
    out: Output
    service: Service
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


def times_of(answer: Answer) -> "Times":
    return Times(answer.now)


@dataclass(frozen=True, slots=True)
class Times:
    """Cells for the times of one answer, told against the clock of the service that gave it."""

    now: datetime

    def __call__(self, value: object) -> Cell:
        return time_cell(value, self.now)
