"""Questions that cost nothing and send nothing: what would happen if, and what happens to a packet.

Routers keep the rules they hold in the order of RFC 8955 5.1 and stop at the first that matches, so
a new rule can be hidden by an older one or hide others. `preview` says per peer whether the rule
would go out, as what, and which rules it overlaps; `simulate` says which rule would decide a
packet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from prefixd.bgp.rib.export import explain, judge
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.overlap import Packet, matches, may_share_a_packet
from prefixd.bgp.rib.route import Key, Route, is_flowspec, rule_of
from prefixd.bgp.rib.route_action import RouteAction
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.verdict import Finding, Split, Verdict, Withheld
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_canonical import order_key
from prefixd.bgp.wire.flowspec_text import format_rule

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    peer: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    position: int | None = None
    """How many rules the router would try before it."""
    decided_earlier_by: tuple[str, ...] = ()
    """Overlapping rules that are tried before it and do something else."""
    decides_before: tuple[str, ...] = ()
    """Overlapping rules that are tried after it and do something else."""
    rules_before: int = 0
    rules_after: int = 0


def preview(peer: str, group: UpdateGroup, loc: LocRib, route: Route) -> Preview:
    verdict = judge(route, group.terms)
    findings = explain(route, group.terms)
    held = sum(1 for family in group.terms.families for _ in group.desired_keys(family))
    if isinstance(verdict, Withheld):
        return Preview(
            peer=peer, verdict=verdict, findings=findings, rules_before=held, rules_after=held
        )
    parts = verdict.parts if isinstance(verdict, Split) else (route.nlri,)
    new = sum(1 for nlri in parts if group.desired(Key(route.family, nlri)) is None)
    result = Preview(
        peer=peer,
        verdict=verdict,
        findings=findings,
        rules_before=held,
        rules_after=held + new,
    )
    if route.rule is None:
        return result
    return _among_others(result, group, route, route.rule)


def _among_others(plain: Preview, group: UpdateGroup, route: Route, rule: FlowSpecRule) -> Preview:
    place = order_key(rule)
    position = 0
    earlier: list[str] = []
    later: list[str] = []
    for other, action in _held(group, route):
        before = order_key(other) < place
        position += before
        if action != route.action and may_share_a_packet(rule, other):
            (earlier if before else later).append(format_rule(other))
    return replace(
        plain,
        position=position,
        decided_earlier_by=tuple(earlier[:_MOST_NAMED]),
        decides_before=tuple(later[:_MOST_NAMED]),
    )


def _held(group: UpdateGroup, besides: Route) -> Iterable[tuple[FlowSpecRule, RouteAction]]:
    for key in group.desired_keys(besides.family):
        action = group.desired(key)
        if action is not None and key.nlri != besides.nlri:
            yield rule_of(*key), action


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule that decides a packet on one router; None: none matches."""

    rule: str | None
    action: RouteAction | None


def simulate(group: UpdateGroup, packet: Packet) -> Decision:
    hits: list[tuple[str, FlowSpecRule, RouteAction]] = []
    for family in group.terms.families:
        if not is_flowspec(family) or family.afi != packet.afi:
            continue
        for key in group.desired_keys(family):
            action = group.desired(key)
            rule = rule_of(*key)
            if action is not None and matches(rule, packet):
                hits.append((order_key(rule), rule, action))
    if not hits:
        return Decision(None, None)
    _, rule, action = min(hits, key=lambda hit: hit[0])
    return Decision(format_rule(rule), action)
