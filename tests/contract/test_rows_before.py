"""Rows that a release before the stored JSON was the domain value wrote: they read back the same.

`rows_before.json` holds them as that release wrote them to SQLite, by table and column. They are
inserted as they are, into both databases, and read through the store of today; what is written
today has to have the same texts, so that the earlier release can still read a database after a
downgrade.
"""

import json
from pathlib import Path
from typing import Any

from prefixd.domain.group import (
    CloseReason,
    Evidence,
    EvidenceRole,
    EvidenceState,
    Group,
    GroupState,
    HoldReason,
)
from prefixd.domain.ids import DecisionId, GroupId, IncidentId, MitigationId, SignalId
from prefixd.domain.mitigation import Mitigation, Origin, Status
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.record import CorroborationRecord, DecisionRecord, Outcome, SignalRecord
from prefixd.domain.rule import (
    Action,
    Blackhole,
    Discard,
    Fragment,
    Mark,
    Match,
    Police,
    PortRange,
    Redirect,
    Rule,
    TcpFlags,
    scope_hash,
)
from prefixd.domain.signal import Corroboration, Direction, Polarity, Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.settings import StoreSettings
from prefixd.store.unit import Statement
from tests.kit.rows import a_store

WRITTEN = Path(__file__).with_name("rows_before.json")
T0_US = 1_767_225_600_000_000
POP = "ams1"


def _prefix(text: str) -> Prefix:
    found = Prefix.parse(text)
    assert found is not None
    return found


def _address(text: str) -> Address:
    found = Address.parse(text)
    assert found is not None
    return found


VICTIM4, VICTIM6 = _prefix("198.51.100.7/32"), _prefix("2001:db8::7/128")
MATCHES = (
    Match(dst=VICTIM4),
    Match(dst=VICTIM4, protocol=17, dst_ports=(PortRange(53, 53), PortRange(100, 200))),
    Match(dst=VICTIM6, src=_prefix("2001:db8:1::/48"), protocol=6, src_ports=(PortRange(1, 9),)),
    Match(dst=VICTIM4, protocol=6, tcp_flags=TcpFlags(2, 18)),
    Match(dst=VICTIM4, fragments=(Fragment.IS_FRAGMENT, Fragment.LAST_FRAGMENT)),
    Match(dst=VICTIM6, packet_lengths=(PortRange(0, 64), PortRange(1400, 65535))),
)
ACTIONS: tuple[Action, ...] = (
    Discard(),
    Police(20_000_000),
    Redirect(route_target="64500:666"),
    Redirect(next_hop=_address("192.0.2.9")),
    Mark(0),
    Blackhole(),
    Blackhole(("64500:666",), _address("2001:db8::9")),
)


def mitigations() -> list[Mitigation]:
    """Every part of a match, every action; one with all that is optional."""
    pairs = [(match, ACTIONS[0]) for match in MATCHES] + [(MATCHES[0], each) for each in ACTIONS]
    found = [_mitigation(number, Rule(*pair)) for number, pair in enumerate(pairs)]
    whole = _mitigation(
        len(found), Rule(MATCHES[1], ACTIONS[1]), status=Status.WITHDRAWN,
        contributing_vectors=(Vector.DNS_AMPLIFICATION, Vector.NTP_AMPLIFICATION),
        group_id=GroupId("group-1"), playbook="udp", playbook_version=3, step=1, priority=7,
        confidence=0.75, sources=("akvorado", "fastnetmon"), pinned=True, dry_run=True,
        escalated_at_us=T0_US + 5, escalated_from_id=MitigationId("mitigation-0"),
        withdrawn_at_us=T0_US + 9, ended_by="alice", end_reason="false alarm",
        rejection_reason="quota", acknowledged_at_us=T0_US + 8, acknowledged_by="bob", version=4,
    )  # fmt: skip
    unowned = _mitigation(len(found) + 1, Rule(MATCHES[0], ACTIONS[0]), status=Status.PENDING,
                          pop="fra1", customer_id=None, service_id=None)  # fmt: skip
    return [*found, whole, unowned]


