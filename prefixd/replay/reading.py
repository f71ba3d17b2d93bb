"""The door of a recorded event: the same adapters as on the live paths, chosen by name."""

from collections.abc import Mapping

from prefixd.correlation.settings import CorrelationSettings
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Corroboration, Ignored, Signal
from prefixd.replay.events import NATIVE, RecordedEvent
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.fastnetmon import read_fastnetmon
from prefixd.signals.json_value import member, text
from prefixd.signals.native import read_event
from prefixd.signals.reading import Heartbeat, Reading
from prefixd.signals.settings import SignalSettings
from prefixd.signals.webhook import CompiledAdapter, compile_adapter, read_webhook

Read = Signal | Corroboration | Problem | Ignored | Heartbeat

WEBHOOK = "webhook/"


class Door:
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
