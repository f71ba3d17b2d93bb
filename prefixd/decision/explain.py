"""A decision in words and as a record.

Both are made from the decision alone, so the same decision always reads the same, byte for byte,
and a text written today is not changed by a threshold edited tomorrow. The record is canonical JSON
(sorted keys, no spaces); it holds the inputs as they were weighed, so that it can be checked by
hand, and it names no clock but the one it was given.
"""

from typing import Final, TypeAlias, assert_never

import msgspec

from prefixd.correlation.assessment import Assessment, Missing, Need, shown
from prefixd.correlation.weigh import Input
from prefixd.decision.decision import (
    Clear,
    Create,
    Decision,
    Escalate,
    Extend,
    Hold,
    Nothing,
    Plan,
    Refuse,
    Revise,
    Wait,
)
from prefixd.domain.ids import MitigationId
from prefixd.domain.rule import Rule, action_kind, format_action, format_match
from prefixd.guardrails.facts import Refusal
from prefixd.policy.relation import Relation

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_encoder: Final = msgspec.json.Encoder()

_RELATED: Final = {
    Relation.EXACT: "the rule in force matches exactly this",
    Relation.SUBSET: "the rule in force already covers this",
    Relation.SUPERSET: "the rule in force covers only a part of this",
    Relation.OVERLAP: "the rule in force shares some of these ports",
    Relation.DISJOINT: "the rule in force matches other traffic",
}


def sentence(decision: Decision) -> str:
    """What was decided and why, for a person in a hurry."""
    plan = decision.plan
    match plan:
        case Create(draft=draft):
            what = "Rehearsed, not announced" if draft.dry_run else "Acted"
            text = f"{what}: {_rule(draft.rule)} for {draft.ttl_s} s; {_agreement(decision)}."
        case Extend(relation=relation):
            text = f"Extended: {_RELATED[relation]}; {_agreement(decision)}."
        case Escalate(rule=rule, step=step):
            text = f"Escalated to step {step + 1}: {_rule(rule)}; {_agreement(decision)}."
        case Revise(rule=rule, relation=relation):
            text = f"Changed to {_rule(rule)}: {_RELATED[relation]}; {_agreement(decision)}."
        case Wait(missing=missing):
            text = f"Waiting: {_missing(missing)}."
        case Hold(refusals=refusals):
            text = f"Held: {_refusals(refusals)}."
        case Refuse(refusals=refusals):
            text = f"Refused, and what is in force stays: {_refusals(refusals)}."
        case Clear(mitigation_ids=ids):
            text = f"Cleared: the attack is over, {_count(len(ids), 'mitigation')} withdrawn."
        case Nothing(sentence=why):
            text = f"Nothing done: {why}."
        case _:
            assert_never(plan)
    return text + _more(decision)


def _more(decision: Decision) -> str:
    text = ""
    if decision.wanted is not None and decision.wanted.softened:
        text += f" A softer step was taken ({decision.wanted.softened})."
    if decision.not_done:
        text += f" More was not possible: {_refusals(decision.not_done)}."
    if decision.shadowed:
        text += f" {_count(len(decision.shadowed), 'rule')} this one covers withdrawn."
    return text


def _rule(rule: Rule) -> str:
    return f"{format_action(rule.action)} {format_match(rule.match)}"


def _agreement(decision: Decision) -> str:
    assessment = decision.assessment
    if assessment is None:
        return "without evidence"
    names = ", ".join(sorted({item.evidence.source for item in assessment.chosen}))
    if assessment.forced:
        return f"an operator's word suffices ({names})"
    if assessment.bypass:
        return f"{assessment.bypass} suffices alone"
    rule = assessment.rule
    have = f"{assessment.sources} of {rule.min_sources} sources agree ({names})"
    sign = "≥" if not assessment.missing or assessment.agrees else "against"
    threshold = f"{rule.confidence_threshold:.2f}"
    return f"{have}, confidence {assessment.confidence:.2f} {sign} {threshold}"


def _missing(missing: tuple[Missing, ...]) -> str:
    if not missing:
        return "no source reports it at the moment"
    return "; ".join(_need(item) for item in missing)


def _need(item: Missing) -> str:
    match item.need:
        case Need.SOURCE:
            return f"need {_count(int(item.want), 'source')}, have {int(item.have)}"
        case Need.PRIMARY_SOURCE:
            return f"need {_count(int(item.want), 'primary source')}, have {int(item.have)}"
        case Need.CONFIDENCE:
            return f"need confidence {item.want:.2f}, have {item.have:.2f}"
        case Need.FRESH_PRIMARY:
            return "need a primary source that reports it now"
        case _:
            assert_never(item.need)


def _refusals(refusals: tuple[Refusal, ...]) -> str:
    return "; ".join(refusal.text for refusal in refusals)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def record_text(
    decision: Decision, mitigation_id: MitigationId | None = None, text: str | None = None
) -> str:
    """The whole explanation as canonical JSON text.

    `mitigation_id` is the id given to what the plan creates; other plans name theirs. `text` is the
    decision's `sentence`, for those who have it already.
    """
    text = sentence(decision) if text is None else text
    return _encoder.encode(_as_json(decision, mitigation_id, text)).decode()


