"""decide(): what happens to an attack, told from the operator's side."""

import pytest
from msgspec.structs import replace

from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.decide import decide
from prefixd.decision.decision import (
    Clear,
    Create,
    Decision,
    Escalate,
    Extend,
    Hold,
    Nothing,
    Refuse,
    Revise,
    Trigger,
    TriggerKind,
    Wait,
)
from prefixd.domain.agreement import Agreement
from prefixd.domain.group import (
    CloseReason,
    EvidenceRole,
    EvidenceState,
    Group,
    GroupState,
    HoldReason,
)
from prefixd.domain.ids import MitigationId, SignalId
from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.mitigation import (
    Mitigation,
    Origin,
    Status,
    escalate,
    open_mitigation,
)
from prefixd.domain.record import Outcome
from prefixd.domain.rule import Blackhole, Discard, Police, port_ranges
from prefixd.domain.vector import Vector
from prefixd.guardrails.facts import Counts, Withdrawal
from prefixd.guardrails.limits import Limits
from prefixd.policy.escalate import Block
from prefixd.policy.playbook import PlaybookMatch, Step
from prefixd.policy.relation import Relation
from tests.kit.builders import (
    A_SIGNAL_ARRIVED,
    NOW_US,
    SECOND,
    a_customer,
    a_discard_step,
    a_group,
    a_mitigation,
    a_playbook,
    a_police_step,
    a_rule,
    a_safelist,
    a_service,
    after,
    an_evidence,
    an_inventory,
    legal,
    some_facts,
    some_rules,
)

TWO_SOURCES = CorrelationSettings(enabled=True, min_sources=2, confidence_threshold=0.6)
RULES = some_rules()
A_CORROBORATOR_ARRIVED = Trigger(TriggerKind.CORROBORATOR)


def report(group: Group, *mitigations: Mitigation, rules=RULES, at_s: int = 0, **facts) -> Decision:
    """The answer to a report that came `at_s` seconds after NOW_US."""
    return decide(
        group, some_facts(*mitigations, **facts), rules, NOW_US + at_s * SECOND, A_SIGNAL_ARRIVED
    )


def look(group: Group, *mitigations: Mitigation, rules=RULES, at_s: int = 0, **facts) -> Decision:
    """The answer when only time went by."""
    return decide(group, some_facts(*mitigations, **facts), rules, NOW_US + at_s * SECOND)


def created(decision: Decision, mitigation_id: str = "mitigation-1") -> Mitigation:
    """The mitigation the engine would make of it, active."""
    assert isinstance(decision.plan, Create), decision.plan
    return open_mitigation(
        decision.plan.draft,
        MitigationId(mitigation_id),
        SignalId("signal-flowmon-a"),
        decision.at_us,
        decision.group.group_id,
    )


def fired_again(group: Group, at_s: float) -> Group:
    """The same sources report again."""
    at_us = NOW_US + round(at_s * SECOND)
    return replace(
        group,
        evidence=tuple(replace(item, last_seen_us=at_us) for item in group.evidence),
        last_primary_at_us=at_us,
        expires_at_us=at_us + 300 * SECOND,
    )


def on_ports(*ports: int, source: str = "flowmon-a", **changes):
    return an_evidence(source, dst_ports=ports, **changes)


# a new mitigation


def test_a_first_report_makes_a_mitigation() -> None:
    decision = report(a_group())
    assert isinstance(decision.plan, Create)
    draft = decision.plan.draft
    assert draft.rule == a_rule()
    assert draft.ttl_s == 120
    assert draft.reason == "udp_flood to Resolver (playbook: udp)"
    assert (draft.customer_id, draft.service_id) == ("cust_example", "svc_dns")
    assert draft.sources == ("flowmon-a",)
    assert decision.group.state is GroupState.MITIGATING
    assert decision.group.met_at_us == NOW_US
    assert decision.group.playbook == "udp"
    assert decision.group.trigger_signal_id == "signal-flowmon-a"
    assert decision.outcome is Outcome.MITIGATED


def test_w06_an_ipv6_victim_is_mitigated_with_the_default_limits() -> None:
    decision = report(a_group(victim="2001:DB8:10::1"))
    assert isinstance(decision.plan, Create)
    assert str(decision.plan.draft.rule.match.dst) == "2001:db8:10::1/128"


