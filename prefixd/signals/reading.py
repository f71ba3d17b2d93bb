"""What every adapter shares: the circumstances of a reading, and how a report becomes a `Signal`.

An adapter collects the sender's values from a payload; `make_signal` applies the rules that hold
for all adapters. A time in the future is replaced by the time of arrival and marked; a report that
is too old is marked stale and never acted on; an invalid rate is left out with a warning; an alert
without an id gets one made of source, victim and vector.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Ignored, Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import clean_text, rate_bps, rate_pps
from prefixd.signals.json_value import JsonValue, raw_text

AUTO_ID: Final = "auto:"
ID_MAX: Final = 1024
SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The source works and has nothing to report."""

    source: str
    index: int | None = None


Read = Signal | Problem | Ignored | Heartbeat


def _no_mapping() -> Mapping[str, float]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """When the payload came, and the configuration of its source.

    `confidence_mapping` is the source's own table of action and severity words.
    """

    received_at_us: int
    confidence_mapping: Mapping[str, float] = field(default_factory=_no_mapping)
    max_signal_age_s: int = 900
    max_clock_skew_s: int = 300


class Report(NamedTuple):
    """A sender's values in our types, not yet checked.

    `started_at_us` is the beginning of something that still goes on; it is never too old.
    `observed_at_us` is the moment of an observation and may be. Rates come as found: figures, text
    with a unit, or nothing.
    """

    source: str
    adapter: str
    kind: SignalKind
    victim: Prefix
    vector: Vector
    external_id: str = ""
    observed_at_us: int | None = None
    started_at_us: int | None = None
    direction: Direction = Direction.INCOMING
    confidence: float | None = None
    confidence_origin: str = "none"
    bps: JsonValue = None
    pps: JsonValue = None
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    protocols: tuple[int, ...] = ()
    force: bool = False
    warnings: tuple[str, ...] = ()
    element: JsonValue = None


def make_signal(report: Report, reading: Reading) -> Signal:
    warnings = list(report.warnings)
    bps = rate_bps(report.bps)
    pps = rate_pps(report.pps)
    if bps is None and report.bps is not None:
        warnings.append("bps: not a rate, left out")
    if pps is None and report.pps is not None:
        warnings.append("pps: not a rate, left out")
    observed_at_us, stale = _observed(report, reading, warnings)
    external_id = clean_text(report.external_id, ID_MAX)
    if not external_id:
        external_id = auto_id(report.source, report.victim.victim_text(), report.vector.value)
    return Signal(
        source=report.source,
        adapter=report.adapter,
        external_id=external_id,
        kind=report.kind,
        victim=report.victim,
        vector=report.vector,
        observed_at_us=observed_at_us,
        received_at_us=reading.received_at_us,
        direction=report.direction,
        confidence=report.confidence,
        confidence_origin=report.confidence_origin,
        bps=bps,
        pps=pps,
        dst_ports=report.dst_ports,
        src_ports=report.src_ports,
        protocols=report.protocols,
        force=report.force,
        stale=stale,
        warnings=tuple(warnings),
        raw=raw_text(report.element),
    )


def _observed(report: Report, reading: Reading, warnings: list[str]) -> tuple[int, bool]:
    """The time to record, and whether the report is too old to act on."""
    now_us = reading.received_at_us
    oldest_us = now_us - reading.max_signal_age_s * SECOND_US
    claimed = report.observed_at_us if report.observed_at_us is not None else report.started_at_us
    if claimed is None:
        return now_us, False
    if claimed > now_us + reading.max_clock_skew_s * SECOND_US:
        warnings.append("clock_skew")
        return now_us, False
    if claimed >= oldest_us:
        return claimed, False
    if report.observed_at_us is None:
        return now_us, False  # it began long ago and is still firing
    # A late end is still an end; only a firing report can be too old.
    return claimed, report.kind is SignalKind.FIRING


def auto_id(source: str, victim: str, vector: str) -> str:
    """The id of an alert whose sender gives none: constant per source, victim and vector."""
    digest = hashlib.sha256(f"{source}|{victim}|{vector}".encode()).hexdigest()
    return f"{AUTO_ID}{digest[:24]}"


def victim_of(text: str, *, field_name: str, allow_prefixes: bool) -> Prefix | Problem:
    """The victim in a text: an address, `[v6]:port`, `v4:port`, `address@vlan`, or a prefix."""
    stripped = text.strip().partition("@")[0]
    if not stripped:
        return Problem(field_name, "the victim's address is missing", "bad_victim")
    if "/" in stripped:
        prefix = Prefix.parse(stripped)
        if prefix is None:
            return Problem(field_name, "invalid IP address or prefix", "bad_victim")
        if not prefix.is_host and not allow_prefixes:
            return Problem(
                field_name,
                "is a network; only single hosts are allowed here",
                "prefix_not_allowed",
            )
        return prefix
    address = address_of(stripped)
    if address is None:
        return Problem(field_name, "invalid IP address", "bad_victim")
    return address.host()


def address_of(text: str) -> Address | None:
    """An address, with a port behind it or not."""
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        return Address.parse(inside) if bracket and _is_port(rest) else None
    plain = Address.parse(text)
    if plain is not None:
        return plain
    host, colon, port = text.partition(":")
    return Address.parse(host) if colon and _is_port(f":{port}") else None


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text == "" or (text[0] == ":" and digits.isascii() and digits.isdigit())


def element_path(container: str, index: int, problem: Problem) -> Problem:
    """A problem of one element, located in the whole payload."""
    inside = problem.inside(f"{container}[{index}]")
    return Problem(inside.field, inside.reason, inside.code, index)
