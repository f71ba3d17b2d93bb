"""A decision in words and as a record: complete, stable, and checkable by hand."""

import json
from dataclasses import replace

import pytest

from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.decide import decide
from prefixd.decision.decision import Decision
from prefixd.decision.explain import record_text, sentence
from prefixd.domain.agreement import Agreement, Bypass
from prefixd.domain.group import EvidenceState, GroupState
from prefixd.domain.ids import MitigationId
from prefixd.domain.vector import Vector
from prefixd.guardrails.facts import Counts
from prefixd.policy.playbook import PolicySettings
from tests.kit.builders import (
    A_SIGNAL_ARRIVED,
    NOW_US,
    SECOND,
    a_group,
    a_mitigation,
    a_playbook,
    a_rule,
    an_evidence,
    some_facts,
    some_rules,
)

TWO = CorrelationSettings(enabled=True, min_sources=2, confidence_threshold=0.7)


def decided(group=None, *mitigations, rules=None, at_s=0, **facts) -> Decision:
    return decide(
        group or a_group(),
        some_facts(*mitigations, **facts),
        rules or some_rules(),
        NOW_US + at_s * SECOND,
        A_SIGNAL_ARRIVED,
    )


CLEARING = a_group(
    an_evidence(state=EvidenceState.CLEARED),
    state=GroupState.CLEARING,
    clearing_since_us=NOW_US,
    mitigation_ids=(MitigationId("mitigation-1"),),
)
AGAIN = a_group(an_evidence(last_seen_us=NOW_US + 80 * SECOND))
BOTH = a_group(
    an_evidence("alertmanager", confidence=0.5, weight=0.8), an_evidence("fastnetmon", weight=0.9)
)
SENTENCES = {
    "created": (
        decided(BOTH, rules=some_rules(correlation=TWO)),
        "Acted: police to 10 Mbit/s dst 192.0.2.53/32 proto udp for 120 s; 2 of 2 sources agree"
        " (alertmanager, fastnetmon), confidence 0.89 ≥ 0.70.",
    ),
    "rehearsed": (
        decided(BOTH, rules=some_rules(correlation=TWO, dry_run=True)),
        "Rehearsed, not announced: police to 10 Mbit/s dst 192.0.2.53/32 proto udp for 120 s;"
        " 2 of 2 sources agree (alertmanager, fastnetmon), confidence 0.89 ≥ 0.70.",
    ),
    "waiting": (
        decided(a_group(an_evidence(confidence=0.61)), rules=some_rules(correlation=TWO)),
        "Waiting: need 2 sources, have 1; need confidence 0.70, have 0.61.",
    ),
    "extended": (
        decided(None, a_mitigation(), at_s=10),
        "Extended: the rule in force matches exactly this; 1 of 1 sources agree (flowmon-a),"
        " confidence 0.90 ≥ 0.50.",
    ),
    "escalated": (
        decided(AGAIN, a_mitigation(), at_s=90),
        "Escalated to step 2: discard dst 192.0.2.53/32 proto udp dport 0-52,54-65535;"
        " 1 of 1 sources agree (flowmon-a), confidence 0.90 ≥ 0.50.",
    ),
    "widened": (
        decided(None, a_mitigation(a_rule(ports=(4000,))), at_s=10),
        "Changed to police to 10 Mbit/s dst 192.0.2.53/32 proto udp: the rule in force covers only"
        " a part of this; 1 of 1 sources agree (flowmon-a), confidence 0.90 ≥ 0.50.",
    ),
    "held": (
        decided(counts=Counts(customer=5)),
        "Held: customer cust_example has 5 live mitigations, the limit is 5.",
    ),
    "refused": (
        decided(None, a_mitigation(), at_s=10, safelist=None),
        "Refused, and what is in force stays: the content of the safelist is not known: in doubt"
        " no new rule is made.",
    ),
    "unowned": (
        decided(a_group(victim="203.0.113.9")),
        "Nothing done: 203.0.113.9 belongs to no customer in the inventory.",
    ),
    "cleared": (
        decided(CLEARING, a_mitigation(), at_s=60),
        "Cleared: the attack is over, 1 mitigation withdrawn.",
    ),
    "forced": (
        decided(a_group(an_evidence("dashboard", forced=True)), rules=some_rules(correlation=TWO)),
        "Acted: police to 10 Mbit/s dst 192.0.2.53/32 proto udp for 120 s; an operator's word"
        " suffices (dashboard).",
    ),
    "bypass": (
        decided(
            rules=some_rules(
                a_playbook(correlation=Agreement(bypass=(Bypass(source="flowmon-a"),))),
                correlation=TWO,
            )
        ),
        "Acted: police to 10 Mbit/s dst 192.0.2.53/32 proto udp for 120 s; flowmon-a suffices"
        " alone.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("decision", "text"), SENTENCES.values(), ids=SENTENCES)
def test_one_plain_sentence(decision: Decision, text: str) -> None:
    assert sentence(decision) == text
    assert json.loads(record_text(decision))["text"] == text


@pytest.mark.parametrize(("decision", "text"), SENTENCES.values(), ids=SENTENCES)
def test_records_are_canonical_json(decision: Decision, text: str) -> None:
    written = record_text(decision)
    again = json.dumps(
        json.loads(written), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert written == again


def test_the_same_inputs_give_the_same_record_byte_for_byte() -> None:
    def once() -> str:
        group = a_group(an_evidence("b", confidence=0.3), an_evidence("a", dst_ports=(4, 5, 9)))
        return record_text(decided(group, a_mitigation(a_rule(ports=(4,))), at_s=20))

    assert once() == once()


def test_a_record_holds_the_numbers_it_was_decided_by() -> None:
    decision = decided(
        a_group(an_evidence(weight=0.9)), rules=some_rules(config_version=41), at_s=1,
        counts=Counts(customer=2, pop=7),
    )  # fmt: skip
    record = json.loads(record_text(decision, MitigationId("mitigation-9")))
    assert record["trigger"] == {"kind": "signal", "signal_id": "signal-flowmon-a"}
    assert record["config_version"] == 41
    assert record["inputs"][0]["contribution"] == 0.81
    assert record["inputs"][0]["age_seconds"] == 1.0
    assert record["result"]["confidence"] == 0.81
    assert record["counts"]["customer"] == 2
    assert record["policy"]["rule"] == {
        "action": "police",
        "match": "dst 192.0.2.53/32 proto udp",
        "text": "police to 10 Mbit/s",
    }
    assert record["policy"]["next_step"] == {"blocked_by": "persistence", "in_seconds": 90}
    assert record["mitigation_id"] == "mitigation-9"
    assert record["outcome"] == "mitigated"


def test_what_was_wanted_and_not_possible_is_told() -> None:
    rules = some_rules()
    tight = replace(rules, limits=replace(rules.limits, max_ports=1))
    decision = decided(AGAIN, a_mitigation(), rules=tight, at_s=90)
    assert sentence(decision).endswith("More was not possible: 2 ports and ranges are more than 1.")
    assert json.loads(record_text(decision))["not_done"][0]["code"] == "too_many_ports"


def test_s25_w12_settings_edited_later_do_not_change_what_was_decided() -> None:
    rules = some_rules()
    decision = decided(rules=rules)
    before = record_text(decision)
    changed = replace(
        rules,
        policy=PolicySettings(playbooks=(a_playbook("x", Vector.SYN_FLOOD),)),
        correlation=TWO,
    )
    assert decided(rules=changed).plan != decision.plan
    assert record_text(decision) == before


def test_a_softer_step_is_named() -> None:
    group = a_group(an_evidence(dst_ports=(53,)))
    decision = decided(group, rules=some_rules(profile=None))
    assert "softer" not in sentence(decision)
    steps = a_playbook().steps[::-1]
    first_discard = a_playbook(steps=[replace(steps[0], require_confidence=None,
                                              require_persistence_s=None), steps[1]])  # fmt: skip
    softened = decided(group, rules=some_rules(first_discard))
    assert sentence(softened).endswith("A softer step was taken (service_ports_only).")