def test_w07_one_victim_in_two_spellings_is_one_scope() -> None:
    mitigation = created(report(a_group(victim="2001:db8:10::1")))
    decision = report(a_group(victim="2001:DB8:10:0:0::1"), mitigation, at_s=5)
    assert isinstance(decision.plan, Extend)


def test_the_next_look_is_when_the_next_step_may_be_due() -> None:
    decision = report(a_group())
    assert decision.escalation is not None
    assert decision.escalation.why is Block.PERSISTENCE
    assert decision.next_look_us == NOW_US + 90 * SECOND


def test_w79_in_a_dry_run_the_row_says_so() -> None:
    decision = report(a_group(), rules=some_rules(dry_run=True))
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.dry_run
    assert not created(decision).on_the_wire


# agreement


def test_w39_s19_waiting_is_a_word_of_its_own() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    decision = report(a_group(), rules=rules)
    assert isinstance(decision.plan, Wait)
    assert decision.outcome is Outcome.WAITING
    assert decision.codes == ("source",)
    assert decision.group.state is GroupState.OPEN


def test_the_worked_example_two_sources() -> None:
    """A at 0.9 with weight 1.0 is not enough; B at 0.4 with weight 0.5 completes it."""
    rules = some_rules(correlation=TWO_SOURCES)
    alone = a_group(an_evidence("a", confidence=0.9))
    both = replace(alone, evidence=(*alone.evidence, an_evidence("b", confidence=0.4, weight=0.5)))
    first, second = report(alone, rules=rules), report(both, rules=rules)
    assert isinstance(first.plan, Wait)
    assert isinstance(second.plan, Create)
    assert second.assessment is not None
    assert second.assessment.confidence == pytest.approx(1 - 0.1 * 0.8)


def test_playbook_before_customer_before_global() -> None:
    strict_customer = a_customer(correlation=Agreement(min_sources=3))
    inventory = an_inventory(strict_customer)
    assert isinstance(report(a_group(), rules=some_rules(inventory=inventory)).plan, Wait)
    own = a_playbook(correlation=Agreement(min_sources=1))
    assert isinstance(report(a_group(), rules=some_rules(own, inventory=inventory)).plan, Create)


def test_s17_an_operators_word_is_enough() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    forced = a_group(an_evidence("dashboard", forced=True))
    assert isinstance(report(forced, rules=rules).plan, Create)


def test_w48_s27_a_late_corroborator_acts_at_once() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    waiting = report(a_group(), rules=rules).group
    hint = an_evidence(
        "edge", role=EvidenceRole.CORROBORATING, first_seen_us=NOW_US + 40 * SECOND,
        last_seen_us=NOW_US + 40 * SECOND,
    )  # fmt: skip
    joined = replace(waiting, evidence=(hint, *waiting.evidence))
    decision = decide(joined, some_facts(), rules, NOW_US + 40 * SECOND, A_CORROBORATOR_ARRIVED)
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.sources == ("flowmon-a",)


def test_w41_s09_an_attack_that_goes_on_keeps_its_rule_with_one_source() -> None:
    """Two sources made the rule; one of them alone keeps it for an hour."""
    rules = some_rules(a_playbook(steps=[a_police_step()]), correlation=TWO_SOURCES)
    group = a_group(an_evidence("a"), an_evidence("b"))
    first = report(group, rules=rules)
    mitigation = created(first)
    group = after(group, first, "mitigation-1")
    for at_s in range(60, 3601, 60):
        only_a = replace(group.evidence[0], last_seen_us=NOW_US + at_s * SECOND)
        group = replace(group, evidence=(only_a, group.evidence[1]))
        decision = report(group, mitigation, rules=rules, at_s=at_s)
        assert isinstance(decision.plan, Extend), at_s
        assert decision.plan.expires_at_us == NOW_US + (at_s + 120) * SECOND
        mitigation = replace(mitigation, expires_at_us=decision.plan.expires_at_us)
        group = decision.group
    assert group.mitigation_ids == ("mitigation-1",)


def test_w41_a_new_group_of_one_source_extends_what_lives() -> None:
    rules = some_rules(a_playbook(steps=[a_police_step()]), correlation=TWO_SOURCES)
    mitigation = a_mitigation(group_id="an-older-group")
    decision = report(a_group(), mitigation, rules=rules, at_s=60)
    assert isinstance(decision.plan, Extend)


