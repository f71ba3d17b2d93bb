"""Every guardrail at its limit, one step beyond it, and in doubt."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from prefixd.domain.mitigation import Origin
from prefixd.domain.rule import (
    Blackhole,
    Discard,
    Fragment,
    Match,
    Police,
    Rule,
    TcpFlags,
    port_ranges,
    scope_hash,
)
from prefixd.domain.vector import Vector
from prefixd.guardrails.checks import CHECKS, inspect
from prefixd.guardrails.facts import Counts, Facts, Proposal, Purpose, Refusal, Withdrawal
from prefixd.guardrails.limits import Limits, ProtectedFlow, problems
from prefixd.guardrails.protection import session_flows
from tests.kit.builders import NOW_US, SECOND, a_prefix, a_rule, a_safelist, an_address

RULE = a_rule()
LIMITS = Limits()
FACTS = Facts()


def a_proposal(rule: Rule = RULE, **changes: Any) -> Proposal:
    proposal = Proposal(
        purpose=Purpose.CREATE,
        rule=rule,
        victim=rule.match.dst or a_prefix(),
        vector=Vector.UDP_FLOOD,
        customer_id="cust_example",
        ttl_s=120,
        now_us=NOW_US,
        created_at_us=NOW_US,
        origin=Origin.DETECTOR,
    )
    return structs.replace(proposal, **changes)


def codes(
    proposal: Proposal | None = None, facts: Facts = FACTS, limits: Limits = LIMITS
) -> list[str]:
    return [refusal.code for refusal in inspect(proposal or a_proposal(), facts, limits)]


def with_match(**changes: Any) -> Rule:
    return structs.replace(RULE, match=structs.replace(RULE.match, **changes))


def test_an_ordinary_rule_passes() -> None:
    assert codes() == []


def test_safelisted_victims() -> None:
    refusals = inspect(
        a_proposal(),
        structs.replace(FACTS, safelist=a_safelist("192.0.2.0/28", "192.0.2.53")),
        LIMITS,
    )
    assert refusals == (
        Refusal(
            "safelisted", "192.0.2.53 is safelisted by 192.0.2.53/32", "192.0.2.53/32", "192.0.2.53"
        ),
    )


def test_a_wide_rule_around_a_safelisted_host_is_refused() -> None:
    limits = replace(LIMITS, dst_prefix_min_length_v4=24)
    wide = a_proposal(a_rule("192.0.2.0/24"), own_space=256)
    assert codes(wide, structs.replace(FACTS, safelist=a_safelist("192.0.2.7")), limits) == [
        "safelisted"
    ]


@pytest.mark.parametrize("purpose", Purpose)
def test_w11_the_safelist_is_looked_at_for_every_purpose(purpose: Purpose) -> None:
    facts = structs.replace(FACTS, safelist=a_safelist("192.0.2.53"))
    assert codes(a_proposal(purpose=purpose), facts) == ["safelisted"]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(safelist=None), "safelist_unknown"),
        (Facts(withdrawals=None), "withdrawals_unknown"),
        (Facts(counts=Counts(customer=None)), "quota_unknown"),
        (Facts(counts=Counts(pop=None)), "quota_unknown"),
        (Facts(counts=Counts(everywhere=None)), "quota_unknown"),
        (Facts(counts=Counts(new_last_minute=None)), "quota_unknown"),
        (Facts(counts=Counts(fullest_peer=None)), "quota_unknown"),
    ],
)
def test_w34_doubt_refuses(facts: Facts, code: str) -> None:
    assert codes(facts=facts) == [code]


@pytest.mark.parametrize(
    ("ttl_s", "found"),
    [
        (30, []),
        (1800, []),
        (29, ["ttl_out_of_bounds"]),
        (1801, ["ttl_out_of_bounds"]),
        (0, ["ttl_required"]),
        (-5, ["ttl_required"]),
    ],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_ttl_bounds(ttl_s: int, found: list[str], purpose: Purpose) -> None:
    assert codes(a_proposal(ttl_s=ttl_s, purpose=purpose)) == found


def test_without_a_required_ttl_zero_is_still_no_ttl() -> None:
    limits = replace(LIMITS, require_ttl=False)
    assert codes(a_proposal(ttl_s=0), limits=limits) == ["ttl_out_of_bounds"]


@pytest.mark.parametrize(
    ("dst", "found"),
    [
        ("192.0.2.53/32", []),
        ("192.0.2.52/31", ["prefix_length"]),
        ("2001:db8::1/128", []),
        ("2001:db8::/127", ["prefix_length"]),
    ],
)
def test_w06_prefix_lengths_by_family(dst: str, found: list[str]) -> None:
    assert codes(a_proposal(a_rule(dst))) == found


def test_prefix_lengths_have_two_ends() -> None:
    limits = replace(LIMITS, dst_prefix_min_length_v4=24, dst_prefix_max_length_v4=28)
    assert codes(a_proposal(a_rule("192.0.2.0/24")), limits=limits) == []
    assert codes(a_proposal(a_rule("192.0.0.0/23")), limits=limits) == ["prefix_length"]
    assert codes(a_proposal(a_rule("192.0.2.1/32")), limits=limits) == ["prefix_length"]


def test_ranges_count_as_one_port_each() -> None:
    limits = replace(LIMITS, max_ports=2)
    assert codes(a_proposal(a_rule(ports=range(1000, 2000))), limits=limits) == []
    assert codes(a_proposal(a_rule(ports=(1, 3))), limits=limits) == []
    assert codes(a_proposal(a_rule(ports=(1, 3, 5))), limits=limits) == ["too_many_ports"]
    many_sources = with_match(src_ports=port_ranges((1, 3, 5)))
    assert codes(a_proposal(many_sources), limits=limits) == ["too_many_ports"]


@pytest.mark.parametrize(
    ("rate_bps", "found"), [(1000, []), (999, ["rate_too_low"]), (0, ["rate_too_low"])]
)
def test_w10_police_needs_a_real_rate(rate_bps: int, found: list[str]) -> None:
    assert codes(a_proposal(a_rule(action=Police(rate_bps)))) == found


@pytest.mark.parametrize(
    ("change", "key", "code"),
    [
        ({"tcp_flags": TcpFlags(2, 2)}, "allow_tcp_flags_match", "tcp_flags_not_allowed"),
        ({"fragments": (Fragment.IS_FRAGMENT,)}, "allow_fragment_match", "fragment_not_allowed"),
        (
            {"packet_lengths": port_ranges([100])},
            "allow_packet_length_match",
            "packet_length_not_allowed",
        ),
        (
            {"src": a_prefix("198.51.100.1")},
            "allow_src_prefix_match",
            "src_prefix_not_allowed",
        ),
    ],
)
def test_matches_that_need_permission(change: dict[str, Any], key: str, code: str) -> None:
    proposal = a_proposal(with_match(**change))
    assert codes(proposal) == [code]
    assert codes(proposal, limits=replace(LIMITS, **{key: True})) == []


def test_a_rule_needs_a_destination() -> None:
    everybody = a_proposal(Rule(Match(dst=None, protocol=17), Discard()))
    assert "no_destination" in codes(everybody)
    from_one = a_proposal(Rule(Match(dst=None, src=a_prefix("198.51.100.1")), Discard()))
    assert codes(from_one) == ["no_destination", "src_prefix_not_allowed"]
    assert codes(from_one, limits=replace(LIMITS, allow_src_prefix_match=True)) == []


def test_ownership_binds_detectors_and_not_people() -> None:
    assert codes(a_proposal(customer_id=None)) == ["not_owned"]
    assert codes(a_proposal(customer_id=None, origin=Origin.MANUAL)) == []
    assert codes(a_proposal(customer_id=None), limits=replace(LIMITS, require_owned=False)) == []


@pytest.mark.parametrize(
    ("counts", "code", "limit"),
    [
        (Counts(customer=5), "quota_customer", 5),
        (Counts(pop=200), "quota_pop", 200),
        (Counts(everywhere=500), "quota_global", 500),
    ],
)
def test_quotas_are_full_at_their_number(counts: Counts, code: str, limit: int) -> None:
    facts = structs.replace(FACTS, counts=counts)
    (refusal,) = inspect(a_proposal(), facts, LIMITS)
    assert (refusal.code, refusal.limit, refusal.value) == (code, str(limit), str(limit))
    # one that lives already is among those counted, so it may stay
    assert codes(a_proposal(purpose=Purpose.EXTEND), facts) == []


def test_w11_extensions_stop_when_a_quota_was_lowered() -> None:
    facts = structs.replace(FACTS, counts=Counts(customer=6))
    assert codes(a_proposal(purpose=Purpose.EXTEND), facts) == ["quota_customer"]


def test_a_customers_own_quota_goes_before_the_general_one() -> None:
    facts = structs.replace(FACTS, counts=Counts(customer=5))
    assert codes(a_proposal(customer_max_active=6), facts) == []
    facts = structs.replace(FACTS, counts=Counts(customer=1))
    assert codes(a_proposal(customer_max_active=1), facts) == ["quota_customer"]


def test_w13_rates_and_peers_are_limited_too() -> None:
    facts = structs.replace(FACTS, counts=Counts(new_last_minute=30, fullest_peer=100))
    assert codes(facts=facts) == ["quota_new_per_minute", "quota_peer"]
    assert codes(a_proposal(purpose=Purpose.CHANGE), facts) == []
    below = structs.replace(FACTS, counts=Counts(new_last_minute=29, fullest_peer=99))
    assert codes(facts=below) == []


def test_a_quota_that_is_off_asks_nothing() -> None:
    limits = replace(
        LIMITS,
        max_active_per_customer=None,
        max_active_per_pop=None,
        max_active_global=None,
        max_new_per_minute=None,
        max_announcements_per_peer=None,
    )
    unknown = Counts(
        customer=None, pop=None, everywhere=None, new_last_minute=None, fullest_peer=None
    )
    assert codes(facts=structs.replace(FACTS, counts=unknown), limits=limits) == []


def a_withdrawal(**changes: Any) -> Withdrawal:
    withdrawal = Withdrawal(
        victim=a_prefix(),
        vector=Vector.UDP_FLOOD,
        scope_hash="0" * 32,
        at_us=NOW_US - 119 * SECOND,
    )
    return replace(withdrawal, **changes)


@pytest.mark.parametrize(
    ("withdrawal", "found"),
    [
        (a_withdrawal(), ["quiet_period"]),
        (a_withdrawal(at_us=NOW_US - 120 * SECOND), []),
        (a_withdrawal(vector=Vector.SYN_FLOOD), []),
        (a_withdrawal(victim=a_prefix("192.0.2.9")), []),
        (
            a_withdrawal(vector=Vector.SYN_FLOOD, scope_hash=scope_hash(RULE.match)),
            ["quiet_period"],
        ),
    ],
)
def test_w13_quiet_after_a_withdrawal(withdrawal: Withdrawal, found: list[str]) -> None:
    facts = structs.replace(FACTS, withdrawals=(withdrawal,))
    assert codes(facts=facts) == found
    assert codes(a_proposal(origin=Origin.MANUAL), facts) == []
    limits = replace(LIMITS, quiet_period_after_withdraw_s=0)
    assert codes(facts=facts, limits=limits) == []


def test_w11_nothing_lives_for_ever() -> None:
    born = a_proposal(purpose=Purpose.EXTEND, created_at_us=NOW_US - 86_400 * SECOND)
    assert codes(born) == ["max_lifetime"]
    assert codes(structs.replace(born, now_us=NOW_US - 1)) == []
    assert codes(born, limits=replace(LIMITS, max_lifetime_s=0)) == []


def test_a_blackhole_names_one_host_and_nothing_else() -> None:
    host = Rule(Match(dst=a_prefix()), Blackhole())
    assert codes(a_proposal(host)) == []
    assert codes(a_proposal(a_rule(action=Blackhole()))) == ["blackhole_not_host"]
    limits = replace(LIMITS, dst_prefix_min_length_v4=24)
    network = Rule(Match(dst=a_prefix("192.0.2.0/24")), Blackhole())
    assert "blackhole_not_host" in codes(a_proposal(network), limits=limits)


def test_dropping_a_large_part_of_ourselves_is_refused() -> None:
    limits = replace(LIMITS, dst_prefix_min_length_v4=16)
    network = a_rule("192.0.2.0/25", action=Discard())
    assert codes(a_proposal(network, own_space=1279), limits=limits) == ["discard_too_wide"]
    assert codes(a_proposal(network, own_space=1280), limits=limits) == []
    assert codes(a_proposal(a_rule("192.0.2.0/25"), own_space=0), limits=limits) == []
    assert codes(a_proposal(a_rule(action=Discard()), own_space=1), limits=limits) == []


PEER, OWN = "198.51.100.1", "203.0.113.5"
GUARDED = replace(
    LIMITS,
    protected_flows=(
        *session_flows("edge1", an_address(PEER), an_address(OWN)),
        ProtectedFlow(
            name="the management network 198.51.100.128/25", dst=a_prefix("198.51.100.128/25")
        ),
    ),
)


@pytest.mark.parametrize(
    ("rule", "flow"),
    [
        (a_rule(OWN, protocol=6, ports=(179,)), "the BGP session with edge1"),
        (a_rule(OWN, protocol=6, ports=(80,)), "the BGP session with edge1"),
        (a_rule(OWN, protocol=6), "the BGP session with edge1"),
        (a_rule(OWN, protocol=None), "the BGP session with edge1"),
        (a_rule(PEER, protocol=6, ports=(179,)), "the BGP session with edge1"),
        (a_rule(PEER, protocol=17, ports=(3784,)), "BFD with edge1"),
        (a_rule("198.51.100.200"), "the management network 198.51.100.128/25"),
    ],
)
@pytest.mark.parametrize("purpose", Purpose)
def test_a_rule_never_cuts_the_session_that_could_withdraw_it(
    rule: Rule, flow: str, purpose: Purpose
) -> None:
    (refusal,) = inspect(a_proposal(rule, purpose=purpose), FACTS, GUARDED)
    assert (refusal.code, refusal.limit) == ("protected_flow", flow)


@pytest.mark.parametrize(
    "rule",
    [
        a_rule("192.0.2.53", protocol=6, ports=(179,)),
        a_rule(PEER, protocol=17, ports=(53,)),
        a_rule(OWN, protocol=17, ports=(53,)),
        a_rule(PEER, protocol=1),
    ],
)
def test_other_traffic_is_not_protected(rule: Rule) -> None:
    assert codes(a_proposal(rule), limits=GUARDED) == []


def test_an_unknown_own_address_protects_the_peer_and_not_the_world() -> None:
    limits = replace(LIMITS, protected_flows=session_flows("edge1", an_address(PEER), None))
    assert codes(a_proposal(a_rule(PEER, protocol=6)), limits=limits) == ["protected_flow"]
    assert codes(a_proposal(a_rule("192.0.2.53", protocol=6)), limits=limits) == []


def test_ports_of_a_rule_and_of_a_flow_must_meet() -> None:
    ntp = ProtectedFlow(name="our NTP", protocol=17, src_ports=port_ranges([123]))
    limits = replace(LIMITS, protected_flows=(ntp,))
    assert codes(a_proposal(with_match(src_ports=port_ranges([53]))), limits=limits) == []
    amplified = a_proposal(with_match(src_ports=port_ranges([123])))
    assert codes(amplified, limits=limits) == ["protected_flow"]


def test_all_reasons_are_given_and_in_order() -> None:
    facts = structs.replace(
        FACTS, safelist=a_safelist("192.0.2.53"), counts=Counts(customer=9, pop=999)
    )
    assert codes(a_proposal(ttl_s=5), facts) == [
        "safelisted",
        "ttl_out_of_bounds",
        "quota_customer",
        "quota_pop",
    ]


def test_every_code_in_the_table_is_met_in_this_file() -> None:
    source = Path(__file__).read_text()
    for guardrail in CHECKS:
        for code in guardrail.codes:
            assert f'"{code}"' in source, code


def test_each_refusal_says_what_was_compared() -> None:
    facts = structs.replace(FACTS, counts=Counts(customer=7))
    (refusal,) = inspect(a_proposal(), facts, LIMITS)
    assert refusal.text == "customer cust_example has 7 live mitigations, the limit is 5"


def test_default_limits_do_not_contradict_each_other() -> None:
    assert problems(LIMITS) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"min_ttl_s": 2000}, "guardrails.min_ttl_seconds"),
        ({"dst_prefix_min_length_v4": 33}, "guardrails.dst_prefix_minlen"),
        ({"dst_prefix_max_length_v6": 129}, "guardrails.dst_prefix_maxlen_v6"),
        ({"max_ports": 0}, "guardrails.max_ports"),
        ({"max_active_per_customer": 0}, "quotas.max_active_per_customer"),
        ({"max_lifetime_s": 10}, "timers.max_lifetime_seconds"),
        ({"max_discard_share": 0.0}, "guardrails.max_discard_share"),
    ],
)
def test_contradicting_limits_are_found_at_load(changes: dict[str, Any], field: str) -> None:
    assert field in {problem.field for problem in problems(replace(LIMITS, **changes))}
