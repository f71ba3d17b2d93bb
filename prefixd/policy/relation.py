"""How two rules for one victim relate: as sets of packets, and by how hard they act.

Whatever a match leaves open matches anything, so "no ports" is the widest set of ports there is and
contains every list of them. An answer of `OVERLAP` is careful: it also covers pairs that only a
look at every packet could tell apart.
"""

from enum import StrEnum
from typing import Final, assert_never

from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Mark,
    Match,
    Police,
    Ports,
    Redirect,
    TcpFlags,
    ports_overlap,
)
from prefixd.policy.ports import subtract


class Relation(StrEnum):
    """What a wanted match is to one that is in force."""

    EXACT = "exact"
    SUPERSET = "superset"
    SUBSET = "subset"
    OVERLAP = "overlap"
    DISJOINT = "disjoint"


def relate(wanted: Match, held: Match) -> Relation:
    if wanted == held:
        return Relation.EXACT
    if contains(wanted, held):
        return Relation.SUPERSET
    if contains(held, wanted):
        return Relation.SUBSET
    return Relation.OVERLAP if overlaps(wanted, held) else Relation.DISJOINT


def contains(wide: Match, narrow: Match) -> bool:
    """Every packet of `narrow` is one of `wide`."""
    return (
        _prefix_contains(wide.dst, narrow.dst)
        and _prefix_contains(wide.src, narrow.src)
        and (wide.protocol is None or wide.protocol == narrow.protocol)
        and _ports_contain(wide.dst_ports, narrow.dst_ports)
        and _ports_contain(wide.src_ports, narrow.src_ports)
        and (wide.tcp_flags is None or wide.tcp_flags == narrow.tcp_flags)
        and _any_of_contains(wide.fragments, narrow.fragments)
        and _ports_contain(wide.packet_lengths, narrow.packet_lengths)
    )


def overlaps(one: Match, other: Match) -> bool:
    """Some packet may match both."""
    return (
        _prefix_overlaps(one.dst, other.dst)
        and _prefix_overlaps(one.src, other.src)
        and (one.protocol is None or other.protocol is None or one.protocol == other.protocol)
        and ports_overlap(one.dst_ports, other.dst_ports)
        and ports_overlap(one.src_ports, other.src_ports)
        and _flags_overlap(one.tcp_flags, other.tcp_flags)
        and ports_overlap(one.packet_lengths, other.packet_lengths)
    )


def hardness(action: Action) -> tuple[int, int]:
    """Orders actions: the more traffic one takes away, the greater; a lower rate is harder."""
    match action:
        case Mark():
            return (_MARK, 0)
        case Redirect():
            return (_REDIRECT, 0)
        case Police(rate_bps=rate):
            return (_POLICE, -rate)
        case Discard():
            return (_DISCARD, 0)
        case Blackhole():
            return (_BLACKHOLE, 0)
        case _:
            assert_never(action)


_MARK: Final = 0
_REDIRECT: Final = 1
_POLICE: Final = 2
_DISCARD: Final = 3
_BLACKHOLE: Final = 4


def _prefix_contains(wide: Prefix | None, narrow: Prefix | None) -> bool:
    return wide is None or (narrow is not None and wide.covers(narrow))


def _prefix_overlaps(one: Prefix | None, other: Prefix | None) -> bool:
    return one is None or other is None or one.overlaps(other)


def _ports_contain(wide: Ports, narrow: Ports) -> bool:
    return not wide or wide == narrow or (bool(narrow) and not subtract(narrow, wide))


def _any_of_contains(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _flags_overlap(one: TcpFlags | None, other: TcpFlags | None) -> bool:
    return one is None or other is None or (one.value ^ other.value) & one.mask & other.mask == 0
