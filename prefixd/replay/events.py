"""Recorded events: one JSON object a line, each with when it came and through which adapter.

    {"received_at": "2031-03-04T10:15:02Z", "adapter": "native", "body": {...}}

`adapter` is `native`, `alertmanager`, `fastnetmon`, `corroborator` or `webhook/<name>`; `body` is
what was posted there. A line without `body` is taken for a native event that came when it was
observed, so an export of native events replays as it is. Lines must be in the order of arrival.

`Adapters` reads a body with the same code as the live paths.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prefixd.correlation.settings import CorrelationSettings
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Corroboration, Ignored, Signal
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.coerce import time_us
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.fastnetmon import read_fastnetmon
from prefixd.signals.json_value import JsonValue, member, text
from prefixd.signals.native import read_event
from prefixd.signals.reading import Heartbeat, Reading
from prefixd.signals.settings import SignalSettings
from prefixd.signals.webhook import CompiledAdapter, compile_adapter, read_webhook

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


Read = Signal | Corroboration | Problem | Ignored | Heartbeat

WEBHOOK = "webhook/"


class Adapters:
    """Adapters compiled once for a whole replay."""

    def __init__(self, signals: SignalSettings, correlation: CorrelationSettings) -> None:
        self._signals = signals
        self._correlation = correlation
        self._webhooks: dict[str, CompiledAdapter] = {}
        for settings in signals.webhooks:
            compiled = compile_adapter(settings)
            if isinstance(compiled, CompiledAdapter) and settings.enabled:
                self._webhooks[settings.name] = compiled

    def read(self, event: RecordedEvent) -> list[Read]:
        if event.adapter == NATIVE:
            source = text(member(event.body, "source"))
            return _listed(read_event(event.body, self._reading(event, source)))
        if event.adapter == "alertmanager":
            return _listed(
                read_alertmanager(
                    event.body, self._signals.alertmanager, self._reading(event, event.adapter)
                )
            )
        if event.adapter == "fastnetmon":
            return _listed(
                read_fastnetmon(
                    event.body, self._signals.fastnetmon, self._reading(event, event.adapter)
                )
            )
        if event.adapter == "corroborator":
            reading = self._reading(event, "")
            return _listed(read_corroborator(event.body, reading, self._correlation.window_s))
        return self._read_webhook(event)

    def _read_webhook(self, event: RecordedEvent) -> list[Read]:
        name = event.adapter.removeprefix(WEBHOOK)
        adapter = self._webhooks.get(name)
        if adapter is None:
            return [Problem("adapter", f"there is no adapter {event.adapter}", "unknown_adapter")]
        return _listed(read_webhook(event.body, adapter, self._reading(event, name)))

    def _reading(self, event: RecordedEvent, source: str) -> Reading:
        mapping: Mapping[str, float] = self._correlation.source(source).confidence_mapping
        return Reading(
            received_at_us=event.received_at_us,
            confidence_mapping=mapping,
            max_signal_age_s=self._signals.max_signal_age_s,
            max_clock_skew_s=self._signals.max_clock_skew_s,
        )


def _listed(
    read: "Read | tuple[Problem, ...] | list[Signal | Problem | Ignored | Heartbeat]",
) -> list[Read]:
    if isinstance(read, list):
        return list(read)
    if isinstance(read, tuple):
        # Everything that is wrong with one event is still one event.
        return [Problem("", "; ".join(str(problem) for problem in read), read[0].code)]
    return [read]
