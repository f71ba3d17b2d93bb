"""What must hold for every input: guardrails, ports, owners, decisions."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from prefixd.correlation.settings import Combine, CorrelationSettings
from prefixd.decision.decide import decide
from prefixd.decision.decision import (
    Create,
    Decision,
    Escalate,
    Extend,
    Revise,
    Trigger,
    TriggerKind,
)
from prefixd.decision.explain import record_text
from prefixd.decision.inputs import Rules
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.inventory import Inventory, Owner, PolicyProfile
from prefixd.domain.mitigation import Mitigation, Origin
from prefixd.domain.prefix import V4, V6, Address, Prefix, netmask
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Match,
    Police,
    PortRange,
    Ports,
    Rule,
    drops_everything,
    merge_ranges,
    port_ranges,
    scope_hash,
)
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.domain.vector import Vector
from prefixd.guardrails.checks import inspect
from prefixd.guardrails.facts import Counts, Facts, Proposal, Purpose
from prefixd.guardrails.limits import Limits
from prefixd.policy.playbook import Playbook, PlaybookMatch, PolicySettings, PortMode, Step
from prefixd.policy.ports import (
    ALL_PORTS,
    ServicePortsOnly,
    choose_ports,
    intersect,
    subtract,
    union,
)
from prefixd.policy.relation import Relation, contains, hardness, relate
from tests.kit.builders import (
    A_SIGNAL_ARRIVED,
    NOW_US,
    POP,
    SECOND,
    a_customer,
    a_group,
    a_mitigation,
    a_service,
    an_address,
    an_evidence,
    an_inventory,
    some_rules,
)

QUICK = settings(max_examples=150, deadline=None)
SLOWER = settings(max_examples=100, deadline=None)

# few values and small, so that they meet often
small_ports = st.integers(0, 40)
port_sets = st.builds(port_ranges, st.lists(small_ports, max_size=6))
range_sets = st.builds(
    merge_ranges,
    st.lists(st.builds(lambda a, b: PortRange(min(a, b), max(a, b)), small_ports, small_ports)),
)


def as_set(ports: Ports) -> set[int]:
    return {port for low, high in ports for port in range(low, high + 1)}


@QUICK
@given(range_sets, range_sets)
def test_ranges_behave_like_sets(left: Ports, right: Ports) -> None:
    assert as_set(subtract(left, right)) == as_set(left) - as_set(right)
    assert as_set(intersect(left, right)) == as_set(left) & as_set(right)
    if left and right:
        assert as_set(union(left, right)) == as_set(left) | as_set(right)
    for result in (subtract(left, right), intersect(left, right)):
        assert merge_ranges(result) == tuple(sorted(result)) or as_set(result)


@QUICK
@given(port_sets, port_sets, st.booleans(), st.sampled_from(PortMode))
def test_w01_ports_are_never_widened(
    observed: Ports, allowed: Ports, drops: bool, mode: PortMode
) -> None:
    chosen = choose_ports(observed, allowed, drops=drops, mode=mode)
    if isinstance(chosen, ServicePortsOnly):
        return
    matched = as_set(chosen or ALL_PORTS)
    if observed:
        assert matched <= as_set(observed)
    if mode is PortMode.PROTECT_ALLOWED and drops:
        assert not matched & as_set(allowed)
    if not chosen:
        # every port, and only where nothing narrower is known or nobody is hurt by it
        assert not observed
        assert not allowed or not drops


addresses = st.one_of(
    st.builds(Address, st.just(V4), st.integers(0, 2**32 - 1)),
    st.builds(Address, st.just(V6), st.integers(0, 2**128 - 1)),
)


@QUICK
@given(addresses)
def test_w07_text_and_address_are_one_to_one(address: Address) -> None:
    parsed = Address.parse(str(address))
    mapped = address.version == V6 and address.value >> 32 == 0xFFFF
    assert parsed == (Address(V4, address.value & 0xFFFFFFFF) if mapped else address)


# a corner of the address space, so that prefixes nest and touch
@st.composite
def near_prefixes(draw: st.DrawFn) -> Prefix:
    length = draw(st.integers(24, 32))
    value = (192 << 24) + draw(st.integers(0, 1023))
    return Prefix(V4, value & netmask(V4, length), length)


@SLOWER
@given(st.lists(near_prefixes(), max_size=12, unique=True), st.lists(near_prefixes(), min_size=1))
def test_w05_longest_match_is_what_a_scan_would_find(
    listed: list[Prefix], victims: list[Prefix]
) -> None:
    customer = a_customer(prefixes=(), services=())
    owners = {prefix: Owner(customer=customer, prefix=prefix) for prefix in listed}
    inventory = Inventory((), owners)
    for victim in victims:
        scan = max(
            (prefix for prefix in listed if prefix.covers(victim)),
            key=lambda prefix: prefix.length,
            default=None,
        )
        found = inventory.find(victim)
        assert (None if found is None else found.prefix) == scan
    covered = {value for prefix in listed for value in range(prefix.value, prefix.last_value + 1)}
    assert inventory.space(V4) == len(covered)


@SLOWER
@given(st.lists(near_prefixes(), max_size=8), near_prefixes())
def test_the_safelist_touches_exactly_what_overlaps(listed: list[Prefix], rule: Prefix) -> None:
    safelist = Safelist(
        SafelistEntry(prefix=prefix, source=EntrySource.API, added_at_us=0, added_by="a")
        for prefix in listed
    )
    found = safelist.touched_by(rule, NOW_US)
    touching = [prefix for prefix in listed if prefix.overlaps(rule)]
    assert (found is not None) == bool(touching)
    if found is not None:
        assert found.prefix in touching


matches = st.builds(
    Match,
    dst=st.one_of(st.none(), near_prefixes()),
    src=st.one_of(st.none(), near_prefixes()),
    protocol=st.sampled_from([None, 6, 17]),
    dst_ports=port_sets,
    src_ports=port_sets,
)


@QUICK
@given(matches, matches)
def test_relations_mirror_each_other(one: Match, other: Match) -> None:
    mirror = {Relation.SUPERSET: Relation.SUBSET, Relation.SUBSET: Relation.SUPERSET}
    relation = relate(one, other)
    assert relate(other, one) is mirror.get(relation, relation)
    assert (relation is Relation.EXACT) == (one == other)
    assert (scope_hash(one) == scope_hash(other)) == (one == other)


@QUICK
@given(matches, matches, matches)
def test_containing_is_transitive(one: Match, two: Match, three: Match) -> None:
    if contains(one, two) and contains(two, three):
        assert contains(one, three)


actions = st.one_of(
    st.just(Discard()), st.builds(Police, st.sampled_from([999, 1000, 10**6])), st.just(Blackhole())
)
# mostly allowed, sometimes at the limit, rarely beyond it or unknown
count = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 3, 4, 5, None])
counts = st.builds(
    Counts,
    customer=count,
    pop=count,
    everywhere=count,
    new_last_minute=count,
    fullest_peer=count,
)
hosts = st.builds(lambda last: Prefix(V4, (192 << 24) + last, 32), st.integers(0, 1023))
rule_matches = st.one_of(
    matches,
    st.builds(Match, dst=hosts),
    st.builds(
        Match,
        dst=st.one_of(hosts, near_prefixes()),
        protocol=st.sampled_from([6, 17]),
        dst_ports=port_sets,
    ),
)
TIGHT = Limits(
    max_ports=2,
    dst_prefix_min_length_v4=28,
    max_active_per_customer=4,
    max_active_per_pop=4,
    max_active_global=4,
    max_new_per_minute=4,
    max_announcements_per_peer=4,
)
SAFE = Safelist(
    [
        SafelistEntry(
            prefix=Prefix(V4, (192 << 24) + 256, 26),
            source=EntrySource.API,
            added_at_us=0,
            added_by="a",
        )
    ]
)


@settings(max_examples=600, deadline=None)
@given(
    rule_matches,
    actions,
    counts,
    st.sampled_from([30, 120, 1800, 1801, 29, 0, -5]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from(Purpose),
)
def test_guardrails_never_pass_what_a_limit_forbids(
    match: Match, action: Action, counted: Counts, ttl_s: int, known: bool, purpose: Purpose
) -> None:
    victim = match.dst or Prefix(V4, 192 << 24, 32)
    proposal = Proposal(
        purpose=purpose,
        rule=Rule(match, action),
        victim=victim,
        vector=Vector.UDP_FLOOD,
        customer_id="c",
        ttl_s=ttl_s,
        now_us=NOW_US,
        created_at_us=NOW_US - 10 * SECOND,
        origin=Origin.DETECTOR,
        own_space=1024,
    )
    facts = Facts(safelist=SAFE if known else None, counts=counted)
    if inspect(proposal, facts, TIGHT):
        return
    # it passed, so everything below must hold
    assert known
    assert 30 <= ttl_s <= 1800
    assert not SAFE.entries[0].prefix.overlaps(victim)
    running = (counted.customer, counted.pop, counted.everywhere)
    assert all(count is not None for count in running)
    if purpose is Purpose.CREATE:
        rates = (counted.new_last_minute, counted.fullest_peer)
        assert all(count is not None and count < 4 for count in (*running, *rates))
    else:
        assert all(count is not None and count <= 4 for count in running)
    if purpose is Purpose.EXTEND:
        return
    assert match.dst is not None
    assert match.dst.length >= 28
    assert match.src is None
    assert len(match.dst_ports) <= 2
    assert not isinstance(action, Police) or action.rate_bps >= 1000
    if isinstance(action, Blackhole):
        assert match == Match(dst=match.dst)
        assert match.dst.is_host


PRIMARY, FIRING = EvidenceRole.PRIMARY, EvidenceState.FIRING
OPEN, MITIGATING = GroupState.OPEN, GroupState.MITIGATING
EMPTY = Safelist()
VECTORS = (Vector.UDP_FLOOD, Vector.SYN_FLOOD, Vector.NTP_AMPLIFICATION, Vector.TOTAL_TRAFFIC)
HOSTS = tuple(an_address(f"192.0.2.{last}").host() for last in (53, 54))


@st.composite
def evidences(draw: st.DrawFn, source: str) -> Evidence:
    seen_us = NOW_US - draw(st.sampled_from([0, 0, 10, 250, 1200])) * SECOND
    return Evidence(
        signal_id=SignalId(f"signal-{source}"),
        source=source,
        external_id="1",
        episode=1,
        role=draw(st.sampled_from([PRIMARY, PRIMARY, PRIMARY, EvidenceRole.CORROBORATING])),
        state=draw(st.sampled_from([FIRING, FIRING, FIRING, FIRING, *EvidenceState])),
        vector=draw(st.sampled_from(VECTORS)),
        confidence=draw(st.sampled_from([None, 0.3, 0.8, 0.95, 1.0])),
        weight=draw(st.sampled_from([0.4, 1.0])),
        first_seen_us=seen_us,
        last_seen_us=seen_us,
        bps=draw(st.one_of(st.none(), st.integers(0, 10**12))),
        dst_ports=tuple(sorted(draw(st.sets(st.sampled_from([53, 80, 4000, 5000]))))),
        forced=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def groups(draw: st.DrawFn) -> Group:
    vector = draw(st.sampled_from([Vector.UDP_FLOOD, Vector.UDP_FLOOD, *VECTORS]))
    state = draw(st.sampled_from([OPEN] * 8 + [MITIGATING] * 12 + [*GroupState]))
    created_us = NOW_US - draw(st.sampled_from([0, 60, 100, 200])) * SECOND
    sources = draw(st.sampled_from(["a", "ab", "abc"]))
    return Group(
        group_id=GroupId("group-1"),
        pop=POP,
        victim=HOSTS[0],
        key=vector.value,
        vector=vector,
        state=state,
        created_at_us=created_us,
        last_primary_at_us=created_us,
        expires_at_us=created_us + 300 * SECOND,
        evidence=tuple(draw(evidences(source)) for source in sorted(sources)),
        met_at_us=draw(st.one_of(st.none(), st.just(created_us))),
        clearing_since_us=created_us if state is GroupState.CLEARING else None,
        mitigation_ids=draw(
            st.sampled_from([(), (MitigationId("m1"),), (MitigationId("m1"), MitigationId("m2"))])
        ),
    )


@st.composite
def live_mitigations(draw: st.DrawFn) -> tuple[Mitigation, ...]:
    made: dict[str, Mitigation] = {}
    for number in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        rule = Rule(
            Match(
                dst=draw(st.sampled_from([HOSTS[0], HOSTS[0], HOSTS[0], HOSTS[1]])),
                protocol=draw(st.sampled_from([17, 17, 17, 17, 6, None])),
                dst_ports=port_ranges(draw(st.sets(st.sampled_from([53, 80, 4000, 5000])))),
            ),
            draw(st.sampled_from([Police(10_000_000), Police(5_000_000), Discard()])),
        )
        mitigation = a_mitigation(
            rule,
            mitigation_id=f"m{number + 1}",
            at_us=NOW_US - draw(st.integers(0, 90)) * SECOND,
            playbook=draw(st.sampled_from(["one", "one", "two", None])),
            step=draw(st.sampled_from([0, 0, 1])),
            origin=draw(st.sampled_from([Origin.DETECTOR, Origin.DETECTOR, Origin.MANUAL])),
            pinned=draw(st.sampled_from([False, False, True])),
        )
        made.setdefault(mitigation.scope_hash, mitigation)
    return tuple(made.values())


steps = st.lists(
    st.builds(
        Step,
        action=st.sampled_from([Police(10_000_000), Police(1_000_000), Discard(), Blackhole()]),
        ttl_s=st.sampled_from([60, 120, 120, 5000]),
        require_persistence_s=st.sampled_from([None, 0, 60]),
        require_confidence=st.sampled_from([None, 0.0, 0.9]),
    ),
    min_size=1,
    max_size=3,
).map(tuple)


INVENTORIES = tuple(
    an_inventory(a_customer(profile=profile, services=services))
    for profile in (PolicyProfile.NORMAL, PolicyProfile.STRICT, PolicyProfile.RELAXED)
    for services in ((), (a_service(allowed_udp=(53,), allowed_tcp=(80,)),))
)


@st.composite
def bundles(draw: st.DrawFn) -> Rules:
    playbooks = tuple(
        Playbook(
            name=name,
            match=PlaybookMatch(vectors=vectors),
            steps=draw(steps),
            ports=draw(st.sampled_from(PortMode)),
        )
        for name, vectors in (("one", (Vector.UDP_FLOOD,)), ("two", ()))
    )
    return Rules(
        pop=POP,
        policy=PolicySettings(playbooks=playbooks),
        correlation=CorrelationSettings(
            enabled=draw(st.booleans()),
            combine=draw(st.sampled_from(Combine)),
            min_sources=draw(st.sampled_from([1, 1, 2])),
            half_life_s=draw(st.sampled_from([0, 300])),
        ),
        limits=replace(TIGHT, dst_prefix_min_length_v4=32, max_ports=3),
        inventory=draw(st.sampled_from(INVENTORIES)),
    )


facts_of = st.builds(
    Facts,
    mitigations=live_mitigations(),
    safelist=st.sampled_from([EMPTY, EMPTY, EMPTY, None]),
    counts=st.one_of(st.just(Counts()), counts),
)
triggers = st.builds(
    Trigger, st.sampled_from([TriggerKind.SIGNAL, TriggerKind.SIGNAL, *TriggerKind])
)


@settings(max_examples=120, deadline=None)
@given(groups(), facts_of, bundles(), triggers)
def test_every_decision_is_repeatable_and_keeps_its_promises(
    group: Group, facts: Facts, rules: Rules, trigger: Trigger
) -> None:
    decision = decide(group, facts, rules, NOW_US, trigger)
    again = decide(group, facts, rules, NOW_US, trigger)
    assert decision == again
    assert record_text(decision) == record_text(again)
    shuffled = structs.replace(facts, mitigations=tuple(reversed(facts.mitigations or ())))
    assert decide(group, shuffled, rules, NOW_US, trigger).plan == decision.plan
    keeps_its_promises(decision, facts)


@st.composite
def live_of_one_attack(draw: st.DrawFn) -> tuple[Mitigation, ...]:
    """Up to three rules for the attack below, by its playbook or another, some of them pinned."""
    made: dict[str, Mitigation] = {}
    for number in range(draw(st.integers(1, 3))):
        ports = draw(st.sets(st.sampled_from([4000, 5000, 6000])))
        action = draw(st.sampled_from([Police(10_000_000), Police(10_000_000), Discard()]))
        mitigation = a_mitigation(
            Rule(Match(dst=HOSTS[0], protocol=17, dst_ports=port_ranges(ports)), action),
            mitigation_id=f"m{number + 1}",
            at_us=NOW_US - draw(st.sampled_from([10, 100])) * SECOND,
            ttl_s=600,
            playbook=draw(st.sampled_from(["udp", "udp", "other"])),
            origin=draw(st.sampled_from([Origin.DETECTOR, Origin.DETECTOR, Origin.MANUAL])),
            pinned=draw(st.sampled_from([False, False, True])),
        )
        made.setdefault(mitigation.scope_hash, mitigation)
    return tuple(made.values())


BUSY_RULES = some_rules(limits=Limits(max_ports=2))


@settings(max_examples=300, deadline=None)
@given(live_of_one_attack(), st.sets(st.sampled_from([53, 4000, 5000, 6000])))
def test_w04_what_lives_is_changed_without_weakening_anything(
    live: tuple[Mitigation, ...], ports: set[int]
) -> None:
    group = a_group(an_evidence(dst_ports=tuple(sorted(ports))))
    facts = Facts(mitigations=live)
    decision = decide(group, facts, BUSY_RULES, NOW_US, A_SIGNAL_ARRIVED)
    keeps_its_promises(decision, facts)
    plan = decision.plan
    if isinstance(plan, Revise):
        before = next(each for each in live if each.mitigation_id == plan.mitigation_id)
        assert contains(plan.rule.match, before.rule.match)
        assert hardness(plan.rule.action) >= hardness(before.rule.action)
    if isinstance(plan, Extend):
        # whatever is only extended really has to do with the attack
        kept = next(each for each in live if each.mitigation_id == plan.mitigation_id)
        reported = as_set(port_ranges(ports) or ALL_PORTS)
        assert as_set(kept.rule.match.dst_ports or ALL_PORTS) & reported


def keeps_its_promises(decision: Decision, facts: Facts) -> None:
    live = {each.mitigation_id: each for each in facts.mitigations or ()}
    plan = decision.plan
    if isinstance(plan, Extend | Escalate | Revise):
        assert plan.expires_at_us >= live[plan.mitigation_id].expires_at_us
    if isinstance(plan, Escalate | Revise):
        changed = live[plan.mitigation_id]
        assert changed.origin is Origin.DETECTOR
        assert not changed.pinned
    if isinstance(plan, Create | Escalate | Revise):
        assert facts.safelist is not None
        assert decision.group.met
        rule = plan.draft.rule if isinstance(plan, Create) else plan.rule
        # whoever lives on may not hold the same match: a router keeps one rule per match
        gone = {each.mitigation_id for each in decision.shadowed}
        if not isinstance(plan, Create):
            gone.add(plan.mitigation_id)
        others = [each for key, each in live.items() if key not in gone]
        assert all(each.rule.match != rule.match for each in others)
        service = {53} if rule.match.protocol == 17 else {80}
        if drops_everything(rule.action) and not isinstance(rule.action, Blackhole):
            is_service = decision.owner is not None and decision.owner.service is not None
            matched = as_set(rule.match.dst_ports or ALL_PORTS)
            protects = decision.playbook is not None and (
                decision.playbook.ports is PortMode.PROTECT_ALLOWED
            )
            if is_service and protects and isinstance(plan, Create | Escalate):
                assert not matched & service
    for each in decision.shadowed:
        assert live[each.mitigation_id].origin is Origin.DETECTOR
        assert not live[each.mitigation_id].pinned
    if decision.next_look_us is not None and decision.group.is_live:
        assert decision.group.state is not GroupState.CLOSED