def test_without_agreement_a_rule_is_kept_but_neither_hardened_nor_widened() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    same = report(a_group(), a_mitigation(group_id="older"), rules=rules, at_s=100)
    assert isinstance(same.plan, Extend)
    narrower = a_mitigation(a_rule(ports=(4000,)), group_id="older")
    assert isinstance(report(a_group(), narrower, rules=rules, at_s=100).plan, Wait)


def test_w43_s10_extending_settles_the_group() -> None:
    decision = report(a_group(), a_mitigation(group_id="older"), at_s=60)
    assert isinstance(decision.plan, Extend)
    assert decision.group.state is GroupState.MITIGATING
    assert decision.group.mitigation_ids == ("mitigation-1",)


def test_s12_agreement_once_reached_is_kept() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    met = replace(a_group(), met_at_us=NOW_US - SECOND)
    assert isinstance(report(met, rules=rules).plan, Create)


def test_nobody_reports_it_any_more() -> None:
    silent = a_group(an_evidence(state=EvidenceState.CLEARED), an_evidence("b"))
    stale = replace(silent.evidence[1], last_seen_us=NOW_US - 2000 * SECOND)
    silent = replace(
        silent, evidence=(silent.evidence[0], stale), state=GroupState.HELD, met_at_us=NOW_US
    )
    decision = look(silent)
    assert isinstance(decision.plan, Wait)


# who and what


def test_an_unowned_victim_is_shown_and_never_acted_on() -> None:
    decision = report(a_group(victim="203.0.113.9"))
    assert isinstance(decision.plan, Nothing)
    assert decision.codes == ("unowned",)
    assert decision.group.state is GroupState.UNOWNED
    assert decision.outcome is Outcome.IGNORED


def test_a_victim_that_found_an_owner_is_acted_on() -> None:
    assert isinstance(report(a_group(state=GroupState.UNOWNED)).plan, Create)


def test_no_playbook_holds_the_group() -> None:
    rules = some_rules(a_playbook("syn", Vector.SYN_FLOOD))
    decision = report(a_group(), rules=rules)
    assert isinstance(decision.plan, Hold)
    assert decision.plan.reason is HoldReason.NO_PLAYBOOK
    assert decision.codes == ("no_playbook",)
    assert decision.group.state is GroupState.HELD


def test_w51_a_group_by_family_answers_with_the_vector_reported_last() -> None:
    rules = some_rules(a_playbook("ntp", Vector.NTP_AMPLIFICATION))
    group = a_group(
        an_evidence("a", last_seen_us=NOW_US - SECOND),
        an_evidence("b", vector=Vector.NTP_AMPLIFICATION),
        key="udp",
    )
    decision = report(group, rules=rules)
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.vector is Vector.NTP_AMPLIFICATION


def test_ports_and_volume_are_those_of_all_who_report_now() -> None:
    quiet = an_evidence("c", state=EvidenceState.CLEARED, dst_ports=(9,), bps=10**12)
    group = a_group(on_ports(4000), on_ports(4001, 4002, source="b", bps=5 * 10**9), quiet)
    volume = a_playbook(match=PlaybookMatch(min_bps=5 * 10**9))
    decision = report(group, rules=some_rules(volume))
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.rule.match.dst_ports == port_ranges([4000, 4001, 4002])
    more = some_rules(a_playbook(match=PlaybookMatch(min_bps=5 * 10**9 + 1)))
    assert isinstance(report(group, rules=more).plan, Hold)


# escalation


def an_escalating_case(at_s: int) -> tuple[Group, Mitigation]:
    first = report(a_group())
    group = fired_again(after(a_group(), first, "mitigation-1"), at_s)
    return group, created(first)


def test_w03_s37_a_later_step_is_taken_when_time_has_come() -> None:
    group, mitigation = an_escalating_case(30)
    before = look(group, mitigation, at_s=89)
    assert isinstance(before.plan, Nothing)
    assert before.codes == ("unchanged",)
    decision = look(group, mitigation, at_s=90)
    assert isinstance(decision.plan, Escalate)
    assert decision.plan.mitigation_id == "mitigation-1"
    assert decision.plan.step == 1
    assert decision.plan.rule.action == Discard()
    assert decision.plan.expires_at_us == NOW_US + (90 + 300) * SECOND
    assert decision.outcome is Outcome.ESCALATED


