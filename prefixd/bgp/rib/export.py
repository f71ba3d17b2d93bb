"""From a route and a peer's terms to a verdict: one function per step, asked in order.

Denied by default: without an export policy nothing is announced to a peer (RFC 8212, here for iBGP
too). `judge` stops at the first objection; `explain` lists the same steps. The budget is not here,
because it depends on all the other routes.
"""

from collections.abc import Callable
from typing import Final

from prefixd.bgp.rib.export_terms import ExportPolicy, Terms
from prefixd.bgp.rib.route import (
    Key,
    Route,
    nlri_of,
    octets_of_body,
    prefix_of,
)
from prefixd.bgp.rib.route_action import (
    KIND_OF_ABILITY,
    abilities_of,
    multiplies_when_split,
    police_rates,
)
from prefixd.bgp.rib.router_profile import Profile
from prefixd.bgp.rib.split_rule import Unfit, fit
from prefixd.bgp.rib.verdict import (
    EXPORT,
    Finding,
    Reason,
    Split,
    Step,
    Verdict,
    Withheld,
)
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_match import Kind, PrefixMatch
from prefixd.bgp.wire.prefix import AFI_IPV4, Prefix, mask_octets

_Rule = FlowSpecRule | None
_IN_QUARANTINE: Final = Withheld(
    Step.QUARANTINE, Reason.QUARANTINED, "the session was reset right after it was sent"
)


def judge(route: Route, terms: Terms) -> Verdict:
    for _, check in _STEPS:
        objection = check(route, route.rule, terms)
        if objection is not None:
            return objection
    return EXPORT


def explain(route: Route, terms: Terms) -> tuple[Finding, ...]:
    """Every step up to the one that stopped the route, in words."""
    found: list[Finding] = []
    for step, check in _STEPS:
        objection = check(route, route.rule, terms)
        if isinstance(objection, Withheld):
            found.append(Finding(objection.step, passed=False, detail=objection.detail))
            return tuple(found)
        detail = f"as {len(objection.parts)} rules" if isinstance(objection, Split) else "passed"
        found.append(Finding(step, passed=True, detail=detail))
    return tuple(found)


def _check_family(route: Route, _: _Rule, terms: Terms) -> Withheld | None:
    if route.family in terms.families:
        return None
    return Withheld(Step.FAMILY, Reason.FAMILY, f"{route.family} was not negotiated")


def _check_scope(route: Route, _: _Rule, terms: Terms) -> Withheld | None:
    if route.peers is None or route.peers & terms.names:
        return None
    wanted = ", ".join(sorted(route.peers))
    return Withheld(Step.SCOPE, Reason.SCOPE, f"meant for {wanted} only")


def _check_policy(route: Route, rule: _Rule, terms: Terms) -> Withheld | None:
    policy = terms.policy
    if policy is None:
        return Withheld(Step.EXPORT, Reason.NO_EXPORT_POLICY, "the neighbor has no export policy")
    if policy.owners and route.owner not in policy.owners:
        detail = f"rules of {route.owner or 'no owner'} are not exported"
        return Withheld(Step.EXPORT, Reason.OWNER_NOT_ALLOWED, detail)
    if policy.actions:
        words = {KIND_OF_ABILITY.get(each, each.value) for each in abilities_of(route.action)}
        if refused := sorted(words - policy.actions):
            detail = f"action {', '.join(refused)} is not exported"
            return Withheld(Step.EXPORT, Reason.ACTION_NOT_ALLOWED, detail)
    return _check_prefixes(route, rule, policy) if policy.restricts_prefixes else None


