"""Recorded events: one JSON object a line, each with when it came and by which door.

    {"received_at": "2031-03-04T10:15:02Z", "adapter": "native", "body": {...}}

`adapter` is `native`, `alertmanager`, `fastnetmon`, `corroborator` or `webhook/<name>`; `body` is
what was posted there. A line without `body` is taken for a native event that came when it was
observed, so an export of native events replays as it is. Lines must be in the order of arrival.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prefixd.domain.problem import Problem
from prefixd.signals.coerce import time_us
from prefixd.signals.json_value import JsonValue, text

NATIVE: Final = "native"
LINE_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    line: int
    received_at_us: int
    adapter: str
    body: JsonValue


def parse_events(lines: Iterable[str]) -> tuple[list[RecordedEvent], list[Problem]]:
    """All events, and all that is wrong with the file. Empty lines are skipped."""
    events: list[RecordedEvent] = []
    problems: list[Problem] = []
    latest_us = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parsed = _parse(number, line)
        if isinstance(parsed, Problem):
            problems.append(parsed.inside(f"line {number}"))
        elif parsed.received_at_us < latest_us:
            problems.append(Problem(f"line {number}", "came before the line above it"))
        else:
            latest_us = parsed.received_at_us
            events.append(parsed)
    return events, problems


def _parse(number: int, line: str) -> RecordedEvent | Problem:
    if len(line) > LINE_MAX:
        return Problem("", "is longer than a request may be")
    try:
        value: JsonValue = json.loads(line)
    except ValueError:
        return Problem("", "is not JSON")
    if not isinstance(value, Mapping):
        return Problem("", "is not a JSON object")
    wrapped = "body" in value
    at_us = time_us(value.get("received_at" if wrapped else "timestamp"))
    if at_us is None:
        return Problem("received_at" if wrapped else "timestamp", "is not a time")
    return RecordedEvent(
        line=number,
        received_at_us=at_us,
        adapter=text(value.get("adapter")) or NATIVE if wrapped else NATIVE,
        body=value["body"] if wrapped else value,
    )