@pytest.mark.parametrize("again_at_s", [0, 0.9])
def test_one_report_and_silence_is_no_reason_for_a_harder_answer(again_at_s: float) -> None:
    first = report(a_group())
    group, mitigation = after(a_group(), first, "mitigation-1"), created(first)
    group = fired_again(group, again_at_s)
    decision = look(group, mitigation, at_s=100)
    assert isinstance(decision.plan, Nothing)
    assert decision.escalation is not None
    assert decision.escalation.why is Block.NOT_REPEATED


def test_a_second_step_needs_a_report_since_the_first_was_taken() -> None:
    steps = [a_police_step(), a_discard_step(persistence_s=90), a_discard_step(persistence_s=120)]
    rules = some_rules(a_playbook(steps=steps))
    group, mitigation = an_escalating_case(60)
    stepped = legal(
        escalate(mitigation, mitigation.rule, 1, NOW_US + 500 * SECOND, NOW_US + 90 * SECOND)
    )
    silent = look(group, stepped, rules=rules, at_s=130)
    assert silent.escalation is not None
    assert silent.escalation.why is Block.NOT_REPEATED
    again = look(fired_again(group, 100), stepped, rules=rules, at_s=130)
    assert isinstance(again.plan, Escalate)
    assert again.plan.step == 2


def test_w03_a_report_escalates_too() -> None:
    group, mitigation = an_escalating_case(100)
    assert isinstance(report(group, mitigation, at_s=100).plan, Escalate)


def test_w02_the_escalated_rule_spares_the_service() -> None:
    group, mitigation = an_escalating_case(100)
    decision = report(group, mitigation, at_s=100)
    assert isinstance(decision.plan, Escalate)
    ports = decision.plan.rule.match.dst_ports
    assert not any(low <= 53 <= high for low, high in ports)


def test_w14_strict_customers_are_never_escalated() -> None:
    rules = some_rules(profile=PolicyProfile.STRICT)
    group, mitigation = an_escalating_case(100)
    decision = report(group, mitigation, rules=rules, at_s=100)
    assert isinstance(decision.plan, Extend)
    assert decision.escalation is not None
    assert decision.escalation.why is Block.STRICT


def test_an_attack_nobody_reports_is_not_escalated() -> None:
    group, mitigation = an_escalating_case(0)
    cleared = replace(
        group, evidence=(replace(group.evidence[0], last_seen_us=NOW_US - 900 * SECOND),)
    )
    decision = look(cleared, mitigation, at_s=100)
    assert not isinstance(decision.plan, Escalate)


def test_what_people_made_is_not_escalated() -> None:
    group, mitigation = an_escalating_case(100)
    for theirs in (
        replace(mitigation, origin=Origin.MANUAL),
        replace(mitigation, pinned=True),
    ):
        assert isinstance(report(group, theirs, at_s=100).plan, Extend)


def test_a_refused_step_leaves_the_rule_and_says_why() -> None:
    playbook = a_playbook(steps=[a_police_step(), a_discard_step(ttl_s=60)])
    rules = some_rules(playbook, limits=Limits(min_ttl_s=61))
    group, mitigation = an_escalating_case(100)
    decision = report(group, mitigation, rules=rules, at_s=100)
    assert isinstance(decision.plan, Extend)
    assert decision.codes == ("ttl_out_of_bounds",)


def test_a_step_softened_back_to_the_one_taken_is_just_an_extension() -> None:
    group = a_group(on_ports(53))
    first = report(group)
    group = fired_again(after(group, first, "mitigation-1"), 100)
    decision = report(group, created(first), at_s=100)
    assert isinstance(decision.plan, Extend)


def test_relaxed_customers_get_the_discard_at_once() -> None:
    decision = report(a_group(), rules=some_rules(profile=PolicyProfile.RELAXED))
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.step == 1
    assert decision.plan.draft.rule.action == Discard()