def _mitigation(number: int, rule: Rule, **changes: Any) -> Mitigation:
    fields: dict[str, Any] = {
        "mitigation_id": MitigationId(f"mitigation-{number}"), "status": Status.EXPIRED, "pop": POP,
        "customer_id": "cust-17", "service_id": "svc-web", "victim": rule.match.dst,
        "vector": Vector.UDP_FLOOD, "contributing_vectors": (Vector.UDP_FLOOD,), "rule": rule,
        "scope_hash": scope_hash(rule.match), "created_at_us": T0_US + number,
        "updated_at_us": T0_US + 1, "expires_at_us": T0_US + 300_000_000,
        "triggering_event_id": SignalId("signal-1"), "last_event_id": SignalId("signal-2"),
        "reason": "udp_flood (playbook: udp)", "origin": Origin.DETECTOR,
        "created_by": "fastnetmon",
    }  # fmt: skip
    return Mitigation(**{**fields, **changes})


def signals() -> list[SignalRecord]:
    plain = Signal(
        source="fastnetmon", adapter="native", external_id="attack-1", kind=SignalKind.FIRING,
        victim=VICTIM4, vector=Vector.UDP_FLOOD, observed_at_us=T0_US - 1, received_at_us=T0_US,
    )  # fmt: skip
    whole = Signal(
        source="radar", adapter="webhook:radar", external_id="attack-2", kind=SignalKind.CLEARED,
        victim=VICTIM6, vector=Vector.SYN_FLOOD, observed_at_us=T0_US, received_at_us=T0_US + 1,
        direction=Direction.OUTGOING, confidence=0.5, confidence_origin="mapping:ban", bps=1,
        pps=(1 << 63) - 1, dst_ports=(53, 80), src_ports=(123,), protocols=(6, 17), force=True,
        stale=True, warnings=("clock_skew",), raw='{"any": "thing"}',
    )  # fmt: skip
    return [
        SignalRecord(signal_id=SignalId("signal-1"), signal=plain, episode=1, pop=POP,
                     outcome=Outcome.QUEUED, last_seen_us=T0_US),
        SignalRecord(signal_id=SignalId("signal-2"), signal=whole, episode=3, pop=POP,
                     outcome=Outcome.HELD, last_seen_us=T0_US + 5, reason="quota",
                     codes=("quota_pop", "quota_global"), group_id=GroupId("group-1"),
                     mitigation_id=MitigationId("mitigation-1"), customer_id="cust-17",
                     refresh_count=4, last_hash="ab" * 32),
    ]  # fmt: skip


def groups() -> list[Group]:
    plain = Evidence(
        signal_id=SignalId("signal-1"), source="fastnetmon", external_id="attack-1", episode=1,
        role=EvidenceRole.PRIMARY, state=EvidenceState.FIRING, vector=Vector.UDP_FLOOD,
        confidence=None, weight=1.0, first_seen_us=T0_US, last_seen_us=T0_US,
    )  # fmt: skip
    whole = Evidence(
        signal_id=SignalId("signal-2"), source="snmp", external_id="link-1", episode=2,
        role=EvidenceRole.CORROBORATING, state=EvidenceState.CLEARED, vector=Vector.SYN_FLOOD,
        confidence=0.25, weight=0.5, first_seen_us=T0_US, last_seen_us=T0_US + 7, refresh_count=2,
        bps=9, pps=8, dst_ports=(53,), src_ports=(123, 124), polarity=Polarity.AGAINST,
        direction=Direction.OUTGOING, counts=False, forced=True,
    )  # fmt: skip
    return [
        Group(group_id=GroupId("group-1"), pop=POP, victim=VICTIM4, key="udp_flood",
              vector=Vector.UDP_FLOOD, state=GroupState.UNOWNED, created_at_us=T0_US,
              last_primary_at_us=T0_US, expires_at_us=T0_US + 300, evidence=(plain,)),
        Group(group_id=GroupId("group-2"), pop=POP, victim=VICTIM6, key="syn_flood",
              vector=Vector.SYN_FLOOD, state=GroupState.CLOSED, created_at_us=T0_US,
              last_primary_at_us=T0_US + 1, expires_at_us=T0_US + 300, evidence=(plain, whole),
              met_at_us=T0_US + 2, confidence=0.875, source_count=2, primary_count=1,
              playbook="syn", hold_reason=HoldReason.GUARDRAIL, clearing_since_us=T0_US + 3,
              close_reason=CloseReason.ENDED, closed_at_us=T0_US + 4, customer_id="cust-17",
              service_id="svc-web", pops=("ams1", "fra1"), interfaces=("edge1:et-0/0/3",),
              routers=("edge1",), mitigation_ids=(MitigationId("mitigation-1"),),
              trigger_signal_id=SignalId("signal-1"), incident_id=IncidentId("incident-1"),
              config_version=12, version=6),
    ]  # fmt: skip