def _as_json(decision: Decision, mitigation_id: MitigationId | None, text: str) -> dict[str, Json]:
    # Keys stand in the order of the alphabet, here and below: that makes the text canonical.
    group, plan, counts = decision.group, decision.plan, decision.counts
    owner, playbook, assessment = decision.owner, decision.playbook, decision.assessment
    if isinstance(plan, Extend | Escalate | Revise):
        mitigation_id = plan.mitigation_id
    return {
        "at_us": decision.at_us,
        "codes": list(decision.codes),
        "config_version": decision.config_version,
        "counts": {
            "customer": counts.customer,
            "everywhere": counts.everywhere,
            "fullest_peer": counts.fullest_peer,
            "new_last_minute": counts.new_last_minute,
            "pop": counts.pop,
        },
        "customer_id": group.customer_id,
        "group_id": group.group_id,
        "group_state": group.state,
        "hold_reason": group.hold_reason,
        "inputs": [] if assessment is None else [_input(item) for item in assessment.inputs],
        "missing": [] if assessment is None else [_need_json(item) for item in assessment.missing],
        "mitigation_id": mitigation_id,
        "next_look_us": decision.next_look_us,
        "not_done": [_refusal(refusal) for refusal in decision.not_done],
        "outcome": decision.outcome,
        "plan": _plan(plan),
        "playbook": group.playbook,
        "playbook_version": None if playbook is None else playbook.version,
        "policy": _policy(decision),
        "pop": decision.pop,
        "profile": None if owner is None else owner.customer.profile,
        "result": None if assessment is None else _result(assessment),
        "rule": None if assessment is None else _agreed_rule(assessment),
        "service_id": group.service_id,
        "shadowed": [each.mitigation_id for each in decision.shadowed],
        "text": text,
        "trigger": {
            "kind": decision.trigger.kind,
            "signal_id": decision.trigger.signal_id,
        },
        "vector": group.vector,
        "victim": group.victim.victim_text(),
    }


def _agreed_rule(assessment: Assessment) -> Json:
    rule = assessment.rule
    origins: dict[str, Json] = dict(rule.origins)  # sorted where it was made
    return {
        "combine": rule.combine,
        "confidence_threshold": rule.confidence_threshold,
        "half_life_seconds": rule.half_life_s,
        "min_primary_sources": rule.min_primary_sources,
        "min_sources": rule.min_sources,
        "origin": origins,
    }


def _result(assessment: Assessment) -> Json:
    return {
        "agrees": assessment.agrees,
        "bypass": assessment.bypass or None,
        "confidence": shown(assessment.confidence),
        "forced": assessment.forced,
        "met": assessment.met,
        "primary_sources": assessment.primary_sources,
        "sources": assessment.sources,
    }


def _need_json(item: Missing) -> Json:
    return {"have": shown(item.have), "need": item.need, "want": shown(item.want)}


def _input(item: Input) -> Json:
    return {
        "age_seconds": shown(item.age_s),
        "confidence": shown(item.confidence),
        "confidence_origin": item.confidence_origin,
        "contribution": shown(item.contribution),
        "counted": item.counted,
        "decay": shown(item.decay),
        "evidence_base": item.evidence_base,
        "note": item.note,
        "polarity": item.polarity,
        "role": item.role,
        "source": item.source,
        "state": item.state,
        "weight": item.weight,
    }


def _policy(decision: Decision) -> Json:
    blocked, wanted = decision.escalation, decision.wanted
    return {
        "next_step": None
        if blocked is None
        else {"blocked_by": blocked.why, "in_seconds": blocked.in_s},
        "rule": None if decision.rule is None else _rule_json(decision.rule),
        "softened": None if wanted is None else wanted.softened or None,
        "step": None if wanted is None else wanted.step,
        "ttl_seconds": None if wanted is None else wanted.ttl_s,
    }


def _rule_json(rule: Rule) -> Json:
    return {
        "action": action_kind(rule.action),
        "match": format_match(rule.match),
        "text": format_action(rule.action),
    }


def _plan(plan: Plan) -> Json:
    match plan:
        case Create(draft=draft, beside=beside):
            ids: list[Json] = list(beside)
            return {"beside": ids, "kind": "create", "rule": _rule_json(draft.rule)}
        case Extend(mitigation_id=key, expires_at_us=until, relation=relation):
            return {
                "expires_at_us": until,
                "kind": "extend",
                "mitigation_id": key,
                "relation": relation,
            }
        case Escalate(mitigation_id=key, rule=rule, step=step, expires_at_us=until):
            return {
                "expires_at_us": until,
                "kind": "escalate",
                "mitigation_id": key,
                "rule": _rule_json(rule),
                "step": step,
            }
        case Revise(mitigation_id=key, rule=rule, expires_at_us=until, relation=relation):
            return {
                "expires_at_us": until,
                "kind": "revise",
                "mitigation_id": key,
                "relation": relation,
                "rule": _rule_json(rule),
            }
        case Wait():
            return {"kind": "wait"}
        case Hold(reason=reason, refusals=refusals):
            return {
                "kind": "hold",
                "reason": reason,
                "refusals": [_refusal(refusal) for refusal in refusals],
            }
        case Refuse(refusals=refusals):
            return {"kind": "refuse", "refusals": [_refusal(refusal) for refusal in refusals]}
        case Clear(mitigation_ids=cleared):
            gone: list[Json] = list(cleared)
            return {"kind": "clear", "mitigation_ids": gone}
        case Nothing(code=code, sentence=why):
            return {"code": code, "kind": "nothing", "sentence": why}
        case _:
            assert_never(plan)


def _refusal(refusal: Refusal) -> Json:
    return {
        "code": refusal.code,
        "limit": refusal.limit,
        "sentence": refusal.text,
        "value": refusal.value,
    }
