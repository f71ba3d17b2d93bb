"""A rule of its own: nothing that lives has to do with the attack."""

from prefixd.correlation.assessment import shown
from prefixd.decision.change_live import blocked_after
from prefixd.decision.decision import Create, Hold, Nothing, Shadowed, Wait
from prefixd.decision.inputs import Case
from prefixd.decision.outcome import Answer, held_back, holding, scope_taken, waiting
from prefixd.decision.overlap import in_the_way, shadow
from prefixd.decision.proposal import creation_of, hold_reason, quiet_until
from prefixd.domain.group import GroupState, HoldReason
from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import Draft, Origin
from prefixd.guardrails.checks import inspect
from prefixd.guardrails.facts import Refusal
from prefixd.policy.escalate import Taken
from prefixd.policy.playbook import Playbook
from prefixd.policy.scope import Wanted


def create(case: Case, playbook: Playbook, first: Wanted) -> Answer:
    group = case.group
    if not case.met:
        return Answer(plan=Wait(case.assessment.missing), state=waiting(case), wanted=first)
    if not case.brings_news and group.state is GroupState.MITIGATING:
        sentence = "its mitigation has ended; only a new report makes another"
        return Answer(plan=Nothing("not_reported_since", sentence), state=group.state)
    if playbook.require_approval and not case.facts.approved:
        refusal = Refusal(
            "approval_required",
            f"playbook {playbook.name} acts only after an operator's approval",
            "an operator's approval",
            "none",
        )
        return held_back(case, refusal, HoldReason.APPROVAL_REQUIRED, first)
    proposal = creation_of(
        case.rules,
        case.owner,
        first.rule,
        group.victim,
        case.attack.vector,
        first.ttl_s,
        case.now_us,
    )
    refusals = list(inspect(proposal, case.facts, case.rules.limits))
    blocking = in_the_way(first.rule.match, case.live, None)
    if blocking is not None:
        refusals.append(scope_taken(blocking))
    if refusals:
        return Answer(
            plan=Hold(hold_reason(refusals), tuple(refusals)),
            state=holding(case),
            wanted=first,
            look_us=quiet_until(proposal, case.facts, case.rules.limits, refusals),
        )
    shadowed: tuple[Shadowed, ...] = ()
    beside: tuple[MitigationId, ...] = ()
    if case.live:
        shadowed = shadow(first.rule, case.live, None)
        gone = {each.mitigation_id for each in shadowed}
        beside = tuple(sorted({live.mitigation_id for live in case.live} - gone))
    taken = Taken(step=first.step, age_s=0, remaining_s=first.ttl_s, reported_again=False)
    return Answer(
        plan=Create(_draft(case, playbook, first), beside),
        state=GroupState.MITIGATING,
        wanted=first,
        shadowed=shadowed,
        escalation=blocked_after(case, playbook, taken),
    )


def _draft(case: Case, playbook: Playbook, asked: Wanted) -> Draft:
    service = case.owner.service
    name = "unknown service" if service is None else service.name
    return Draft(
        pop=case.rules.pop,
        customer_id=case.owner.customer.customer_id,
        service_id=None if service is None else service.service_id,
        victim=case.group.victim,
        vector=case.attack.vector,
        rule=asked.rule,
        ttl_s=asked.ttl_s,
        reason=f"{case.attack.vector} to {name} (playbook: {playbook.name})",
        origin=Origin.DETECTOR,
        created_by="policy",
        playbook=playbook.name,
        playbook_version=playbook.version,
        step=asked.step,
        priority=playbook.priority,
        confidence=shown(case.assessment.confidence),
        sources=tuple(sorted({item.source for item in case.firing})),
        contributing_vectors=(case.attack.vector,),
        dry_run=case.rules.dry_run,
    )
