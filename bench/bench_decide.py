"""Decisions a second: a typical event against 10,000 customers and 500 live mitigations.

`make bench` runs it. Each case is a full decision: ownership, playbook, agreement, comparison with
what lives, guardrails. Time is processor time, so a busy machine does not change the figures much;
`ratio` is (time of one decision) / (time of one turn of a fixed loop of plain Python timed in the
same run), which survives a change of machine.
"""

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.decide import decide
from prefixd.decision.decision import Create, Extend, Trigger, TriggerKind, Wait
from prefixd.decision.explain import record_text
from prefixd.decision.inputs import Rules
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.inventory import Asset, Customer, Inventory, Service, build_inventory
from prefixd.domain.mitigation import Mitigation, open_mitigation
from prefixd.domain.prefix import V4, Address, Prefix
from prefixd.domain.rule import Discard, Police
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.domain.vector import Vector
from prefixd.guardrails.facts import Counts, Facts
from prefixd.guardrails.limits import Limits
from prefixd.policy.playbook import Playbook, PlaybookMatch, PolicySettings, Step

NOW_US = 1_767_225_600_000_000
CUSTOMERS = 10_000
LIVE = 500
POP = "ams1"
FIRST_NETWORK = 10 << 24
SIGNAL = Trigger(TriggerKind.SIGNAL, SignalId("signal"))


def inventory() -> Inventory:
    """Each customer: a /27, two services of two assets; 50,000 prefixes in all."""
    customers: list[Customer] = []
    for number in range(CUSTOMERS):
        network = FIRST_NETWORK + number * 32
        assets = [Asset(Address(V4, network + offset)) for offset in range(1, 5)]
        customers.append(
            Customer(
                customer_id=f"cust-{number}",
                name=f"Customer {number}",
                prefixes=(Prefix(V4, network, 27),),
                services=(
                    Service(
                        service_id="dns",
                        name="Resolver",
                        assets=tuple(assets[:2]),
                        allowed_udp=(53,),
                        allowed_tcp=(53,),
                    ),
                    Service(
                        service_id="web",
                        name="Web",
                        assets=tuple(assets[2:]),
                        allowed_tcp=(80, 443),
                    ),
                ),
            )
        )
    built = build_inventory(customers)
    assert isinstance(built, Inventory)
    return built


def playbooks() -> tuple[Playbook, ...]:
    return tuple(
        Playbook(
            name=vector,
            match=PlaybookMatch(vectors=(vector,)),
            steps=(
                Step(action=Police(10_000_000), ttl_s=300),
                Step(action=Discard(), ttl_s=600, require_confidence=0.8),
            ),
        )
        for vector in (Vector.SYN_FLOOD, Vector.ACK_FLOOD, Vector.ICMP_FLOOD, Vector.UDP_FLOOD)
    )


def group(number: int, *sources: str) -> Group:
    victim = Address(V4, FIRST_NETWORK + number * 32 + 1).host()
    return Group(
        group_id=GroupId(f"group-{number}"),
        pop=POP,
        victim=victim,
        key=Vector.UDP_FLOOD,
        vector=Vector.UDP_FLOOD,
        state=GroupState.OPEN,
        created_at_us=NOW_US,
        last_primary_at_us=NOW_US,
        expires_at_us=NOW_US + 300_000_000,
        evidence=tuple(
            Evidence(
                signal_id=SignalId(f"signal-{source}"),
                source=source,
                external_id="a",
                episode=1,
                role=EvidenceRole.PRIMARY,
                state=EvidenceState.FIRING,
                vector=Vector.UDP_FLOOD,
                confidence=0.9,
                weight=0.9,
                first_seen_us=NOW_US,
                last_seen_us=NOW_US,
                bps=4_000_000_000,
                pps=1_000_000,
                dst_ports=(53, 4000),
            )
            for source in sources
        ),
    )


def mitigation(of: Group, facts: Facts, rules: Rules) -> Mitigation:
    decision = decide(of, facts, rules, NOW_US, SIGNAL)
    assert isinstance(decision.plan, Create)
    return open_mitigation(
        decision.plan.draft,
        MitigationId(f"mitigation-{of.group_id}"),
        SignalId("signal"),
        NOW_US,
        of.group_id,
    )