def _check_prefixes(route: Route, rule: _Rule, policy: ExportPolicy) -> Withheld | None:
    afi = route.family.afi
    if rule is None:
        destination: Prefix | None = prefix_of(route.family, route.nlri)
        source: Prefix | None = None
    else:
        destination, source = _plain(rule, Kind.DST_PREFIX), _plain(rule, Kind.SRC_PREFIX)
    if not _inside(destination, policy.destinations):
        return Withheld(
            Step.EXPORT, Reason.DESTINATION_NOT_ALLOWED, f"{destination} is not to be exported"
        )
    if source is not None and not _inside(source, policy.sources):
        return Withheld(Step.EXPORT, Reason.SOURCE_NOT_ALLOWED, f"{source} is not to be exported")
    low, high = (
        (policy.min_length_v4, policy.max_length_v4)
        if afi == AFI_IPV4
        else (policy.min_length_v6, policy.max_length_v6)
    )
    if destination is not None and not low <= destination.length <= high:
        detail = f"/{destination.length} is outside /{low} to /{high}"
        return Withheld(Step.EXPORT, Reason.PREFIX_LENGTH, detail)
    return None


def _plain(rule: FlowSpecRule, kind: Kind) -> Prefix | None:
    """The prefix of a component; None without one, and for patterns with an offset."""
    match = rule.component(kind)
    if not isinstance(match, PrefixMatch) or match.offset:
        return None
    return Prefix(rule.family.afi, match.length, match.pattern)


def _inside(prefix: Prefix | None, allowed: tuple[Prefix, ...]) -> bool:
    if not allowed:
        return True
    return prefix is not None and any(
        each.afi == prefix.afi
        and each.length <= prefix.length
        and mask_octets(prefix.octets, each.length) == each.octets
        for each in allowed
    )


def _check_safety(route: Route, rule: _Rule, terms: Terms) -> Withheld | None:
    if rule is None:
        objection = terms.safety.objection_to_blackhole(prefix_of(route.family, route.nlri))
    else:
        objection = terms.safety.objection(rule)
    return None if objection is None else Withheld(Step.SAFETY, Reason.SAFETY, objection)


def _check_profile(route: Route, rule: _Rule, terms: Terms) -> Withheld | Split | None:
    profile = terms.profile
    if missing := sorted(abilities_of(route.action) - profile.abilities):
        detail = f"{profile.name} routers cannot {', '.join(missing)}"
        return Withheld(Step.PROFILE, Reason.ABILITY, detail)
    for rate in police_rates(route.action):
        if rate < profile.min_rate_bps:
            detail = f"{rate:.0f} bit/s is below {profile.min_rate_bps}"
            return Withheld(Step.PROFILE, Reason.RATE_TOO_LOW, detail)
    fitted = None if rule is None else _fit(route, rule, profile)
    if isinstance(fitted, Split) and not terms.quarantined.isdisjoint(
        Key(route.family, part) for part in fitted.parts
    ):
        return _IN_QUARANTINE  # all parts or none
    return fitted


def _fit(route: Route, rule: FlowSpecRule, profile: Profile) -> Withheld | Split | None:
    parts = fit(rule, profile, octets_of_body(route.nlri))
    if isinstance(parts, Unfit):
        return Withheld(Step.PROFILE, Reason(parts.reason), parts.detail)
    if len(parts) == 1 and parts[0] is rule:
        return None
    if len(parts) > 1 and multiplies_when_split(route.action):
        detail = f"each of {len(parts)} rules would get the whole rate"
        return Withheld(Step.PROFILE, Reason.RATE_WOULD_MULTIPLY, detail)
    return Split(tuple(dict.fromkeys(nlri_of(part) for part in parts)))


def _check_quarantine(route: Route, _: _Rule, terms: Terms) -> Withheld | None:
    if not terms.quarantined or Key(route.family, route.nlri) not in terms.quarantined:
        return None
    return _IN_QUARANTINE


_Check = Callable[[Route, _Rule, Terms], Withheld | Split | None]
_STEPS: Final[tuple[tuple[Step, _Check], ...]] = (
    (Step.FAMILY, _check_family),
    (Step.SCOPE, _check_scope),
    (Step.EXPORT, _check_policy),
    (Step.SAFETY, _check_safety),
    (Step.QUARANTINE, _check_quarantine),
    (Step.PROFILE, _check_profile),
)
