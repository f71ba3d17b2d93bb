"""Decisions a second: a typical event against 10,000 customers and 500 live mitigations.

    python bench/bench_decide.py [--json]

Three cases: a new mitigation, a report that extends one, and a source still waiting for another.
Each is a full decision (ownership, playbook, agreement, comparison with what lives, guardrails); a
fourth line adds writing the record. The ratio is to a fixed loop of plain Python measured in the
same run, because machines and minutes differ and the ratio travels better than the rate.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.decide import decide
from prefixd.decision.decision import Create, Decision, Extend, Trigger, TriggerKind, Wait
from prefixd.decision.explain import record_text
from prefixd.decision.rules import Rules
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.inventory import Asset, Customer, Inventory, Service, build_inventory
from prefixd.domain.mitigation import Mitigation, activate, open_mitigation
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
TARGET_PER_S = 20_000
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
    opened = open_mitigation(
        decision.plan.draft,
        MitigationId(f"mitigation-{of.group_id}"),
        SignalId("signal"),
        NOW_US,
        of.group_id,
    )
    active = activate(opened, NOW_US)
    assert isinstance(active, Mitigation)
    return active


def per_second(run: Callable[[int], object], rounds: int) -> float:
    """The best of five, so that a neighbour's burst does not become our figure."""
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        for number in range(rounds):
            run(number)
        best = max(best, rounds / (time.perf_counter() - started))
    return best


def reference(number: int) -> int:
    """The fixed loop: dictionary, tuple and integer work of about one decision."""
    table: dict[tuple[int, int], int] = {}
    for step in range(100):
        key = (number & 7, step & 15)
        table[key] = table.get(key, 0) + step * number % 7
    return sum(table.values())


def measure() -> dict[str, float]:
    rules = Rules(
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
    empty = Facts(safelist=safelist, counts=Counts(customer=1, pop=LIVE, everywhere=LIVE))
    agreeing = [group(number, "flowmon-a", "akvorado") for number in range(LIVE)]
    alone = [group(number, "flowmon-a") for number in range(LIVE)]
    live = [replace(empty, mitigations=(mitigation(each, empty, rules),)) for each in agreeing]
    gc.collect()
    gc.freeze()

    def new(number: int) -> Decision:
        return decide(agreeing[number % LIVE], empty, rules, NOW_US, SIGNAL)

    def extend(number: int) -> Decision:
        at = number % LIVE
        return decide(agreeing[at], live[at], rules, NOW_US + 60_000_000, SIGNAL)

    def wait(number: int) -> Decision:
        return decide(alone[number % LIVE], empty, rules, NOW_US, SIGNAL)

    def recorded(number: int) -> str:
        return record_text(new(number))

    assert isinstance(new(0).plan, Create)
    assert isinstance(extend(0).plan, Extend)
    assert isinstance(wait(0).plan, Wait)
    rounds = 4000
    unit = per_second(reference, rounds)
    figures = {"reference_per_s": round(unit)}
    for name, run in (
        ("new", new),
        ("extend", extend),
        ("wait", wait),
        ("new_with_record", recorded),
    ):
        rate = per_second(run, rounds)
        figures[f"{name}_per_s"] = round(rate)
        figures[f"{name}_ratio"] = round(rate / unit, 3)
    victims = [each.victim for each in agreeing]
    lookups = per_second(lambda number: rules.inventory.find(victims[number % LIVE]), 20_000)
    figures["lookup_us"] = round(1_000_000 / lookups, 2)
    figures["inventory_prefixes"] = rules.inventory.prefix_count
    return figures


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="decisions per second")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    figures = measure()
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, figure in figures.items():
        print(f"{name:24} {figure:>12,}")
    verdict = "reached" if figures["new_per_s"] >= TARGET_PER_S else "MISSED"
    print(f"target of {TARGET_PER_S:,} new decisions a second: {verdict}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