def test_a_step_may_change_the_kind_of_rule() -> None:
    steps = [a_police_step(), Step(action=Blackhole(), ttl_s=120, require_persistence_s=60)]
    rules = some_rules(a_playbook(steps=steps))
    first = report(a_group(), rules=rules)
    group = fired_again(after(a_group(), first, "mitigation-1"), 60)
    decision = report(group, created(first), rules=rules, at_s=60)
    assert isinstance(decision.plan, Escalate)
    assert decision.plan.rule.match.protocol is None


# what lives already


def live_on(*ports: int, **changes) -> Mitigation:
    return a_mitigation(a_rule(ports=ports), **changes)


def test_w04_more_ports_widen_the_rule_in_place() -> None:
    group = a_group(on_ports(4000, 5000))
    decision = report(group, live_on(4000), at_s=10)
    assert isinstance(decision.plan, Revise)
    assert decision.plan.mitigation_id == "mitigation-1"
    assert decision.plan.rule.match.dst_ports == port_ranges([4000, 5000])
    assert decision.plan.relation is Relation.SUPERSET


def test_w04_fewer_ports_leave_the_rule_alone() -> None:
    decision = report(a_group(on_ports(4000)), live_on(4000, 5000), at_s=10)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.relation is Relation.SUBSET


def test_w04_no_ports_are_all_ports_and_cover_every_list() -> None:
    decision = report(a_group(on_ports(4000)), live_on(), at_s=10)
    assert isinstance(decision.plan, Extend)
    wider = report(a_group(), live_on(4000), at_s=10)
    assert isinstance(wider.plan, Revise)
    assert wider.plan.rule.match.dst_ports == ()


def test_w04_some_shared_ports_join_both_lists() -> None:
    decision = report(a_group(on_ports(4000, 5000)), live_on(5000, 6000), at_s=10)
    assert isinstance(decision.plan, Revise)
    assert decision.plan.rule.match.dst_ports == port_ranges([4000, 5000, 6000])
    assert decision.plan.relation is Relation.OVERLAP


def test_w04_joined_lists_that_grow_too_long_only_extend() -> None:
    rules = some_rules(limits=Limits(max_ports=2))
    decision = report(a_group(on_ports(4000, 5000)), live_on(5000, 6000), rules=rules, at_s=10)
    assert isinstance(decision.plan, Extend)
    assert decision.codes == ("too_many_ports",)


def test_w04_other_ports_are_a_rule_of_their_own() -> None:
    decision = report(a_group(on_ports(7000)), live_on(4000), at_s=10)
    assert isinstance(decision.plan, Create)
    assert decision.plan.beside == ("mitigation-1",)


def test_w04_a_widened_rule_takes_back_those_it_swallows() -> None:
    narrow = [
        live_on(4000, mitigation_id="mitigation-1"),
        live_on(5000, mitigation_id="mitigation-2"),
        live_on(6000, mitigation_id="mitigation-3", pinned=True),
    ]
    decision = report(a_group(), *narrow, at_s=10)
    assert isinstance(decision.plan, Revise)
    assert decision.plan.mitigation_id == "mitigation-1"
    assert [each.mitigation_id for each in decision.shadowed] == ["mitigation-2"]


def test_the_order_of_live_rules_does_not_matter() -> None:
    live = [
        live_on(4000, mitigation_id="mitigation-1"),
        live_on(4000, 5000, mitigation_id="mitigation-2"),
        live_on(9000, mitigation_id="mitigation-3"),
    ]
    group = a_group(on_ports(4000))
    plans = {repr(report(group, *order, at_s=10).plan) for order in (live, live[::-1])}
    assert len(plans) == 1


SYN_AND_ACK = some_rules(
    a_playbook("syn", Vector.SYN_FLOOD, steps=[a_police_step(20_000_000)]),
    a_playbook("ack", Vector.ACK_FLOOD, steps=[a_police_step(10_000_000)]),
    inventory=an_inventory(a_customer(services=())),
)


def test_two_vectors_with_the_same_packets_share_a_rule_and_the_harder_action_wins() -> None:
    syn = created(report(a_group(vector=Vector.SYN_FLOOD), rules=SYN_AND_ACK))
    decision = report(a_group(vector=Vector.ACK_FLOOD), syn, rules=SYN_AND_ACK, at_s=5)
    assert isinstance(decision.plan, Revise)
    assert decision.plan.rule.action == Police(10_000_000)
    ack = created(report(a_group(vector=Vector.ACK_FLOOD), rules=SYN_AND_ACK))
    softer = report(a_group(vector=Vector.SYN_FLOOD), ack, rules=SYN_AND_ACK, at_s=5)
    assert isinstance(softer.plan, Extend)
    assert softer.plan.relation is Relation.EXACT


