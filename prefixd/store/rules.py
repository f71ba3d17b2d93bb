"""A rule as two JSON texts: `match_json` and `action_params_json`.

The names of the reference schema (`dst_prefix`, `protocol`, `dst_ports`) are kept; what it could
not say is added and left out when it says nothing. Decoding checks everything again: a row is as
foreign as a request, and a rule that means something else than was decided must not be announced.
"""

from functools import lru_cache
from typing import Final

import msgspec

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import (
    BLACKHOLE_COMMUNITY,
    MAX_DSCP,
    MAX_PORT,
    NO_EXPORT,
    Action,
    ActionKind,
    Blackhole,
    Discard,
    Fragment,
    Mark,
    Match,
    Police,
    PortRange,
    Ports,
    Redirect,
    Rule,
    TcpFlags,
)

_MAX_LENGTH: Final = 65535


class _Match(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    dst_prefix: str | None = None
    protocol: int | None = None
    dst_ports: list[tuple[int, int]] = []
    src_prefix: str | None = None
    src_ports: list[tuple[int, int]] = []
    tcp_flags: tuple[int, int] | None = None
    fragments: list[Fragment] = []
    packet_lengths: list[tuple[int, int]] = []


class _Action(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    rate_bps: int | None = None
    route_target: str | None = None
    next_hop: str | None = None
    dscp: int | None = None
    communities: tuple[str, ...] = (BLACKHOLE_COMMUNITY, NO_EXPORT)


_ENCODER: Final = msgspec.json.Encoder()
_MATCHES: Final = msgspec.json.Decoder(_Match)
_ACTIONS: Final = msgspec.json.Decoder(_Action)


def encode_match(match: Match) -> str:
    flags = match.tcp_flags
    return _ENCODER.encode(
        _Match(
            dst_prefix=None if match.dst is None else str(match.dst),
            protocol=match.protocol,
            dst_ports=list(match.dst_ports),
            src_prefix=None if match.src is None else str(match.src),
            src_ports=list(match.src_ports),
            tcp_flags=None if flags is None else (flags.value, flags.mask),
            fragments=list(match.fragments),
            packet_lengths=list(match.packet_lengths),
        )
    ).decode()


def decode_match(text: str) -> Match:
    stored = _MATCHES.decode(text)
    flags = stored.tcp_flags
    protocol = stored.protocol
    if protocol is not None and not 0 <= protocol <= 255:
        raise ValueError(f"protocol {protocol}")
    return Match(
        dst=None if stored.dst_prefix is None else parse_prefix(stored.dst_prefix),
        src=None if stored.src_prefix is None else parse_prefix(stored.src_prefix),
        protocol=protocol,
        dst_ports=_ranges(stored.dst_ports, MAX_PORT),
        src_ports=_ranges(stored.src_ports, MAX_PORT),
        tcp_flags=None if flags is None else TcpFlags(*flags),
        fragments=tuple(stored.fragments),
        packet_lengths=_ranges(stored.packet_lengths, _MAX_LENGTH),
    )


def encode_action(action: Action) -> str:
    return _ENCODER.encode(_stored_action(action)).decode()


def _stored_action(action: Action) -> _Action:
    match action:
        case Discard():
            return _Action()
        case Police(rate_bps=rate):
            return _Action(rate_bps=rate)
        case Redirect(route_target=target, next_hop=hop):
            return _Action(route_target=target, next_hop=None if hop is None else str(hop))
        case Mark(dscp=dscp):
            return _Action(dscp=dscp)
        case Blackhole(communities=communities, next_hop=hop):
            return _Action(communities=communities, next_hop=None if hop is None else str(hop))


@lru_cache(maxsize=256)  # a site uses few of them
def decode_action(kind: str, text: str) -> Action:
    stored = _ACTIONS.decode(text)
    hop = None if stored.next_hop is None else _parse_address(stored.next_hop)
    match ActionKind(kind):
        case ActionKind.DISCARD:
            return Discard()
        case ActionKind.POLICE:
            if stored.rate_bps is None or stored.rate_bps <= 0:
                raise ValueError("a police action without a rate")
            return Police(stored.rate_bps)
        case ActionKind.REDIRECT:
            if (stored.route_target is None) == (hop is None):
                raise ValueError("a redirect needs a route target or a next hop")
            return Redirect(stored.route_target, hop)
        case ActionKind.MARK:
            if stored.dscp is None or not 0 <= stored.dscp <= MAX_DSCP:
                raise ValueError("a mark action without a DSCP")
            return Mark(stored.dscp)
        case ActionKind.BLACKHOLE:
            return Blackhole(stored.communities, hop)


def decode_rule(match_text: str, kind: str, action_text: str) -> Rule:
    return Rule(decode_match(match_text), decode_action(kind, action_text))


@lru_cache(maxsize=1024)  # a row names its victim two or three times
def parse_prefix(text: str) -> Prefix:
    prefix = Prefix.parse(text, strict=True)
    if prefix is None:
        raise ValueError(f"not a prefix: {text!r}")
    return prefix


def _parse_address(text: str) -> Address:
    address = Address.parse(text)
    if address is None:
        raise ValueError(f"not an address: {text!r}")
    return address


def _ranges(pairs: list[tuple[int, int]], highest: int) -> Ports:
    """Canonical or refused: overlapping or reversed ranges were never written by us."""
    previous = -1
    for low, high in pairs:
        if not previous < low <= high <= highest:
            raise ValueError(f"ranges {pairs}")
        previous = high
    return tuple(PortRange(low, high) for low, high in pairs)
