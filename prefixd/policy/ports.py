"""Ports as sets: which destination ports a rule may name.

An operator fears two mistakes. A rule that is wider than the attack hurts traffic outside the
attack, and a discard on a service's own port finishes the attacker's work. So, with E
the ports seen under attack and A the ports the service is there to serve:

    E       A       the rule drops                  the rule lets some through
    ------  ------  ------------------------------  --------------------------
    empty   empty   every port                      every port
    empty   given   every port except A             every port
    given   any     E without A, if anything is     E
                    left; otherwise nothing: the
                    caller polices or refuses

Written once, here. Never is anything added to a set of observed ports, and an empty result is a
`ServicePortsOnly`, never the empty tuple, because the empty tuple means every port.

`PortMode.REFERENCE` keeps an older reading for those who rely on it: observed ports are narrowed to
the service's ports. Where that used to leave nothing and then matched everything, it refuses.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.domain.rule import ANY_PORT, MAX_PORT, PortRange, Ports, merge_ranges
from prefixd.policy.playbook import PortMode

ALL_PORTS: Final[Ports] = (PortRange(0, MAX_PORT),)


@dataclass(frozen=True, slots=True)
class ServicePortsOnly:
    """Dropping is not possible without dropping what the service is there for."""

    observed: Ports
    allowed: Ports


def choose_ports(
    observed: Ports, allowed: Ports, *, drops: bool, mode: PortMode
) -> Ports | ServicePortsOnly:
    if mode is PortMode.REFERENCE:
        return _reference(observed, allowed)
    if not drops or not allowed:
        return observed
    left = subtract(observed or ALL_PORTS, allowed)
    return left or ServicePortsOnly(observed, allowed)


def _reference(observed: Ports, allowed: Ports) -> Ports | ServicePortsOnly:
    if not allowed:
        return observed
    if not observed:
        return allowed
    return intersect(observed, allowed) or ServicePortsOnly(observed, allowed)


def subtract(ports: Ports, minus: Ports) -> Ports:
    """What is in `ports` and not in `minus`, both taken literally: empty is the empty set here."""
    left: list[PortRange] = []
    for low, high in ports:
        at = low
        for gap_low, gap_high in minus:
            if gap_high < at or gap_low > high:
                continue
            if gap_low > at:
                left.append(PortRange(at, gap_low - 1))
            at = gap_high + 1
        if at <= high:
            left.append(PortRange(at, high))
    return tuple(left)


def intersect(left: Ports, right: Ports) -> Ports:
    """What both have, taken literally: empty is the empty set here."""
    shared: list[PortRange] = []
    for low, high in left:
        for other_low, other_high in right:
            if max(low, other_low) <= min(high, other_high):
                shared.append(PortRange(max(low, other_low), min(high, other_high)))
    return tuple(shared)


def union(left: Ports, right: Ports) -> Ports:
    """What either has, in canonical form; with "every port" on either side it is every port."""
    return merge_ranges((*left, *right)) if left and right else ANY_PORT
