"""Our own event: one report of one detector about one address.

Existing detectors already send this form. Types are strict here, since the sender writes for us: a
field of the wrong type is a mistake of the sender, not something to guess at. All problems of an
event are found together.

Nearly every event is valid, so it is first read as a whole, by a type that knows the rules, and
member by member only when that fails and the answer has to name the reasons. The close reading
decides what is valid; the quick one may only be quicker (a test compares them).
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import ports, time_us
from prefixd.signals.json_value import JsonValue, members
from prefixd.signals.reading import Reading, Report, make_signal

TEXT_MAX: Final = 1024
VICTIM_MAX: Final = 45
PORTS_MAX: Final = 1024
BATCH_MAX: Final = 100
ADAPTER: Final = "native"

_VECTORS: Final = {vector.value: vector for vector in Vector}
_NUMBERS: Final = (int, float)
_KINDS: Final = {"ban": SignalKind.FIRING, "unban": SignalKind.CLEARED}


class _Event(msgspec.Struct, kw_only=True, gc=False):
    source: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
    timestamp: str
    victim_ip: Annotated[str, msgspec.Meta(max_length=VICTIM_MAX)]
    vector: Vector
    event_id: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)] | None = None
    action: Literal["ban", "unban"] | None = None
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    bps: int | float | None = None
    pps: int | float | None = None
    top_dst_ports: list[int] | None = None
    force: bool | None = None


def read_event(payload: JsonValue, reading: Reading) -> Signal | tuple[Problem, ...]:
    """The event as a signal, or all of its problems."""
    return read_quickly(payload, reading) or read_closely(payload, reading)


def read_quickly(payload: JsonValue, reading: Reading) -> Signal | None:
    """None: there is something to look at closely, which need not be a mistake."""
    try:
        event = msgspec.convert(payload, _Event)
    except msgspec.ValidationError:
        return None
    source, event_id = event.source.strip(), event.event_id or ""
    observed_at_us = time_us(event.timestamp) if "T" in event.timestamp else None
    victim = Address.parse(event.victim_ip)
    if observed_at_us is None or victim is None:
        return None
    dst_ports = () if event.top_dst_ports is None else _ports_of(payload)
    if dst_ports is None:
        return None
    if not source or not event.source.isprintable() or not event_id.isprintable():
        return None
    action = event.action or "ban"
    confidence, origin = _confidence(event.confidence, action, reading)
    return make_signal(
        Report(
            source=source,
            adapter=ADAPTER,
            kind=_KINDS[action],
            victim=victim.host(),
            vector=event.vector,
            external_id=event_id.strip(),
            observed_at_us=observed_at_us,
            confidence=confidence,
            confidence_origin=origin,
            bps=event.bps,
            pps=event.pps,
            dst_ports=dst_ports,
            force=event.force is True,
            element=payload,
        ),
        reading,
    )


def _ports_of(payload: JsonValue) -> tuple[int, ...] | None:
    fields = _Fields(members(payload))
    found = fields.ports("top_dst_ports")
    return None if fields.problems else found


def read_closely(payload: JsonValue, reading: Reading) -> Signal | tuple[Problem, ...]:
    if not isinstance(payload, Mapping):
        return (Problem("", "an event must be a JSON object", "bad_type"),)
    fields = _Fields(payload)
    event_id = fields.text("event_id", required=False)
    source = fields.text("source", required=True)
    observed_at_us = fields.time("timestamp")
    victim = fields.victim("victim_ip")
    vector = fields.vector("vector")
    action = fields.word("action", tuple(_KINDS), default="ban")
    given = fields.confidence("confidence")
    dst_ports = fields.ports("top_dst_ports")
    bps, pps = fields.rate("bps"), fields.rate("pps")
    force = fields.flag("force")
    if fields.problems or victim is None or vector is None:
        return tuple(fields.problems)
    confidence, origin = _confidence(given, action, reading)
    return make_signal(
        Report(
            source=source,
            adapter=ADAPTER,
            kind=_KINDS[action],
            victim=victim,
            vector=vector,
            external_id=event_id,
            observed_at_us=observed_at_us,
            confidence=confidence,
            confidence_origin=origin,
            bps=bps,
            pps=pps,
            dst_ports=dst_ports,
            force=force,
            element=payload,
        ),
        reading,
    )


def _confidence(given: float | None, action: str, reading: Reading) -> tuple[float | None, str]:
    """The confidence, and where it comes from."""
    if given is not None:
        return given, "given"
    mapped = reading.confidence_mapping.get(action)
    return mapped, "none" if mapped is None else f"mapping:{action}"


class _Fields:
    """Reads the members of an event and collects the problems."""

    def __init__(self, members: Mapping[str, JsonValue]) -> None:
        self.members = members
        self.problems: list[Problem] = []

    def wrong(self, name: str, reason: str, code: str = "bad_field") -> None:
        self.problems.append(Problem(name, reason, code))

    def text(self, name: str, *, required: bool) -> str:
        value = self.members.get(name)
        if value is None:
            if required:
                self.wrong(name, "is required", "missing")
            return ""
        if not isinstance(value, str):
            self.wrong(name, "must be text", "bad_type")
            return ""
        if len(value) > TEXT_MAX:
            self.wrong(name, f"is longer than {TEXT_MAX} characters", "too_long")
        elif required and not value.strip():
            self.wrong(name, "must not be empty", "missing")
        elif not value.isprintable():
            self.wrong(name, "holds control characters")
        return value.strip()

    def time(self, name: str) -> int | None:
        value = self.members.get(name)
        found = time_us(value) if isinstance(value, str) and "T" in value.upper() else None
        if found is None:
            self.wrong(name, "must be an RFC 3339 time", "missing" if value is None else "bad_time")
        return found

    def victim(self, name: str) -> Prefix | None:
        value = self.members.get(name)
        if not isinstance(value, str) or len(value) > VICTIM_MAX:
            code = "missing" if value is None else "bad_victim"
            self.wrong(name, "must be an IP address", code)
            return None
        address = Address.parse(value)
        if address is None:
            self.wrong(name, "must be an IPv4 or IPv6 address", "bad_victim")
            return None
        return address.host()

    def vector(self, name: str) -> Vector | None:
        value = self.members.get(name)
        found = _VECTORS.get(value) if isinstance(value, str) else None
        if found is None:
            code = "missing" if value is None else "bad_vector"
            self.wrong(name, f"must be one of {', '.join(Vector)}", code)
        return found

    def word(self, name: str, words: tuple[str, ...], *, default: str) -> str:
        value = self.members.get(name)
        if value is None:
            return default
        if value not in words:
            self.wrong(name, f"must be {' or '.join(words)}", "bad_action")
        return value if isinstance(value, str) else default

    def confidence(self, name: str) -> float | None:
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not 0 <= value <= 1:
            self.wrong(name, "must be a number from 0 to 1", "out_of_range")
            return None
        return float(value)

    def rate(self, name: str) -> JsonValue:
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, _NUMBERS):
            self.wrong(name, "must be a number", "bad_type")
            return None
        return value

    def ports(self, name: str) -> tuple[int, ...]:
        value = self.members.get(name)
        if value is None:
            return ()
        if isinstance(value, str | Mapping | bool | int | float):
            self.wrong(name, "must be a list of ports", "bad_type")
            return ()
        if len(value) > PORTS_MAX:
            self.wrong(name, f"lists more than {PORTS_MAX} ports", "too_many")
            return ()
        if not all(type(port) is int and 0 <= port <= 65535 for port in value):
            self.wrong(name, "must hold whole numbers from 0 to 65535", "out_of_range")
            return ()
        return ports(value)

    def flag(self, name: str) -> bool:
        value = self.members.get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, "must be true or false", "bad_type")
        return value is True