def test_a_softer_rule_never_covers_a_harder_wish() -> None:
    rules = some_rules(
        a_playbook(
            "ntp",
            Vector.NTP_AMPLIFICATION,
            steps=[a_discard_step(confidence=None, persistence_s=None)],
        ),
        a_playbook(),
        inventory=an_inventory(a_customer(services=())),
    )
    police_all_udp = a_mitigation()
    decision = report(a_group(vector=Vector.NTP_AMPLIFICATION), police_all_udp, rules=rules)
    assert isinstance(decision.plan, Create)
    assert decision.plan.beside == ("mitigation-1",)
    assert decision.shadowed == ()


def test_a_harder_wider_rule_takes_back_what_it_covers() -> None:
    total = a_playbook("total", Vector.TOTAL_TRAFFIC, steps=[Step(action=Blackhole(), ttl_s=120)])
    decision = report(a_group(vector=Vector.TOTAL_TRAFFIC), a_mitigation(), rules=some_rules(total))
    assert isinstance(decision.plan, Create)
    assert [each.mitigation_id for each in decision.shadowed] == ["mitigation-1"]


def test_a_match_held_by_people_is_not_taken_from_them() -> None:
    held = live_on(4000, 5000, mitigation_id="theirs", pinned=True)
    mine = live_on(4000, mitigation_id="mine", at_us=NOW_US - SECOND)
    decision = report(a_group(on_ports(4000, 5000)), mine, held, at_s=10)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.mitigation_id == "theirs"


def test_w28_rules_of_other_pops_are_not_ours() -> None:
    elsewhere = a_mitigation(pop="fra2")
    decision = report(a_group(), elsewhere)
    assert isinstance(decision.plan, Create)


def test_a_pending_row_is_not_extended() -> None:
    pending = replace(a_mitigation(), status=Status.PENDING)  # of an older release
    assert isinstance(report(a_group(), pending).plan, Create)


# extension


def test_w12_an_extension_lasts_as_long_as_the_step_that_was_taken() -> None:
    group, mitigation = an_escalating_case(100)
    escalated = report(group, mitigation, at_s=100)
    assert isinstance(escalated.plan, Escalate)
    plan = escalated.plan
    discard = legal(
        escalate(mitigation, plan.rule, plan.step, plan.expires_at_us, NOW_US + 100 * SECOND)
    )
    group = fired_again(escalated.group, 200)
    decision = report(group, discard, at_s=200)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.expires_at_us == NOW_US + 500 * SECOND


def test_w11_an_extension_asks_the_safelist_again() -> None:
    group, mitigation = an_escalating_case(10)
    decision = report(group, mitigation, at_s=10, safelist=a_safelist("192.0.2.53"))
    assert isinstance(decision.plan, Refuse)
    assert decision.codes == ("safelisted",)


def test_w11_an_extension_ends_at_the_longest_life() -> None:
    rules = some_rules(a_playbook(steps=[a_police_step()]), limits=Limits(max_lifetime_s=150))
    group, mitigation = an_escalating_case(60)
    decision = report(group, mitigation, rules=rules, at_s=60)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.expires_at_us == mitigation.created_at_us + 150 * SECOND
    late = report(fired_again(group, 150), mitigation, rules=rules, at_s=150)
    assert isinstance(late.plan, Refuse)
    assert late.codes == ("max_lifetime",)


def test_an_extension_never_shortens() -> None:
    group, mitigation = an_escalating_case(10)
    long = replace(mitigation, expires_at_us=NOW_US + 9000 * SECOND)
    decision = report(group, long, at_s=10)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.expires_at_us == long.expires_at_us


def test_time_alone_keeps_nothing_alive() -> None:
    group, mitigation = an_escalating_case(10)
    decision = look(group, mitigation, at_s=60)
    assert isinstance(decision.plan, Nothing)
    assert decision.codes == ("unchanged",)