def corroborations() -> list[CorroborationRecord]:
    plain = Corroboration(
        source="snmp", adapter="corroborator", external_id="link-1", kind=SignalKind.FIRING,
        vector=None, observed_at_us=T0_US, received_at_us=T0_US, expires_at_us=T0_US + 300,
    )  # fmt: skip
    whole = Corroboration(
        source="decoy", adapter="deception", external_id="hit-1", kind=SignalKind.CLEARED,
        vector=Vector.UDP_FLOOD, observed_at_us=T0_US, received_at_us=T0_US + 1,
        expires_at_us=T0_US + 300, polarity=Polarity.AGAINST, confidence=0.5,
        confidence_origin="given", customer_id="cust-17", service_id="svc-web",
        interface="edge1:et-0/0/3", pop="fra1", router="edge1", protocol=17,
        victim_ip=_address("198.51.100.7"), victim_prefix=_prefix("198.51.100.0/24"),
        dst_ports=(53,), src_ports=(123,), spoofable=True, explain="a packet",
        warnings=("clock_skew",), raw="{}",
    )  # fmt: skip
    return [
        CorroborationRecord(signal_id=SignalId("signal-3"), corroboration=plain, pop=POP,
                            weight=0.5),
        CorroborationRecord(signal_id=SignalId("signal-4"), corroboration=whole, pop=POP,
                            weight=1.0, attached=(GroupId("group-1"), GroupId("group-2"))),
    ]  # fmt: skip


def decisions() -> list[DecisionRecord]:
    plain = DecisionRecord(
        decision_id=DecisionId("decision-1"), at_us=T0_US, pop=POP, trigger="timer",
        outcome="waiting", text="1 of 2 sources.", body="{}",
    )  # fmt: skip
    whole = DecisionRecord(
        decision_id=DecisionId("decision-2"), at_us=T0_US + 1, pop=POP, trigger="signal",
        outcome="mitigated", text="Acted.", body='{"met":true}', group_id=GroupId("group-1"),
        signal_id=SignalId("signal-1"), mitigation_id=MitigationId("mitigation-1"),
        config_version=12, playbook="udp",
    )  # fmt: skip
    return [plain, whole]


BOOLEANS = ("dry_run", "has_mitigation")
"""SQLite stores 0 and 1 for these."""


async def write_all(settings: StoreSettings) -> None:
    """All of the above through the store: how the file was made, and how today's texts are."""
    async with await a_store(settings) as store:
        for each in mitigations():
            async with store.transaction() as tx:
                tx.mitigations.insert(each)
        async with store.transaction() as tx:
            for record in signals():
                tx.signals.insert(record)
            for group in groups():
                tx.groups.insert(group)
            for corroboration in corroborations():
                tx.corroborations.put(corroboration)
            for decision in decisions():
                tx.decisions.insert(decision)


async def texts(settings: StoreSettings) -> dict[str, list[list[Any]]]:
    """What the tables hold, row by row."""
    async with await a_store(settings) as store:
        return {
            table: [
                list(row)
                for row in await store._database.fetch_all(
                    f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1"
                )
            ]
            for table, columns in json.loads(WRITTEN.read_text())["columns"].items()
        }


async def insert_rows_of_before(settings: StoreSettings) -> None:
    written = json.loads(WRITTEN.read_text())
    async with await a_store(settings) as store, store.transaction() as tx:
        for table, columns in written["columns"].items():
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            for row in written["rows"][table]:
                values = [
                    bool(value) if name in BOOLEANS else value
                    for name, value in zip(columns, row, strict=True)
                ]
                tx._unit.statements.append(Statement(sql, values))


async def test_rows_of_before_read_back_to_the_same_values(shared: StoreSettings) -> None:
    await insert_rows_of_before(shared)
    async with await a_store(shared) as store:
        for mitigation in mitigations():
            assert await store.mitigations.get(mitigation.mitigation_id) == mitigation
        for record in signals():
            assert await store.signals.get(record.signal_id) == record
        for group in groups():
            assert await store.groups.get(group.group_id) == group
        assert list(await store.corroborations.cached(POP, T0_US)) == corroborations()
        for decision in decisions():
            assert await store.decisions.get(decision.decision_id) == decision


async def test_the_texts_written_today_are_those_of_before(tmp_path: Path) -> None:
    """An earlier release reads a database of today: no member was renamed, added or dropped."""
    settings = StoreSettings(connection_string=f"sqlite://{tmp_path / 'prefixd.db'}")
    await write_all(settings)
    assert await texts(settings) == json.loads(WRITTEN.read_text())["rows"]
