"""Rules asked for by hand meet the same guardrails as those made by detectors."""

from dataclasses import replace
from typing import Any

import pytest

from prefixd.decision.decision import Create, Extend, Refuse, Revise
from prefixd.decision.manual import (
    ManualDecision,
    ManualRequest,
    decide_manual,
    recheck_extension,
    sweep,
)
from prefixd.domain.mitigation import Origin
from prefixd.domain.rule import Blackhole, Discard, Mark, Match, Police, Redirect, port_ranges
from prefixd.guardrails.facts import Counts
from prefixd.guardrails.limits import Limits
from prefixd.guardrails.protection import session_flows
from tests.kit.builders import (
    NOW_US,
    SECOND,
    a_mitigation,
    a_prefix,
    a_rule,
    a_safelist,
    an_address,
    some_facts,
    some_rules,
)

RULES = some_rules()


def a_request(**changes: Any) -> ManualRequest:
    match = changes.pop("match", a_rule(ports=(123,)).match)
    request = ManualRequest(
        victim=match.dst or a_prefix("192.0.2.53"),
        match=match,
        action=Police(5_000_000),
        ttl_s=300,
        reason="noc ticket 7781",
    )
    return replace(request, **changes)


def asked(
    request: ManualRequest, *mitigations: Any, rules: Any = RULES, **facts: Any
) -> ManualDecision:
    return decide_manual(request, "alice", some_facts(*mitigations, **facts), rules, NOW_US)


def codes(decision: ManualDecision) -> list[str]:
    assert isinstance(decision.plan, Refuse), decision.plan
    return [refusal.code for refusal in decision.plan.refusals]


def test_a_request_becomes_a_draft() -> None:
    decision = asked(a_request(pinned=True))
    assert isinstance(decision.plan, Create)
    draft = decision.plan.draft
    assert (draft.origin, draft.created_by, draft.reason) == (
        Origin.MANUAL,
        "alice",
        "noc ticket 7781",
    )
    assert draft.customer_id == "cust_example"
    assert draft.pinned
    assert draft.ttl_s == 300
    assert decision.notes == ()


@pytest.mark.parametrize(("ttl_s", "bounded"), [(5, 30), (30, 30), (9000, 1800)])
def test_a_ttl_is_brought_inside_the_bounds_and_the_caller_is_told(
    ttl_s: int, bounded: int
) -> None:
    decision = asked(a_request(ttl_s=ttl_s))
    assert decision.ttl_s == bounded
    assert bool(decision.notes) is (ttl_s != bounded)


def test_no_ttl_is_not_a_short_one() -> None:
    assert codes(asked(a_request(ttl_s=0))) == ["ttl_required"]


def test_an_address_nobody_owns_is_allowed_with_a_note() -> None:
    decision = asked(a_request(match=a_rule("203.0.113.9").match))
    assert isinstance(decision.plan, Create)
    assert decision.plan.draft.customer_id is None
    assert decision.notes == ("203.0.113.9 belongs to no customer in the inventory",)


def test_w21_a_scope_in_force_is_extended_not_doubled() -> None:
    live = a_mitigation(a_rule(ports=(123,), action=Police(5_000_000)))
    decision = asked(a_request(), live)
    assert isinstance(decision.plan, Extend)
    assert decision.plan.expires_at_us == NOW_US + 300 * SECOND


def test_w21_another_action_for_a_scope_in_force_changes_it() -> None:
    live = a_mitigation(a_rule(ports=(123,)))
    decision = asked(a_request(action=Discard()), live)
    assert isinstance(decision.plan, Revise)
    assert decision.plan.rule.action == Discard()
    assert decision.plan.mitigation_id == live.mitigation_id


def test_a_scope_of_another_pop_is_not_in_the_way() -> None:
    elsewhere = a_mitigation(a_rule(ports=(123,)), pop="fra2")
    assert isinstance(asked(a_request(), elsewhere).plan, Create)


@pytest.mark.parametrize(
    ("changes", "facts", "code"),
    [
        ({}, {"safelist": a_safelist("192.0.2.0/24")}, "safelisted"),
        ({}, {"safelist": None}, "safelist_unknown"),
        ({}, {"counts": Counts(customer=5)}, "quota_customer"),
        ({"action": Police(999)}, {}, "rate_too_low"),
        ({"action": Mark(64)}, {}, "bad_action"),
        ({"action": Redirect()}, {}, "bad_action"),
        ({"action": Blackhole()}, {}, "blackhole_not_host"),
        ({"match": a_rule("192.0.2.0/24").match}, {}, "prefix_length"),
        ({"match": a_rule(protocol=1, ports=(53,)).match}, {}, "ports_without_protocol"),
        ({"match": Match(dst=None, protocol=17)}, {}, "no_destination"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], facts: dict[str, Any], code: str) -> None:
    assert codes(asked(a_request(**changes), **facts)) == [code]


def test_a_blackhole_by_hand() -> None:
    decision = asked(a_request(match=Match(dst=a_prefix("192.0.2.9")), action=Blackhole()))
    assert isinstance(decision.plan, Create)


def test_doubt_about_live_rules_refuses() -> None:
    decision = asked(a_request(), mitigations=None)
    assert codes(decision) == ["mitigations_unknown"]


def test_nobody_filters_our_own_sessions_by_hand() -> None:
    flows = session_flows("edge1", an_address("192.0.2.1"), an_address("192.0.2.2"))
    rules = some_rules(limits=Limits(protected_flows=flows))
    bgp = Match(dst=a_prefix("192.0.2.1"), protocol=6, dst_ports=port_ranges([179]))
    assert codes(asked(a_request(match=bgp), rules=rules)) == ["protected_flow"]


def test_extensions_by_hand_are_checked_again() -> None:
    live = a_mitigation()
    extended = recheck_extension(live, 600, some_facts(live), RULES, NOW_US)
    assert isinstance(extended, Extend)
    assert extended.expires_at_us == NOW_US + 600 * SECOND
    refused = recheck_extension(
        live, 600, some_facts(live, safelist=a_safelist("192.0.2.53")), RULES, NOW_US
    )
    assert isinstance(refused, Refuse)
    assert refused.refusals[0].code == "safelisted"


def test_w11_a_new_safelist_entry_takes_back_what_it_covers() -> None:
    covered = a_mitigation()
    other = a_mitigation(a_rule("192.0.2.99"), mitigation_id="mitigation-2")
    facts = some_facts(safelist=a_safelist("192.0.2.53"), counts=Counts(customer=99))
    gone = sweep([covered, other], facts, RULES, NOW_US)
    assert [(each.mitigation_id, each.sentence) for each in gone] == [
        ("mitigation-1", "192.0.2.53 is safelisted by 192.0.2.53/32")
    ]


def test_an_unreadable_safelist_takes_nothing_back() -> None:
    assert sweep([a_mitigation()], some_facts(safelist=None), RULES, NOW_US) == ()