def reference_loop() -> float:
    """Seconds one turn of the yardstick takes: dictionary, tuple and integer work."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for turn in range(1000):
            table: dict[tuple[int, int], int] = {}
            for step in range(100):
                key = (turn & 7, step & 15)
                table[key] = table.get(key, 0) + step * turn % 7
        best = min(best, (time.process_time() - start) / 1000)
    return best


class Bench:
    """What all cases share; built once."""

    def __init__(self) -> None:
        self.rules = Rules(
            pop=POP,
            policy=PolicySettings(playbooks=playbooks()),
            correlation=CorrelationSettings(enabled=True, min_sources=2, confidence_threshold=0.6),
            limits=Limits(
                max_active_per_pop=None, max_active_global=1000, max_announcements_per_peer=None
            ),
            inventory=inventory(),
            config_version=1,
        )
        safelist = Safelist(
            SafelistEntry(
                prefix=Prefix(V4, (172 << 24) + number * 256, 24 + number % 9),
                source=EntrySource.API,
                added_at_us=NOW_US,
                added_by="bench",
            )
            for number in range(100)
        )
        self.empty = Facts(safelist=safelist, counts=Counts(customer=1, pop=LIVE, everywhere=LIVE))
        self.agreeing = [group(number, "flowmon-a", "akvorado") for number in range(LIVE)]
        self.alone = [group(number, "flowmon-a") for number in range(LIVE)]
        self.live = [
            replace(self.empty, mitigations=(mitigation(each, self.empty, self.rules),))
            for each in self.agreeing
        ]


@pytest.fixture(scope="module")
def cases() -> Iterator[Bench]:
    built = Bench()
    gc.collect()
    gc.freeze()  # as the daemon does after loading
    yield built
    gc.unfreeze()


@pytest.fixture
def measure(benchmark: Any) -> Callable[[Callable[[], Any]], None]:
    def run(once: Callable[[], Any]) -> None:
        yardstick = reference_loop()
        benchmark.pedantic(once, rounds=9, warmup_rounds=1)
        each = benchmark.stats.stats.min / LIVE
        benchmark.extra_info["per_second"] = round(1 / each)
        benchmark.extra_info["ratio"] = round(each / yardstick, 2)
        print(
            f"\n  {benchmark.name}: {1 / each:,.0f} per second, {each * 1e6:.1f} us,"
            f" ratio {each / yardstick:.2f}"
        )

    return run


pytestmark = pytest.mark.benchmark(timer=time.process_time)


def test_a_new_mitigation(cases: Bench, measure: Any) -> None:
    def once() -> None:
        for each in cases.agreeing:
            decide(each, cases.empty, cases.rules, NOW_US, SIGNAL)

    assert isinstance(
        decide(cases.agreeing[0], cases.empty, cases.rules, NOW_US, SIGNAL).plan, Create
    )
    measure(once)


def test_a_report_that_extends(cases: Bench, measure: Any) -> None:
    at_us = NOW_US + 60_000_000

    def once() -> None:
        for each, facts in zip(cases.agreeing, cases.live, strict=True):
            decide(each, facts, cases.rules, at_us, SIGNAL)

    assert isinstance(
        decide(cases.agreeing[0], cases.live[0], cases.rules, at_us, SIGNAL).plan, Extend
    )
    measure(once)


def test_a_source_that_waits_for_another(cases: Bench, measure: Any) -> None:
    def once() -> None:
        for each in cases.alone:
            decide(each, cases.empty, cases.rules, NOW_US, SIGNAL)

    assert isinstance(decide(cases.alone[0], cases.empty, cases.rules, NOW_US, SIGNAL).plan, Wait)
    measure(once)


def test_the_record_of_a_decision(cases: Bench, measure: Any) -> None:
    decisions = [decide(each, cases.empty, cases.rules, NOW_US, SIGNAL) for each in cases.agreeing]

    def once() -> None:
        for decision in decisions:
            record_text(decision)

    measure(once)


def test_an_owner_is_found(cases: Bench, measure: Any) -> None:
    """50,000 prefixes and assets."""
    find, victims = cases.rules.inventory.find, [each.victim for each in cases.agreeing]
    assert cases.rules.inventory.prefix_count == 50_000

    def once() -> None:
        for victim in victims:
            find(victim)

    measure(once)
