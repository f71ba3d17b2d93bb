"""Values for tests: every builder gives something valid, and a test names only what it is about.

Addresses come from the documentation ranges (RFC 5737, RFC 3849), AS numbers from RFC 5398.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.decision import Decision, Trigger, TriggerKind
from prefixd.decision.inputs import Rules
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.inventory import (
    Asset,
    Customer,
    Inventory,
    PolicyProfile,
    Service,
    build_inventory,
)
from prefixd.domain.mitigation import (
    Draft,
    IllegalMove,
    Mitigation,
    Origin,
    open_mitigation,
)
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import Action, Discard, Match, Police, Rule, port_ranges
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.domain.signal import Signal, SignalKind
from prefixd.domain.vector import UDP, Vector
from prefixd.guardrails.facts import Facts
from prefixd.guardrails.limits import Limits
from prefixd.policy.playbook import Playbook, PlaybookMatch, PolicySettings, Step

NOW_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, where FakeClock starts
SECOND = 1_000_000
POP = "ams1"
VICTIM = "192.0.2.53"
SERVICE_PORTS = (53,)


def an_address(text: str = VICTIM) -> Address:
    address = Address.parse(text)
    assert address is not None, text
    return address


def a_prefix(text: str = VICTIM) -> Prefix:
    prefix = Prefix.parse(text)
    assert prefix is not None, text
    return prefix


def a_signal(**changes: Any) -> Signal:
    """A detector's report of a UDP flood on VICTIM, received at NOW_US."""
    signal = Signal(
        source="flowmon-a",
        adapter="native",
        external_id="det-42",
        kind=SignalKind.FIRING,
        victim=a_prefix(),
        vector=Vector.UDP_FLOOD,
        observed_at_us=NOW_US - SECOND,
        received_at_us=NOW_US,
        confidence=0.9,
        confidence_origin="given",
        bps=900_000_000,
        pps=210_000,
    )
    if isinstance(changes.get("victim"), str):
        changes["victim"] = a_prefix(changes["victim"])
    return structs.replace(signal, **changes)


def an_evidence(source: str = "flowmon-a", **changes: Any) -> Evidence:
    evidence = Evidence(
        signal_id=SignalId(f"signal-{source}"),
        source=source,
        external_id=f"{source}-1",
        episode=1,
        role=EvidenceRole.PRIMARY,
        state=EvidenceState.FIRING,
        vector=Vector.UDP_FLOOD,
        confidence=0.9,
        weight=1.0,
        first_seen_us=NOW_US,
        last_seen_us=NOW_US,
        bps=900_000_000,
        pps=210_000,
    )
    return structs.replace(evidence, **changes)


def a_group(
    *evidence: Evidence, victim: str = VICTIM, vector: Vector = Vector.UDP_FLOOD, **changes: Any
) -> Group:
    """An open group with one firing primary source, unless told otherwise."""
    group = Group(
        group_id=GroupId("group-1"),
        pop=POP,
        victim=a_prefix(victim),
        key=vector.value,
        vector=vector,
        state=GroupState.OPEN,
        created_at_us=NOW_US,
        last_primary_at_us=NOW_US,
        expires_at_us=NOW_US + 300 * SECOND,
        evidence=evidence or (an_evidence(vector=vector),),
    )
    return structs.replace(group, **changes)


def a_rule(
    dst: str = VICTIM,
    *,
    protocol: int | None = UDP,
    ports: Iterable[int] = (),
    action: Action | None = None,
) -> Rule:
    match = Match(dst=a_prefix(dst), protocol=protocol, dst_ports=port_ranges(ports))
    return Rule(match, action or Police(10_000_000))


def a_draft(rule: Rule | None = None, **changes: Any) -> Draft:
    rule = rule or a_rule()
    assert rule.match.dst is not None
    draft = Draft(
        pop=POP,
        customer_id="cust_example",
        service_id="svc_dns",
        victim=rule.match.dst,
        vector=Vector.UDP_FLOOD,
        rule=rule,
        ttl_s=120,
        reason="udp_flood to Resolver (playbook: udp)",
        origin=Origin.DETECTOR,
        created_by="policy",
        playbook="udp",
        confidence=0.9,
        sources=("flowmon-a",),
    )
    return structs.replace(draft, **changes)


