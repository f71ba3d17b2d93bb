"""One meaning, one spelling, and the order in which a router tries rules.

Two operators who write `dport 53,54` and `dport 53-54` mean one rule, and BGP would carry two. The
canonical form makes them the same octets before anything is stored or sent. Numbers become sorted
disjoint ranges; bit tests are sorted but keep their logic.

Routers sort the rules they hold by RFC 8955 5.1 (RFC 8956 4 for IPv6) and stop at the first that
matches, so the order decides between overlapping rules. `order_key` turns that pairwise comparison
into a sort key: every component contributes a self-delimiting string whose end sorts *after* any
further character, because in both of the RFC's rules the longer of two equal beginnings comes
first. A total order then needs no proof.
"""

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_component
from prefixd.bgp.wire.flowspec_match import (
    EVERY_PACKET_HAS,
    MAXIMUM,
    BitmaskMatch,
    Component,
    NumericMatch,
    PrefixMatch,
    canonical_bitmask,
    numeric_items,
    numeric_ranges,
)


def canonical(rule: FlowSpecRule) -> FlowSpecRule:
    """The same packets in the one spelling we use; WireError when no packet could match.

    A component that every packet satisfies goes, unless it is the last one. A prefix of length 0
    stays: routers validate a rule without a destination differently (RFC 8955 6). Applying it twice
    changes nothing.
    """
    kept: list[Component] = []
    always: Component | None = None
    for component in rule.components:
        if isinstance(component, PrefixMatch):
            kept.append(component)
        elif isinstance(component, BitmaskMatch):
            kept.append(BitmaskMatch(component.kind, canonical_bitmask(component.items)))
        else:
            maximum = MAXIMUM[component.kind]
            ranges = numeric_ranges(component.items, maximum)
            if not ranges:
                field = f"flowspec {component.kind.name.lower()}"
                raise WireError("no value satisfies it", field=field)
            items = numeric_items(ranges, maximum)
            # Kept when already canonical: rules of one attack then share their components.
            match = component if component.items == items else NumericMatch(component.kind, items)
            if ranges == ((0, maximum),) and component.kind in EVERY_PACKET_HAS:
                always = always or match
            else:
                kept.append(match)
    if not kept and always is not None:
        kept.append(always)
    return FlowSpecRule(rule.family, tuple(kept), rd=rule.rd)


_END = "\U0010ffff"  # after every octet, bit and component type


def order_key(rule: FlowSpecRule) -> str:
    """Sorts rules of one family the way a router evaluates them: first is tried first."""
    parts = [rule.rd.decode("latin-1")]
    for component in rule.components:
        parts.append(chr(component.kind))
        if isinstance(component, PrefixMatch):
            bits = component.length - component.offset
            value = int.from_bytes(component.pattern, "big") >> (-bits & 7)
            parts.append(chr(component.offset))
            parts.append(format(value, f"0{bits}b") if bits else "")
        else:
            octets = encode_component(component, rule.family.afi)
            parts.append(octets[1:].decode("latin-1"))
        parts.append(_END)
    parts.append(_END)
    return "".join(parts)
