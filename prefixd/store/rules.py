"""A rule as two JSON texts: `match_json` and `action_params_json`.

The texts hold the fields of the match and of the action. Decoding checks everything again: a row is
as foreign as a request, and a rule that means something else than was decided must not be
announced.
"""

from functools import lru_cache
from typing import Any, Final

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
    Mark,
    Match,
    Police,
    Ports,
    Redirect,
    Rule,
    action_kind,
)
from prefixd.store.columns import Json, Text

_MAX_LENGTH: Final = 65535


@lru_cache(maxsize=1024)  # a row names its victim two or three times
def parse_prefix(text: str) -> Prefix:
    prefix = Prefix.parse(text, strict=True)
    if prefix is None:
        raise ValueError(f"invalid prefix {text!r}")
    return prefix


def parse_address(text: str) -> Address:
    address = Address.parse(text)
    if address is None:
        raise ValueError(f"invalid address {text!r}")
    return address


PREFIX: Final = Text(str, parse_prefix)
ADDRESS: Final = Text(str, parse_address)

_MATCH: Final = Json(
    Match,
    "dst", "protocol", "dst_ports", "src", "src_ports", "tcp_flags", "fragments", "packet_lengths",
    texts={"dst": PREFIX, "src": PREFIX},
    names={"dst": "dst_prefix", "src": "src_prefix"},
    strict=True,
)  # fmt: skip
_ACTIONS: Final[dict[ActionKind, tuple[type[Any], Json[Any]]]] = {
    ActionKind.DISCARD: (Discard, Json(Discard, strict=True)),
    ActionKind.POLICE: (Police, Json(Police, strict=True)),
    ActionKind.REDIRECT: (Redirect, Json(Redirect, texts={"next_hop": ADDRESS}, strict=True)),
    ActionKind.MARK: (Mark, Json(Mark, strict=True)),
    ActionKind.BLACKHOLE: (
        Blackhole,
        Json(
            Blackhole, "next_hop", "communities",
            texts={"next_hop": ADDRESS},
            # Another tuple than the action's default, so that it is always written: what a stored
            # rule says must not follow a default of a later release.
            defaults={"communities": (BLACKHOLE_COMMUNITY, NO_EXPORT)},
            strict=True,
        ),
    ),
}  # fmt: skip

encode_match = _MATCH.encode


def decode_match(text: str) -> Match:
    match = Match(**_MATCH.decode(text))
    if match.protocol is not None and not 0 <= match.protocol <= 255:
        raise ValueError(f"protocol {match.protocol}")
    for ranges, highest in (
        (match.dst_ports, MAX_PORT),
        (match.src_ports, MAX_PORT),
        (match.packet_lengths, _MAX_LENGTH),
    ):
        _check_ranges(ranges, highest)
    return match


@lru_cache(maxsize=256)  # a site uses few of them
def encode_action(action: Action) -> str:
    return _ACTIONS[action_kind(action)][1].encode(action)


@lru_cache(maxsize=256)  # a site uses few of them
def decode_action(word: str, text: str) -> Action:
    kind, stored = _ACTIONS[ActionKind(word)]
    action: Action = kind(**stored.decode(text))
    match action:
        case Police(rate_bps=rate) if rate <= 0:
            raise ValueError(f"rate_bps {rate}")
        case Mark(dscp=dscp) if not 0 <= dscp <= MAX_DSCP:
            raise ValueError(f"dscp {dscp}")
        case Redirect(route_target=target, next_hop=hop) if (target is None) == (hop is None):
            raise ValueError("a redirect needs a route target or a next hop")
        case _:
            return action


def decode_rule(match_text: str, kind: str, action_text: str) -> Rule:
    return Rule(decode_match(match_text), decode_action(kind, action_text))


def _check_ranges(ranges: Ports, highest: int) -> None:
    """Canonical or refused: overlapping or reversed ranges were never written by us."""
    previous = -1
    for low, high in ranges:
        if not previous < low <= high <= highest:
            raise ValueError(f"ranges {[tuple(each) for each in ranges]}")
        previous = high
