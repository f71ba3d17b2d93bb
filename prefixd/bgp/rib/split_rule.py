"""Making a rule fit a router without changing which packets it matches.

Only exact transformations live here: a list becomes several rules that together match the same
packets, "either port" becomes one rule per port. Dropping a component or shortening a prefix would
match more than was asked for and is never done; what cannot be made to fit is withheld with a
reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prefixd.bgp.rib.overlap import intersect
from prefixd.bgp.rib.router_profile import OffsetForm, Profile
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_rule
from prefixd.bgp.wire.flowspec_match import (
    MAXIMUM,
    BitmaskMatch,
    Component,
    Item,
    Kind,
    NumericMatch,
    PrefixMatch,
    groups,
    numeric_match,
    numeric_ranges,
)
from prefixd.bgp.wire.flowspec_text import KIND_NAMES
from prefixd.bgp.wire.prefix import AFI_IPV4


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why no exact form of the rule suits the router."""

    reason: str
    detail: str


def fit(
    rule: FlowSpecRule, profile: Profile, octets: int | None = None
) -> tuple[FlowSpecRule, ...] | Unfit:
    """The rules that together mean `rule` and each suit the router; usually just `rule`.

    `octets` is the length of its body, where that is known already.
    """
    todo, done = [rule], list[FlowSpecRule]()
    while todo:
        if len(todo) + len(done) > profile.max_parts:
            return Unfit("parts", f"it would need more than {profile.max_parts} rules")
        current = todo.pop()
        outcome = _step(current, profile, octets if current is rule else None)
        if isinstance(outcome, Unfit):
            return outcome
        if outcome:
            todo.extend(reversed(outcome))
        else:
            done.append(current)
    return tuple(done)


def _step(
    rule: FlowSpecRule, profile: Profile, octets: int | None
) -> Sequence[FlowSpecRule] | Unfit:
    """One step closer: parts to look at again, nothing when the rule fits, or why it cannot."""
    if profile.needs_destination and rule.component(Kind.DST_PREFIX) is None:
        return Unfit("destination_required", "it has no destination prefix")
    supported = profile.components_v4 if rule.family.afi == AFI_IPV4 else profile.components_v6
    for component in rule.components:
        kind = component.kind
        if kind is Kind.PORT and (kind not in supported or _port_conflict(rule, profile)):
            return _per_port(rule, component)
        if kind not in supported:
            return Unfit("component", f"{KIND_NAMES[kind]} is not supported")
        if isinstance(component, PrefixMatch):
            if component.offset and profile.ipv6_offset is OffsetForm.OFF:
                return Unfit("ipv6_offset", "a prefix with an offset is not supported")
            continue
        if isinstance(component, BitmaskMatch) and (
            unfit := _unsupported_bits(component, rule.family.afi, profile)
        ):
            return unfit
        if (parts := _shorter_lists(rule, component, profile)) is not None:
            return parts
    if (len(encode_rule(rule)) if octets is None else octets) > profile.max_body:
        return _halved(rule, profile)
    return ()


def _port_conflict(rule: FlowSpecRule, profile: Profile) -> bool:
    return not profile.port_with_dport and any(
        rule.component(kind) is not None for kind in (Kind.DST_PORT, Kind.SRC_PORT)
    )


def _per_port(rule: FlowSpecRule, either: Component) -> list[FlowSpecRule] | Unfit:
    """`port X` is `dport X` or `sport X`, each together with the condition on that port."""
    assert not isinstance(either, PrefixMatch)
    wanted = numeric_ranges(either.items, MAXIMUM[Kind.PORT])
    parts: list[FlowSpecRule] = []
    for kind in (Kind.DST_PORT, Kind.SRC_PORT):
        present = rule.component(kind)
        common = wanted
        if present is not None:
            assert not isinstance(present, PrefixMatch)
            common = intersect(wanted, numeric_ranges(present.items, MAXIMUM[kind]))
        if not common:
            continue
        kept = [c for c in rule.components if c.kind not in (Kind.PORT, kind)]
        kept.append(numeric_match(kind, common))
        parts.append(replace(rule, components=tuple(sorted(kept, key=lambda c: c.kind))))
    return parts or Unfit("never_matches", "no port satisfies it")


def _unsupported_bits(component: BitmaskMatch, afi: int, profile: Profile) -> Unfit | None:
    if component.kind is Kind.FRAGMENT:
        supported = profile.fragments_v4 if afi == AFI_IPV4 else profile.fragments_v6
    else:
        supported = profile.tcp_flags
    for item in component.items:
        if item.value & ~supported:
            name = KIND_NAMES[component.kind]
            return Unfit("bits", f"{name} bits 0x{item.value & ~supported:x} are not supported")
    return None


def _shorter_lists(
    rule: FlowSpecRule, component: NumericMatch | BitmaskMatch, profile: Profile
) -> list[FlowSpecRule] | Unfit | None:
    """The rule once per slice of a list that is too long; None when it is short enough."""
    count = len(component.items)
    if count <= profile.max_items and count <= profile.max_ranges:
        return None
    terms = groups(component.items)
    if count <= profile.max_items and _ranges(terms) <= profile.max_ranges:
        return None
    slices: list[list[list[Item]]] = [[]]
    for term in terms:
        if len(term) > profile.max_items:
            return Unfit("items", f"{len(term)} conditions on one {KIND_NAMES[component.kind]}")
        candidate = [*slices[-1], term]
        if sum(map(len, candidate)) > profile.max_items or _ranges(candidate) > profile.max_ranges:
            slices.append([term])
        else:
            slices[-1] = candidate
    return [_with_terms(rule, component, piece) for piece in slices if piece]


def _ranges(terms: Sequence[Sequence[Item]]) -> int:
    return sum(1 for term in terms if len(term) > 1)


def _with_terms(
    rule: FlowSpecRule, component: NumericMatch | BitmaskMatch, terms: Sequence[Sequence[Item]]
) -> FlowSpecRule:
    items = tuple(item for term in terms for item in term)
    part = replace(component, items=items)
    return replace(rule, components=tuple(part if c is component else c for c in rule.components))


def _halved(rule: FlowSpecRule, profile: Profile) -> list[FlowSpecRule] | Unfit:
    """Cut the longest list in two until each part fits the length octets the router can read."""
    lists = [c for c in rule.components if not isinstance(c, PrefixMatch)]
    longest = max(lists, key=lambda c: len(groups(c.items)), default=None)
    terms = [] if longest is None else groups(longest.items)
    if longest is None or len(terms) < 2:
        return Unfit("nlri_length", f"it is longer than {profile.max_body} octets")
    middle = len(terms) // 2
    return [
        _with_terms(rule, longest, terms[:middle]),
        _with_terms(rule, longest, terms[middle:]),
    ]
