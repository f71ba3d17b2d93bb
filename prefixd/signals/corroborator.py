"""Evidence about a place in the network instead of a victim, in our own shape.

A telemetry script reports "this interface is full" or "this link is idle". Types are strict, the
confidence must be 0 to 1 (one signal with 50 would lift any group over any threshold), and no field
may be longer than a name.
"""

from collections.abc import Mapping
from typing import Final

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Corroboration, Polarity, SignalKind
from prefixd.domain.vector import PROTOCOL_NAMES, Vector
from prefixd.signals.coerce import clean_text, vector_of
from prefixd.signals.json_value import JsonValue, canonical, raw_text
from prefixd.signals.reading import SECOND_US, Reading, auto_id

ADAPTER: Final = "corroborator"
NAME_MAX: Final = 256
PLACES: Final = ("customer_id", "service_id", "interface", "pop", "router")

_PROTOCOLS: Final = {name: number for number, name in PROTOCOL_NAMES.items()}


def read_corroborator(
    payload: JsonValue, reading: Reading, ttl_s: int
) -> Corroboration | tuple[Problem, ...]:
    """`ttl_s`: how long it waits for a group to strengthen; usually the window."""
    if not isinstance(payload, Mapping):
        return (Problem("", "the body must be a JSON object", "bad_type"),)
    found: list[Problem] = []
    names = {name: _name(payload, name, found) for name in (*PLACES, "source", "external_id")}
    source = names["source"] or ""
    if not source:
        found.append(Problem("source", "is required", "missing"))
    vector = _vector(payload, found)
    confidence = _confidence(payload, found)
    victim_ip = _address(payload, found)
    victim_prefix = _prefix(payload, found)
    protocol = _protocol(payload, found)
    kind = _word(payload, "kind", SignalKind, SignalKind.FIRING, found)
    polarity = _word(payload, "polarity", Polarity, Polarity.FOR, found)
    if found:
        return tuple(found)
    about = canonical([names[name] for name in PLACES] + [str(victim_ip), str(victim_prefix)])
    word = "" if vector is None else vector.value
    return Corroboration(
        source=source,
        adapter=ADAPTER,
        external_id=names["external_id"] or auto_id(source, about, word),
        kind=SignalKind(kind),
        vector=vector,
        observed_at_us=reading.received_at_us,
        received_at_us=reading.received_at_us,
        expires_at_us=reading.received_at_us + ttl_s * SECOND_US,
        polarity=Polarity(polarity),
        confidence=confidence,
        confidence_origin="none" if confidence is None else "given",
        customer_id=names["customer_id"],
        service_id=names["service_id"],
        interface=names["interface"],
        pop=names["pop"],
        router=names["router"],
        protocol=protocol,
        victim_ip=victim_ip,
        victim_prefix=victim_prefix,
        raw=raw_text(payload),
    )


def _name(payload: Mapping[str, JsonValue], name: str, found: list[Problem]) -> str | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > NAME_MAX:
        found.append(Problem(name, f"must be text of at most {NAME_MAX} characters", "bad_type"))
        return None
    return clean_text(value.strip(), NAME_MAX) or None


def _vector(payload: Mapping[str, JsonValue], found: list[Problem]) -> Vector | None:
    value = payload.get("vector")
    if value is None:
        return None
    vector = vector_of(value) if isinstance(value, str) else None
    if vector is None:
        found.append(Problem("vector", "unknown vector", "bad_vector"))
    return vector


def _confidence(payload: Mapping[str, JsonValue], found: list[Problem]) -> float | None:
    value = payload.get("confidence")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        found.append(Problem("confidence", "must be a number from 0 to 1", "out_of_range"))
        return None
    return float(value)


def _address(payload: Mapping[str, JsonValue], found: list[Problem]) -> Address | None:
    value = payload.get("victim_ip")
    if value is None:
        return None
    address = Address.parse(value) if isinstance(value, str) else None
    if address is None:
        found.append(Problem("victim_ip", "invalid IP address", "bad_victim"))
    return address


def _prefix(payload: Mapping[str, JsonValue], found: list[Problem]) -> Prefix | None:
    value = payload.get("victim_prefix")
    if value is None:
        return None
    prefix = Prefix.parse(value) if isinstance(value, str) else None
    if prefix is None:
        found.append(Problem("victim_prefix", "invalid prefix", "bad_victim"))
    return prefix


def _protocol(payload: Mapping[str, JsonValue], found: list[Problem]) -> int | None:
    value = payload.get("protocol")
    if value is None:
        return None
    number = _PROTOCOLS.get(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 255:
        found.append(Problem("protocol", "must be a name or 0 to 255", "bad_protocol"))
        return None
    return number


def _word(
    payload: Mapping[str, JsonValue],
    name: str,
    words: type[SignalKind] | type[Polarity],
    default: str,
    found: list[Problem],
) -> str:
    value = payload.get(name)
    if value is None:
        return default
    allowed = [word.value for word in words]
    if not isinstance(value, str) or value not in allowed:
        found.append(Problem(name, f"must be {' or '.join(allowed)}", "bad_field"))
        return default
    return value