def test_w34_doubt_about_live_rules_makes_nothing_new() -> None:
    decision = decide(
        a_group(), replace(some_facts(), mitigations=None), RULES, NOW_US, A_SIGNAL_ARRIVED
    )
    assert isinstance(decision.plan, Hold)
    assert decision.codes == ("mitigations_unknown",)


# held


@pytest.mark.parametrize(
    ("facts", "reason", "code"),
    [
        ({"safelist": a_safelist("192.0.2.0/24")}, HoldReason.SAFELIST, "safelisted"),
        ({"safelist": None}, HoldReason.SAFELIST, "safelist_unknown"),
        ({"counts": Counts(customer=5)}, HoldReason.QUOTA, "quota_customer"),
        ({"counts": Counts(new_last_minute=30)}, HoldReason.QUOTA, "quota_new_per_minute"),
    ],
)
def test_s11_what_is_refused_is_held_with_its_reason(facts, reason, code) -> None:
    decision = report(a_group(), **facts)
    assert isinstance(decision.plan, Hold)
    assert decision.plan.reason is reason
    assert decision.codes == (code,)
    assert decision.group.state is GroupState.HELD
    assert decision.group.hold_reason is reason
    assert decision.outcome is Outcome.HELD


def test_s11_a_held_group_is_retried_by_time() -> None:
    held = report(a_group(), counts=Counts(customer=5)).group
    decision = look(held, at_s=30)
    assert isinstance(decision.plan, Create)
    assert decision.group.hold_reason is None


def test_w13_after_a_withdrawal_the_group_waits_for_the_quiet_period() -> None:
    group, mitigation = an_escalating_case(10)
    withdrawal = Withdrawal(
        victim=mitigation.victim,
        vector=mitigation.vector,
        scope_hash=mitigation.scope_hash,
        at_us=NOW_US,
    )
    held = report(group, at_s=10, withdrawals=(withdrawal,))
    assert isinstance(held.plan, Hold)
    assert held.codes == ("quiet_period",)
    assert held.next_look_us == NOW_US + 120 * SECOND
    again = look(held.group, at_s=120, withdrawals=(withdrawal,))
    assert isinstance(again.plan, Create)


def test_an_operator_may_have_to_approve() -> None:
    rules = some_rules(a_playbook(require_approval=True))
    held = report(a_group(), rules=rules)
    assert isinstance(held.plan, Hold)
    assert held.plan.reason is HoldReason.APPROVAL_REQUIRED
    approved = look(held.group, rules=rules, at_s=20, approved=True)
    assert isinstance(approved.plan, Create)


def test_a_group_that_keeps_a_rule_goes_on_keeping_it_when_a_second_is_refused() -> None:
    group = replace(a_group(on_ports(7000)), mitigation_ids=(MitigationId("mitigation-1"),))
    decision = report(group, live_on(4000), counts=Counts(customer=5))
    assert isinstance(decision.plan, Hold)
    assert decision.group.state is GroupState.MITIGATING


def test_w01_attack_on_the_service_with_discard_only_is_held() -> None:
    playbook = a_playbook(steps=[a_discard_step(confidence=None, persistence_s=None)])
    decision = report(a_group(on_ports(53)), rules=some_rules(playbook))
    assert isinstance(decision.plan, Hold)
    assert decision.codes == ("service_ports_only",)


def test_a_refusal_before_agreement_is_nobodys_concern_yet() -> None:
    playbook = a_playbook(steps=[a_discard_step(confidence=None, persistence_s=None)])
    rules = some_rules(playbook, correlation=TWO_SOURCES)
    assert isinstance(report(a_group(on_ports(53)), rules=rules).plan, Wait)


# the end


def cleared_by_all(group: Group, at_s: int) -> Group:
    return replace(
        group,
        state=GroupState.CLEARING,
        clearing_since_us=NOW_US + at_s * SECOND,
        evidence=tuple(replace(item, state=EvidenceState.CLEARED) for item in group.evidence),
    )


def test_a_hold_runs_before_anything_is_withdrawn() -> None:
    group, mitigation = an_escalating_case(10)
    clearing = cleared_by_all(group, 20)
    during = look(clearing, mitigation, at_s=79)
    assert isinstance(during.plan, Nothing)
    assert during.outcome is Outcome.CLEARING
    assert during.next_look_us == NOW_US + 80 * SECOND
    over = look(clearing, mitigation, at_s=80)
    assert isinstance(over.plan, Clear)
    assert over.plan.mitigation_ids == ("mitigation-1",)
    assert over.group.state is GroupState.CLOSED
    assert over.group.close_reason is CloseReason.ENDED


