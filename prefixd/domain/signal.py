"""One report from one source, in our words, whatever tool it came from.

Adapters (`prefixd.signals`) turn payloads into these values or into a `Problem`; nothing below
them ever sees a vendor's field name. A `Signal` is about a victim. A `CorroboratorSignal` is about
a place in the network (a customer, a service, an interface) and can only strengthen what a
`Signal` opened.
"""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.domain.ids import SignalId
from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.vector import Vector

__all__ = [
    "CorroboratorSignal",
    "Direction",
    "Flag",
    "Kind",
    "Places",
    "Polarity",
    "Problem",
    "Signal",
]


class Kind(StrEnum):
    FIRING = "firing"  # "ban" on the native API
    CLEARED = "cleared"  # "unban"


class Direction(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"
    UNKNOWN = "unknown"


class Flag(StrEnum):
    """What the edge noticed and a later reader should know."""

    CLOCK_SKEW = "clock_skew"  # observed in our future: the time of arrival is used instead
    STALE = "stale"  # too old to act on; stored and shown only
    RATE_DROPPED = "rate_dropped"  # a negative or absurd rate was left out
    RAW_TRUNCATED = "raw_truncated"


class Polarity(StrEnum):
    FOR = "for"
    AGAINST = "against"  # "the link is idle": lowers the confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    signal_id: SignalId
    source: str
    adapter: str
    external_id: str | None
    kind: Kind
    victim: Prefix
    vector: Vector
    observed_at_us: int
    received_at_us: int
    direction: Direction = Direction.INCOMING
    confidence: float | None = None
    confidence_origin: str = "none"  # "given", "mapping:ban", "default", "none"
    bps: int | None = None
    pps: int | None = None
    dst_ports: tuple[int, ...] = ()  # sorted, without duplicates and without 0
    src_ports: tuple[int, ...] = ()
    protocols: tuple[int, ...] = ()
    episode: int = 1
    force: bool = False  # an operator's word: enough by itself
    flags: frozenset[Flag] = frozenset()
    raw: str | None = None  # the body as JSON text, size-capped, secrets removed

    @property
    def is_stale(self) -> bool:
        return Flag.STALE in self.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where in the network a corroborator saw something; at least one is set."""

    customer_id: str | None = None
    service_id: str | None = None
    interface: str | None = None
    pop: str | None = None
    router: str | None = None
    victim: Prefix | None = None  # a host or a covering network
    protocol: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorroboratorSignal:
    signal_id: SignalId
    source: str
    external_id: str | None
    kind: Kind
    vector: Vector | None
    places: Places
    confidence: float | None
    weight: float
    received_at_us: int
    expires_at_us: int
    polarity: Polarity = Polarity.FOR
    raw: str | None = None
