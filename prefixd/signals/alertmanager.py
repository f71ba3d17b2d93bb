"""Prometheus Alertmanager webhooks (version 4), and Grafana alerting, which sends a superset.

The victim is a label (or annotation) that the alerting rule sets on purpose. `instance` names the
machine that was scraped, so it is never taken for the victim unless the operator says so: a rule
with a forgotten label must not cut off the monitoring host.

An alert is identified by fingerprint and start: the fingerprint alone is a hash of the labels and
returns with every attack on the same address. The group's own status fires when any member does,
so each member's own status is read.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import clean_text, confidence, ports, time_us, vector_of
from prefixd.signals.json_value import (
    JsonValue,
    canonical,
    elements,
    member,
    members,
    scalar_text,
    text,
)
from prefixd.signals.reading import (
    Heartbeat,
    Read,
    Reading,
    Report,
    element_path,
    make_signal,
    victim_of,
)
from prefixd.signals.settings import AlertmanagerSettings

SOURCE: Final = "alertmanager"
ADAPTER: Final = "alertmanager"
VERSIONS: Final = ("4", "1")  # Alertmanager, Grafana
SEVERITIES: Final[Mapping[str, float]] = {"critical": 0.9, "warning": 0.7, "info": 0.5}
SEVERITY_OTHER: Final = 0.5

_KINDS: Final = {"firing": SignalKind.FIRING, "resolved": SignalKind.CLEARED}


def read_alertmanager(
    payload: JsonValue, settings: AlertmanagerSettings, reading: Reading
) -> list[Read] | Problem:
    """One result per alert, in order; a `Problem` when the body as a whole cannot be read."""
    if not isinstance(payload, Mapping):
        return Problem("", "the body must be a JSON object", "bad_type")
    version = scalar_text(payload.get("version"))
    if version not in VERSIONS:
        return Problem("version", f"must be one of {', '.join(VERSIONS)}", "unsupported_version")
    alerts = payload.get("alerts")
    if isinstance(alerts, str | Mapping) or (not elements(alerts) and alerts != []):
        return Problem("alerts", "must be a list", "bad_type")
    if len(elements(alerts)) > settings.max_alerts:
        return Problem("alerts", f"holds more than {settings.max_alerts} alerts", "too_large")
    return [
        _located(index, _read_alert(alert, settings, reading, index))
        for index, alert in enumerate(elements(alerts))
    ]


def _located(index: int, read: Read) -> Read:
    return element_path("alerts", index, read) if isinstance(read, Problem) else read


def _read_alert(
    alert: JsonValue, settings: AlertmanagerSettings, reading: Reading, index: int
) -> Read:
    labels, annotations = members(member(alert, "labels")), members(member(alert, "annotations"))
    kind = _KINDS.get(text(member(alert, "status")))
    if kind is None:
        return Problem("status", "must be firing or resolved", "bad_action")
    source = _source(labels, settings)
    victim = _victim(labels, annotations, settings)
    if isinstance(victim, Problem):
        missing = victim.code == "missing_victim"
        if missing and text(labels.get("alertname")) in settings.heartbeat_alerts:
            return Heartbeat(source, index)
        return victim
    vector = _vector(labels)
    if isinstance(vector, Problem):
        return vector
    confidence_value, origin = _confidence(labels, annotations, reading)
    starts_at = text(member(alert, "startsAt"))
    outgoing = (text(labels.get("direction")) or text(annotations.get("direction"))).casefold()
    return make_signal(
        Report(
            source=source,
            adapter=ADAPTER,
            kind=kind,
            victim=victim,
            vector=vector,
            external_id=_identity(alert, labels, starts_at),
            started_at_us=time_us(starts_at),
            direction=Direction.OUTGOING if outgoing == "outgoing" else Direction.INCOMING,
            confidence=confidence_value,
            confidence_origin=origin,
            bps=_rate("bps", settings.bps_value, alert, labels, annotations),
            pps=_rate("pps", settings.pps_value, alert, labels, annotations),
            dst_ports=_ports("dst_ports", labels, annotations),
            src_ports=_ports("src_ports", labels, annotations),
            element=alert,
        ),
        reading,
    )


def _identity(alert: JsonValue, labels: Mapping[str, JsonValue], starts_at: str) -> str:
    fingerprint = text(member(alert, "fingerprint"))
    if not fingerprint:
        fingerprint = hashlib.sha256(canonical(labels).encode()).hexdigest()[:16]
    return f"{fingerprint}@{starts_at}"


def _source(labels: Mapping[str, JsonValue], settings: AlertmanagerSettings) -> str:
    if not settings.split_sources_by:
        return SOURCE
    part = clean_text(text(labels.get(settings.split_sources_by)), 64)
    return f"{SOURCE}/{part}" if part else SOURCE


def _victim(
    labels: Mapping[str, JsonValue],
    annotations: Mapping[str, JsonValue],
    settings: AlertmanagerSettings,
) -> Prefix | Problem:
    places = [(f"labels.{name}", labels.get(name)) for name in settings.victim_labels]
    places += [
        (f"annotations.{name}", annotations.get(name)) for name in settings.victim_annotations
    ]
    if settings.allow_instance_fallback:
        places.append(("labels.instance", labels.get("instance")))
    for where, value in places:
        if text(value):
            return victim_of(text(value), field_name=where, allow_prefixes=False)
    names = ", ".join(settings.victim_labels)
    return Problem("labels", f"no label names the victim ({names})", "missing_victim")


def _vector(labels: Mapping[str, JsonValue]) -> Vector | Problem:
    named = text(labels.get("vector")) or text(labels.get("alertname"))
    if not named:
        return Problem("labels.vector", "neither vector nor alertname is given", "missing")
    return vector_of(named) or Vector.UNKNOWN


def _confidence(
    labels: Mapping[str, JsonValue], annotations: Mapping[str, JsonValue], reading: Reading
) -> tuple[float, str]:
    given = confidence(annotations.get("confidence"))
    if given is not None:
        return given, "given"
    severity = text(labels.get("severity")).casefold()
    mapped = reading.confidence_mapping.get(severity)
    if mapped is not None:
        return mapped, f"mapping:{severity}"
    return SEVERITIES.get(severity, SEVERITY_OTHER), f"severity:{severity or 'none'}"


def _rate(
    name: str,
    grafana_ref: str,
    alert: JsonValue,
    labels: Mapping[str, JsonValue],
    annotations: Mapping[str, JsonValue],
) -> JsonValue:
    for value in (annotations.get(name), labels.get(name)):
        if value is not None and value != "":
            return value
    return member(member(alert, "values"), grafana_ref) if grafana_ref else None


def _ports(
    name: str, labels: Mapping[str, JsonValue], annotations: Mapping[str, JsonValue]
) -> tuple[int, ...]:
    listed = text(annotations.get(name)) or text(labels.get(name))
    return ports([part.strip() for part in listed[:512].split(",")]) if listed else ()
