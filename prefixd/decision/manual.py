"""A rule asked for by hand, judged by the same guardrails.

A request names its rule, so there is no playbook and no agreement of sources. Everything else is as
for detectors: the safelist, the bounds, the quotas, and one live rule per match. A TTL outside the
bounds is set to the nearer bound, with a note; nothing else is ever adjusted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from prefixd.decision.decision import Create, Extend, Refuse, Revise, Shadowed
from prefixd.decision.inputs import Rules
from prefixd.decision.proposal import change_of, creation_of, extension_of, later_expiry
from prefixd.domain.mitigation import ON_THE_WIRE, Draft, Mitigation, Origin
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import (
    Action,
    Match,
    Police,
    Rule,
    format_action,
    scope_hash,
)
from prefixd.domain.vector import PORT_PROTOCOLS, Vector
from prefixd.guardrails.checks import inspect
from prefixd.guardrails.facts import Facts, Refusal, unknown
from prefixd.policy.playbook import action_problems
from prefixd.policy.relation import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRequest:
    """A rule that an operator asks for. `victim` is what it protects, mostly `match.dst`."""

    victim: Prefix
    match: Match
    action: Action
    ttl_s: int
    reason: str
    pops: tuple[str, ...] = ()
    """Empty means the engine's own POP. Others are reached through the shared database."""
    pinned: bool = False
    """Ends by its time or by hand, never by a detector's all-clear. Manual rows always do."""


ManualPlan: TypeAlias = Create | Extend | Revise | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualDecision:
    plan: ManualPlan
    rule: Rule
    ttl_s: int
    notes: tuple[str, ...] = ()  # what was adjusted, and what the caller should know


def decide_manual(
    request: ManualRequest, by: str, facts: Facts, rules: Rules, now_us: int
) -> ManualDecision:
    rule = Rule(request.match, request.action)
    ttl_s, notes = _bounded_ttl(request.ttl_s, rules)

    def answer(plan: ManualPlan) -> ManualDecision:
        return ManualDecision(plan=plan, rule=rule, ttl_s=ttl_s, notes=tuple(notes))

    wrong = _nonsense(request)
    if wrong:
        return answer(Refuse(wrong))
    if facts.mitigations is None:
        return answer(Refuse((unknown("mitigations_unknown", "what is live for this victim"),)))
    same = _live_with(scope_hash(rule.match), facts.mitigations, rules.pop)
    if same is not None:
        return answer(_on_top_of(same, rule, ttl_s, facts, rules, now_us))
    victim = request.victim
    owner = rules.inventory.find(victim)
    if owner is None:
        notes.append(f"{victim.victim_text()} belongs to no customer in the inventory")
    proposal = creation_of(rules, owner, rule, victim, Vector.UNKNOWN, ttl_s, now_us, Origin.MANUAL)
    refusals = inspect(proposal, facts, rules.limits)
    if refusals:
        return answer(Refuse(refusals))
    draft = Draft(
        pop=rules.pop,
        customer_id=None if owner is None else owner.customer.customer_id,
        service_id=None if owner is None or owner.service is None else owner.service.service_id,
        victim=victim,
        vector=Vector.UNKNOWN,
        rule=rule,
        ttl_s=ttl_s,
        reason=request.reason,
        origin=Origin.MANUAL,
        created_by=by,
        pinned=request.pinned,
        dry_run=rules.dry_run,
    )
    return answer(Create(draft))


def recheck_extension(
    mitigation: Mitigation, ttl_s: int, facts: Facts, rules: Rules, now_us: int
) -> Extend | Refuse:
    """Whether a live mitigation may live for `ttl_s` from now; for extensions by hand."""
    proposal = extension_of(rules.inventory.find(mitigation.victim), mitigation, ttl_s, now_us)
    refusals = inspect(proposal, facts, rules.limits)
    if refusals:
        return Refuse(refusals)
    expires_at_us = later_expiry(mitigation, ttl_s, rules.limits, now_us)
    return Extend(mitigation.mitigation_id, expires_at_us, Relation.EXACT)


def sweep(
    mitigations: Iterable[Mitigation], facts: Facts, rules: Rules, now_us: int
) -> tuple[Shadowed, ...]:
    """Live rules that a safelist entry or a protected flow forbids by now: to be withdrawn.

    Only these two take back what was allowed once; a lowered quota never does. An unreadable
    safelist takes nothing back.
    """
    if facts.safelist is None:
        return ()
    gone: list[Shadowed] = []
    for mitigation in mitigations:
        if not mitigation.is_live:
            continue
        proposal = change_of(rules, None, mitigation, mitigation.rule, 0, now_us)
        for refusal in inspect(proposal, facts, rules.limits):
            if refusal.code in _TAKES_BACK:
                gone.append(Shadowed(mitigation.mitigation_id, refusal.text))
                break
    return tuple(gone)


_TAKES_BACK: Final = frozenset({"safelisted", "protected_flow"})


def _on_top_of(
    same: Mitigation, rule: Rule, ttl_s: int, facts: Facts, rules: Rules, now_us: int
) -> Extend | Revise | Refuse:
    """The match is in force already: the same action extends it, another one changes it."""
    if same.rule.action == rule.action:
        return recheck_extension(same, ttl_s, facts, rules, now_us)
    owner = rules.inventory.find(same.victim)
    refusals = inspect(change_of(rules, owner, same, rule, ttl_s, now_us), facts, rules.limits)
    if refusals:
        return Refuse(refusals)
    expires_at_us = later_expiry(same, ttl_s, rules.limits, now_us)
    return Revise(same.mitigation_id, rule, expires_at_us, Relation.EXACT)


def _live_with(scope: str, mitigations: Iterable[Mitigation], pop: str) -> Mitigation | None:
    for mitigation in mitigations:
        in_force = mitigation.status in ON_THE_WIRE and mitigation.pop == pop
        if in_force and mitigation.scope_hash == scope:
            return mitigation
    return None


def _bounded_ttl(ttl_s: int, rules: Rules) -> tuple[int, list[str]]:
    """Zero and less are left to the guardrail: that is a missing TTL, not a short one."""
    low, high = rules.limits.min_ttl_s, rules.limits.max_ttl_s
    bounded = min(max(ttl_s, low), high) if ttl_s > 0 else ttl_s
    if bounded == ttl_s:
        return ttl_s, []
    return bounded, [f"the TTL was set to {bounded} s: {ttl_s} s is outside {low} to {high} s"]


def _nonsense(request: ManualRequest) -> tuple[Refusal, ...]:
    """What no limit could make right."""
    refusals: list[Refusal] = []
    match = request.match
    if match.dst is None and match.src is None:
        sentence = "a rule without a destination would match all traffic"
        refusals.append(Refusal("no_destination", sentence, "required", "none"))
    has_ports = bool(match.dst_ports or match.src_ports)
    if has_ports and match.protocol is not None and match.protocol not in PORT_PROTOCOLS:
        sentence = "ports belong to UDP and TCP; this protocol has none"
        refusals.append(
            Refusal("ports_without_protocol", sentence, "udp, tcp", str(match.protocol))
        )
    if not isinstance(request.action, Police):  # rates are a guardrail's business
        refusals += (
            Refusal("bad_action", problem.reason, problem.field, format_action(request.action))
            for problem in action_problems(request.action)
        )
    return tuple(refusals)
