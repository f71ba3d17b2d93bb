"""What traffic, and what to do with it, in an operator's words.

A `Match` says which packets, an action says what happens to them, a `Rule` is both. Nothing here
knows how BGP writes it down: rates are bits per second, ports are ranges, a redirect names a VRF
or a next hop. An empty tuple of ports means *every* port: the widest match, not the narrowest.
That reading is used everywhere, and code that computes ports must never produce an empty tuple
by accident.

Port ranges are canonical (sorted, merged, disjoint), so two matches for the same packets compare
equal, hash equally and give the same scope.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from prefixd.domain.ids import MitigationId
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.vector import PROTOCOL_NAMES

MAX_PORT: Final = 65535
MIN_POLICE_BPS: Final = 1000
MAX_DSCP: Final = 63


class PortRange(NamedTuple):
    """Ports from `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


Ports: TypeAlias = tuple[PortRange, ...]
"""Canonical ranges; empty means every port."""

ANY_PORT: Final[Ports] = ()


def merge_ranges(ranges: Iterable[PortRange]) -> Ports:
    """Ranges in canonical form: sorted, and joined where they overlap or touch."""
    merged: list[PortRange] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1].high + 1:
            if high > merged[-1].high:
                merged[-1] = PortRange(merged[-1].low, high)
        else:
            merged.append(PortRange(low, high))
    return tuple(merged)


def port_ranges(ports: Iterable[int]) -> Ports:
    """Single ports in canonical form; port 0 and impossible numbers are left out."""
    ranges: list[PortRange] = []
    for port in sorted({port for port in ports if 0 < port <= MAX_PORT}):
        if ranges and ranges[-1].high == port - 1:
            ranges[-1] = PortRange(ranges[-1].low, port)
        else:
            ranges.append(PortRange(port, port))
    return tuple(ranges)


def ports_overlap(one: Ports, other: Ports) -> bool:
    """Whether some port is in both; empty is every port."""
    return (
        not one
        or not other
        or any(max(low, at) <= min(high, to) for low, high in one for at, to in other)
    )


class Fragment(StrEnum):
    """Fragment kinds; a match lists the kinds it wants, any of them suffices."""

    DONT_FRAGMENT = "dont_fragment"
    IS_FRAGMENT = "is_fragment"
    FIRST_FRAGMENT = "first_fragment"
    LAST_FRAGMENT = "last_fragment"


class TcpFlags(NamedTuple):
    """Packets whose flags under `mask` equal `value` (bits as in the TCP header)."""

    value: int
    mask: int


class Match(Struct, frozen=True, kw_only=True):
    dst: Prefix | None
    src: Prefix | None = None
    protocol: int | None = None
    dst_ports: Ports = ANY_PORT
    src_ports: Ports = ANY_PORT
    tcp_flags: TcpFlags | None = None
    fragments: tuple[Fragment, ...] = ()
    packet_lengths: Ports = ()

    @property
    def version(self) -> int | None:
        prefix = self.dst or self.src
        return None if prefix is None else prefix.version


class ActionKind(StrEnum):
    DISCARD = "discard"
    POLICE = "police"
    REDIRECT = "redirect"
    MARK = "mark"
    BLACKHOLE = "blackhole"


class Discard(Struct, frozen=True):
    """Drop every matching packet."""


class Police(Struct, frozen=True):
    """Let `rate_bps` bits per second through and drop the rest."""

    rate_bps: int


class Redirect(Struct, frozen=True):
    """Send it elsewhere: a VRF by route target (`64500:666`), or a next hop. Exactly one is set."""

    route_target: str | None = None
    next_hop: Address | None = None


class Mark(Struct, frozen=True):
    """Rewrite the DSCP, 0..63."""

    dscp: int


BLACKHOLE_COMMUNITY: Final = "65535:666"  # RFC 7999
NO_EXPORT: Final = "65535:65281"  # RFC 1997


class Blackhole(Struct, frozen=True):
    """Drop everything for the destination by a unicast host route (RTBH), not by FlowSpec."""

    communities: tuple[str, ...] = (BLACKHOLE_COMMUNITY, NO_EXPORT)
    next_hop: Address | None = None


Action: TypeAlias = Discard | Police | Redirect | Mark | Blackhole


def action_kind(action: Action) -> ActionKind:
    match action:
        case Discard():
            return ActionKind.DISCARD
        case Police():
            return ActionKind.POLICE
        case Redirect():
            return ActionKind.REDIRECT
        case Mark():
            return ActionKind.MARK
        case Blackhole():
            return ActionKind.BLACKHOLE


def drops_everything(action: Action) -> bool:
    """Whether every matching packet is dropped: discard and blackhole."""
    return isinstance(action, Discard | Blackhole)


class Rule(Struct, frozen=True):
    match: Match
    action: Action


class Intent(Struct, frozen=True, kw_only=True):
    """What should be on the wire for one mitigation; the Loc-RIB is built from these alone."""

    mitigation_id: MitigationId
    rule: Rule
    priority: int
    expires_at_us: int
    owner: str
    manual: bool = False  # asked for by a person: may use the reserve of a router's budget


class NeighborPreview(Struct, frozen=True, kw_only=True):
    """What one neighbor would receive of a rule."""

    neighbor: str
    withheld: str = ""
    """Reason code of the export policy; empty: the rule would be announced."""
    detail: str = ""
    """The reason, for people."""
    parts: int = 1
    """How many rules it becomes on this router."""
    rules_before: int = 0
    rules_after: int = 0
    matched_first: tuple[str, ...] = ()
    """Overlapping rules with another action that the router tries before this one."""
    matched_later: tuple[str, ...] = ()


class RulePreview(Struct, frozen=True, kw_only=True):
    """What the neighbors would receive of a rule; nothing has been sent."""

    neighbors: tuple[NeighborPreview, ...] = ()
    inexpressible: str = ""
    """Why no router can carry the rule; empty: it can be written as a route."""


def format_ports(ports: Ports) -> str:
    return ",".join(map(str, ports)) if ports else "any"


# A rule is spelled out several times while one event is dealt with: for its scope, the answer, the
# audit, the record. The last few are remembered.


@lru_cache(maxsize=1024)
def format_match(match: Match) -> str:
    """One line, one spelling: `dst 192.0.2.1/32 proto udp dport 53,1000-2000`."""
    words: list[str] = []
    if match.dst is not None:
        words.append(f"dst {match.dst}")
    if match.src is not None:
        words.append(f"src {match.src}")
    if match.protocol is not None:
        words.append(f"proto {PROTOCOL_NAMES.get(match.protocol, match.protocol)}")
    if match.dst_ports:
        words.append(f"dport {format_ports(match.dst_ports)}")
    if match.src_ports:
        words.append(f"sport {format_ports(match.src_ports)}")
    if match.tcp_flags is not None:
        words.append(f"tcp-flags {match.tcp_flags.value:#04x}/{match.tcp_flags.mask:#04x}")
    if match.fragments:
        words.append(f"fragment {','.join(sorted(match.fragments))}")
    if match.packet_lengths:
        words.append(f"length {format_ports(match.packet_lengths)}")
    return " ".join(words) if words else "everything"


@lru_cache(maxsize=1024)
def format_action(action: Action) -> str:
    match action:
        case Discard():
            return "discard"
        case Police(rate_bps=rate):
            return f"police to {format_rate(rate)}"
        case Redirect(route_target=target, next_hop=hop):
            return f"redirect to {target if hop is None else hop}"
        case Mark(dscp=dscp):
            return f"mark DSCP {dscp}"
        case Blackhole():
            return "blackhole"


def format_rate(rate_bps: int) -> str:
    """`10 Mbit/s`; a rate no unit divides evenly keeps two decimals of the largest that fits."""
    for unit, size in (("Tbit/s", 10**12), ("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 1000)):
        if rate_bps >= size:
            whole, hundredths = divmod(rate_bps * 100 // size, 100)
            fraction = f".{hundredths:02d}".rstrip("0") if hundredths else ""
            return f"{whole}{fraction} {unit}"
    return f"{rate_bps} bit/s"


def scope_hash(match: Match) -> str:
    """32 hex digits naming the traffic of a match; at most one live mitigation per POP has each.

    The action is left out on purpose: routers hold one action per match, so a second action for
    the same traffic is a change of the first rule and never a rule of its own.
    """
    return hashlib.sha256(format_match(match).encode()).hexdigest()[:32]
