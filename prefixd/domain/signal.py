"""One report from one source, in our words, whatever tool it came from.

Adapters (`prefixd.signals`) turn payloads into these values, into a `Problem`, or into `Ignored`
when they understood the payload and it deliberately is not a signal; nothing below them ever sees
a vendor's field name. A `Signal` is about a victim. A `Corroboration` is about a place in the
network (a customer, a service, an interface) and can only strengthen what a `Signal` opened.

Signals carry no id and no episode number: those are given when they are stored.
"""

from enum import StrEnum

from msgspec import Struct

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.vector import Vector

__all__ = [
    "Corroboration",
    "Direction",
    "Ignored",
    "Polarity",
    "Problem",
    "Signal",
    "SignalKind",
]


class SignalKind(StrEnum):
    FIRING = "firing"  # "ban" on the native API
    CLEARED = "cleared"  # "unban"


class Direction(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Polarity(StrEnum):
    FOR = "for"
    AGAINST = "against"  # "the link is idle": lowers the confidence


class Signal(Struct, frozen=True, kw_only=True):
    source: str
    adapter: str
    external_id: str  # never empty: "auto:" and a hash of what it is about when none was given
    kind: SignalKind
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
    force: bool = False  # reported by an operator, enough by itself; the API checked the role
    stale: bool = False  # too old to act on; stored and shown only
    warnings: tuple[str, ...] = ()  # "clock_skew", "bps: negative, dropped"
    raw: str = ""  # the sender's element as JSON text, size-capped, secrets removed


class Corroboration(Struct, frozen=True, kw_only=True):
    """Support (or doubt) from a source that watches places rather than victims."""

    source: str
    adapter: str
    external_id: str
    kind: SignalKind
    vector: Vector | None
    observed_at_us: int
    received_at_us: int
    expires_at_us: int
    polarity: Polarity = Polarity.FOR
    confidence: float | None = None
    confidence_origin: str = "none"
    customer_id: str | None = None
    service_id: str | None = None
    interface: str | None = None
    pop: str | None = None
    router: str | None = None
    protocol: int | None = None
    victim_ip: Address | None = None
    victim_prefix: Prefix | None = None
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    spoofable: bool = False  # the observation could have been forged by anyone
    explain: str = ""
    warnings: tuple[str, ...] = ()
    raw: str = ""


class Ignored(Struct, frozen=True):
    """Understood, and not a signal: a condition that did not hold, a vendor's test button."""

    reason: str
    index: int | None = None