def test_w36_what_another_group_still_needs_is_not_withdrawn() -> None:
    group, mitigation = an_escalating_case(10)
    over = look(
        cleared_by_all(group, 20),
        mitigation,
        at_s=80,
        shared=frozenset({mitigation.mitigation_id}),
    )
    assert isinstance(over.plan, Nothing)
    assert over.codes == ("ended",)


def test_w36_clears_leave_what_people_made() -> None:
    group, mitigation = an_escalating_case(10)
    theirs = replace(mitigation, origin=Origin.MANUAL)
    assert isinstance(look(cleared_by_all(group, 20), theirs, at_s=80).plan, Nothing)
    pinned = replace(mitigation, pinned=True)
    assert isinstance(look(cleared_by_all(group, 20), pinned, at_s=80).plan, Nothing)


def test_a_group_whose_rules_ended_makes_another_only_on_a_report() -> None:
    group, _ = an_escalating_case(200)
    by_time = look(group, at_s=210)
    assert isinstance(by_time.plan, Nothing)
    assert by_time.codes == ("not_reported_since",)
    assert by_time.next_look_us == group.expires_at_us
    assert isinstance(report(group, at_s=210).plan, Create)


def test_a_group_with_nothing_in_force_ends_with_its_window() -> None:
    group, _ = an_escalating_case(200)
    decision = look(group, at_s=500)
    assert isinstance(decision.plan, Nothing)
    assert decision.codes == ("ended",)
    assert decision.group.state is GroupState.CLOSED


def test_w42_a_window_that_passed_is_over_without_any_sweep() -> None:
    rules = some_rules(correlation=TWO_SOURCES)
    decision = look(a_group(), rules=rules, at_s=300)
    assert isinstance(decision.plan, Nothing)
    assert decision.group.close_reason is CloseReason.TIMEOUT
    assert decision.next_look_us is None


def test_a_closed_group_stays_closed() -> None:
    closed = a_group(state=GroupState.CLOSED, close_reason=CloseReason.ENDED)
    decision = report(closed)
    assert isinstance(decision.plan, Nothing)
    assert decision.group is closed


def test_a_playbook_by_service_answers_only_for_it() -> None:
    web = a_service(service_id="svc_web", assets=())
    rules = some_rules(
        a_playbook(match=PlaybookMatch(service_ids=("svc_web",))),
        inventory=an_inventory(a_customer(services=(a_service(), web))),
    )
    assert isinstance(report(a_group(), rules=rules).plan, Hold)


# what becomes of a signal


def test_w37_every_plan_has_a_word_that_is_stored_with_the_signal() -> None:
    group, mitigation = an_escalating_case(30)
    decisions = {
        Outcome.MITIGATED: report(a_group()),
        Outcome.EXTENDED: report(group, mitigation, at_s=30),
        Outcome.ESCALATED: look(group, mitigation, at_s=90),
        Outcome.WAITING: report(a_group(), rules=some_rules(correlation=TWO_SOURCES)),
        Outcome.HELD: report(a_group(), counts=Counts(customer=5)),
        Outcome.IGNORED: report(a_group(victim="203.0.113.9")),
        Outcome.CLEARING: look(cleared_by_all(group, 20), mitigation, at_s=30),
        Outcome.CLEARED: look(cleared_by_all(group, 20), mitigation, at_s=80),
    }
    assert {word: decision.outcome for word, decision in decisions.items()} == {
        word: word for word in decisions
    }


def test_w50_a_group_says_itself_when_it_wants_to_be_looked_at() -> None:
    """So nothing has to sweep over all of them."""
    group, mitigation = an_escalating_case(30)
    waiting = report(a_group(), rules=some_rules(correlation=TWO_SOURCES))
    assert waiting.next_look_us == NOW_US + 300 * SECOND
    assert report(group, mitigation, at_s=30).next_look_us == NOW_US + 90 * SECOND
    assert look(cleared_by_all(group, 20), mitigation, at_s=30).next_look_us == (
        NOW_US + 80 * SECOND
    )