def a_mitigation(
    rule: Rule | None = None,
    *,
    mitigation_id: str = "mitigation-1",
    group_id: str | None = "group-1",
    at_us: int = NOW_US,
    **draft: Any,
) -> Mitigation:
    """A live one made at `at_us`."""
    return open_mitigation(
        a_draft(rule, **draft),
        MitigationId(mitigation_id),
        SignalId("signal-flowmon-a"),
        at_us,
        None if group_id is None else GroupId(group_id),
    )


def legal(moved: Mitigation | IllegalMove) -> Mitigation:
    """The value of a move that the test knows to be legal."""
    assert isinstance(moved, Mitigation), moved
    return moved


def a_service(**changes: Any) -> Service:
    service = Service(
        service_id="svc_dns",
        name="Resolver",
        assets=(Asset(an_address(VICTIM), "resolver", "core1:et-0/0/1"),),
        allowed_udp=SERVICE_PORTS,
        allowed_tcp=SERVICE_PORTS,
    )
    return replace(service, **changes)


def a_customer(**changes: Any) -> Customer:
    customer = Customer(
        customer_id="cust_example",
        name="Example Hosting",
        prefixes=(a_prefix("192.0.2.0/24"), a_prefix("2001:db8:10::/48")),
        services=(a_service(),),
    )
    return replace(customer, **changes)


def an_inventory(*customers: Customer) -> Inventory:
    """One customer with a resolver at VICTIM, unless told otherwise."""
    built = build_inventory(customers or (a_customer(),))
    assert isinstance(built, Inventory), built
    return built


def a_police_step(rate_bps: int = 10_000_000, ttl_s: int = 120) -> Step:
    return Step(action=Police(rate_bps), ttl_s=ttl_s)


def a_discard_step(
    ttl_s: int = 300, confidence: float | None = 0.8, persistence_s: int | None = 90
) -> Step:
    return Step(
        action=Discard(),
        ttl_s=ttl_s,
        require_confidence=confidence,
        require_persistence_s=persistence_s,
    )


def a_playbook(
    name: str = "udp",
    *vectors: Vector,
    steps: Sequence[Step] | None = None,
    match: PlaybookMatch | None = None,
    **changes: Any,
) -> Playbook:
    """Police to 10 Mbit/s at once; discard after 90 s with confidence 0.8."""
    playbook = Playbook(
        name=name,
        match=match or PlaybookMatch(vectors=vectors or (Vector.UDP_FLOOD,)),
        steps=tuple(steps) if steps is not None else (a_police_step(), a_discard_step()),
    )
    return replace(playbook, **changes)


def some_rules(
    *playbooks: Playbook,
    correlation: CorrelationSettings | None = None,
    limits: Limits | None = None,
    inventory: Inventory | None = None,
    profile: PolicyProfile | None = None,
    **changes: Any,
) -> Rules:
    if inventory is None:
        customer = a_customer() if profile is None else a_customer(profile=profile)
        inventory = an_inventory(customer)
    rules = Rules(
        pop=POP,
        policy=PolicySettings(playbooks=playbooks or (a_playbook(),)),
        correlation=correlation or CorrelationSettings(enabled=True),
        limits=limits or Limits(),
        inventory=inventory,
    )
    return replace(rules, **changes)


def some_facts(*mitigations: Mitigation, **changes: Any) -> Facts:
    return structs.replace(Facts(mitigations=mitigations), **changes)


def a_safelist(*texts: str, source: EntrySource = EntrySource.API) -> Safelist:
    return Safelist(
        SafelistEntry(prefix=a_prefix(text), source=source, added_at_us=NOW_US, added_by="alice")
        for text in texts
    )


A_SIGNAL_ARRIVED = Trigger(TriggerKind.SIGNAL, SignalId("signal-flowmon-a"))


def after(group: Group, decision: Decision, *mitigation_ids: str) -> Group:
    """The group as saved after a decision, with the ids the engine gave."""
    ids = (*decision.group.mitigation_ids, *map(MitigationId, mitigation_ids))
    return structs.replace(decision.group, mitigation_ids=ids, version=group.version + 1)
