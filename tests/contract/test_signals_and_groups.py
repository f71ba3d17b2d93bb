"""Signals, groups, decisions and corroborations come back as they went in."""

import asyncio

import pytest
from msgspec.structs import replace

from prefixd.domain.group import CloseReason, EvidenceState, GroupState, HoldReason
from prefixd.domain.ids import GroupId, IncidentId, MitigationId, SignalId
from prefixd.domain.page import EventFilter, GroupFilter, PageRequest
from prefixd.domain.prefix import Address
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Direction, Polarity, SignalKind
from prefixd.domain.vector import Vector
from prefixd.errors import Conflict
from prefixd.store.settings import StoreSettings
from tests.kit.rows import (
    T0_US,
    a_corroboration,
    a_decision,
    a_group,
    a_prefix,
    a_record,
    a_store,
    a_victim,
    some_evidence,
)


async def test_a_signal_comes_back_whole(settings: StoreSettings) -> None:
    record = a_record(
        of_victim=a_prefix("2001:db8::7"),
        of_direction=Direction.OUTGOING,
        of_confidence=None,
        of_confidence_origin="mapping:ban",
        of_bps=None,
        of_pps=(1 << 63) - 1,
        of_src_ports=(53, 123),
        of_protocols=(17,),
        of_force=True,
        of_stale=True,
        of_warnings=("clock_skew",),
        of_raw='{"any": "thing"}',
        episode=3,
        outcome=Outcome.HELD,
        reason="quota",
        codes=("quota_pop", "quota_global"),
        group_id=GroupId("g"),
        mitigation_id=MitigationId("m"),
        customer_id="cust_example",
        refresh_count=4,
        last_hash="ab" * 32,
    )
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.signals.insert(record)
        assert await store.signals.get(record.signal_id) == record
        assert await store.signals.get("unknown") is None


async def test_one_of_many_racing_reports_of_an_alert_is_stored(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:

        async def report() -> str:
            try:
                async with store.transaction() as tx:
                    tx.signals.insert(a_record(of_external_id="det-42"))
            except Conflict as conflict:
                return f"{conflict.what} {conflict.key}"
            return "stored"

        answers = await asyncio.gather(*(report() for _ in range(20)))
        assert sorted(answers) == ["episode det-42"] * 19 + ["stored"]
        # Another episode, another kind and another source are other reports.
        for changes in (
            {"episode": 2},
            {"of_kind": SignalKind.CLEARED},
            {"of_source": "akvorado"},
        ):
            async with store.transaction() as tx:
                tx.signals.insert(a_record(of_external_id="det-42", **changes))
        latest = await store.signals.latest("fastnetmon", "det-42", "firing")
        assert latest is not None
        assert latest.episode == 2


async def test_a_refresh_changes_fate_and_numbers_in_place(settings: StoreSettings) -> None:
    record = a_record(outcome=Outcome.QUEUED)
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.signals.insert(record)
        assert await store.signals.unfinished("ams1") == [record]
        assert await store.signals.unfinished("fra1") == []
        later = replace(
            record,
            signal=replace(record.signal, bps=5, pps=6, confidence=0.5),
            outcome=Outcome.EXTENDED,
            last_seen_us=T0_US + 9,
            refresh_count=1,
            mitigation_id=MitigationId("m"),
        )
        async with store.transaction() as tx:
            tx.signals.update(later)
        assert await store.signals.get(record.signal_id) == later
        assert await store.signals.unfinished("ams1") == []
        with pytest.raises(Conflict, match="event"):
            async with store.transaction() as tx:
                tx.signals.update(replace(later, signal_id=SignalId("never stored")))


async def test_recent_is_by_last_report_newest_first(settings: StoreSettings) -> None:
    records = [a_record(last_seen_us=T0_US + number) for number in range(5)]
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for record in records:
                tx.signals.insert(record)
        assert await store.signals.recent("ams1", T0_US + 1, 3) == records[:1:-1]


async def test_events_are_filtered(settings: StoreSettings) -> None:
    victim = a_victim()
    special = a_record(
        of_victim=victim,
        of_source="akvorado",
        of_kind=SignalKind.CLEARED,
        of_vector=Vector.GRE_FLOOD,
        outcome=Outcome.IGNORED,
        group_id=GroupId("g-special"),
        pop="fra1",
    )
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.signals.insert(special)
            tx.signals.insert(a_record())
        for wanted in (
            EventFilter(victim=victim),
            EventFilter(source="akvorado"),
            EventFilter(kind="cleared"),
            EventFilter(vector=Vector.GRE_FLOOD),
            EventFilter(outcome="ignored"),
            EventFilter(group_id="g-special"),
            EventFilter(pop="fra1"),
        ):
            assert (await store.signals.page(wanted, PageRequest())).items == (special,)


async def test_a_group_comes_back_whole(settings: StoreSettings) -> None:
    group = a_group(
        state=GroupState.HELD,
        hold_reason=HoldReason.QUOTA,
        met_at_us=T0_US + 1,
        clearing_since_us=T0_US + 2,
        confidence=0.886,
        source_count=2,
        primary_count=1,
        playbook="udp",
        customer_id="cust_example",
        service_id="svc_dns",
        pops=("ams1",),
        interfaces=("et-0/0/3",),
        routers=("edge1",),
        mitigation_ids=(MitigationId("m1"), MitigationId("m2")),
        trigger_signal_id=SignalId("s1"),
        incident_id=IncidentId("i1"),
        config_version=41,
        evidence=(
            some_evidence(confidence=None, dst_ports=(53,), src_ports=(123,), bps=7),
            some_evidence(
                source="edge-snmp",
                state=EvidenceState.STALE,
                polarity=Polarity.AGAINST,
                direction=Direction.OUTGOING,
                counts=False,
                forced=True,
            ),
        ),
    )
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.groups.insert(group)
        assert await store.groups.get(group.group_id) == group
        assert (await store.groups.live("ams1")).rows == (group,)
        assert (await store.groups.live("fra1")).rows == ()


async def test_one_live_group_per_victim_and_key(settings: StoreSettings) -> None:
    victim = a_victim()
    async with await a_store(settings) as store:

        async def open_one() -> bool:
            try:
                async with store.transaction() as tx:
                    tx.groups.insert(a_group(victim=victim))
            except Conflict as conflict:
                return conflict.what != "group"
            return True

        assert sum(await asyncio.gather(*(open_one() for _ in range(20)))) == 1
        (first,) = (await store.groups.live("ams1")).rows
        closed = replace(
            first,
            state=GroupState.CLOSED,
            close_reason=CloseReason.TIMEOUT,
            closed_at_us=T0_US + 1,
            version=2,
        )
        async with store.transaction() as tx:  # closed and opened anew in one unit
            tx.groups.update(closed)
            tx.groups.insert(a_group(victim=victim))
        assert len((await store.groups.live("ams1")).rows) == 1
        (live,) = await store.groups.live_of("ams1", victim)
        assert live.state is GroupState.OPEN
        assert await store.groups.live_of("fra1", victim) == []
        with pytest.raises(Conflict, match="version"):  # what is closed stays closed
            async with store.transaction() as tx:
                tx.groups.update(replace(closed, state=GroupState.OPEN, version=3))


async def test_a_group_takes_a_more_precise_key(settings: StoreSettings) -> None:
    victim = a_victim()
    vague = a_group(victim=victim, key="unknown", vector=Vector.UNKNOWN)
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.groups.insert(vague)
        precise = replace(vague, key="syn_flood", vector=Vector.SYN_FLOOD, version=2)
        async with store.transaction() as tx:
            tx.groups.update(precise)
        assert await store.groups.get(vague.group_id) == precise
        other = a_group(victim=victim)
        async with store.transaction() as tx:
            tx.groups.insert(other)
        with pytest.raises(Conflict, match="group"):
            async with store.transaction() as tx:
                tx.groups.update(replace(other, key="syn_flood", version=2))


async def test_groups_are_filtered(settings: StoreSettings) -> None:
    special = a_group(
        victim=a_victim(),
        vector=Vector.GRE_FLOOD,
        state=GroupState.MITIGATING,
        met_at_us=T0_US,
        customer_id="cust_b",
        evidence=(some_evidence(source="a_b%c"), some_evidence(source="other")),
        mitigation_ids=(MitigationId("m"),),
    )
    plain = a_group(evidence=(some_evidence(source="aXb%c"),))
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.groups.insert(special)
            tx.groups.insert(plain)
        for wanted in (
            GroupFilter(victim=special.victim),
            GroupFilter(vector=Vector.GRE_FLOOD),
            GroupFilter(states=frozenset({"mitigating"})),
            GroupFilter(met=True),
            GroupFilter(customer_id="cust_b"),
            GroupFilter(source="a_b%c"),
            GroupFilter(has_mitigation=True),
        ):
            assert (await store.groups.page(wanted, PageRequest())).items == (special,)
        for wanted in (GroupFilter(met=False), GroupFilter(has_mitigation=False)):
            assert (await store.groups.page(wanted, PageRequest())).items == (plain,)
        assert (await store.groups.page(GroupFilter(source="b%c"), PageRequest())).items == ()
        assert (await store.groups.page(GroupFilter(source="A_b%c"), PageRequest())).items == ()


async def test_decisions_are_found_by_group_newest_first(settings: StoreSettings) -> None:
    group_id = GroupId("g")
    records = [a_decision(group_id=group_id, at_us=T0_US + number) for number in range(3)]
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for record in (*records, a_decision()):
                tx.decisions.insert(record)
        assert await store.decisions.of_group("g") == records[::-1]
        assert await store.decisions.of_group("g", limit=1) == records[2:]
        assert await store.decisions.get(records[0].decision_id) == records[0]
        assert await store.decisions.get("unknown") is None


async def test_a_corroboration_replaces_the_one_before(settings: StoreSettings) -> None:
    first = a_corroboration(external_id="if-3", victim_ip=Address.parse("192.0.2.9"))
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.corroborations.put(first)
        assert await store.corroborations.cached("ams1", T0_US) == [first]
        second = replace(
            a_corroboration(external_id="if-3", raw='{"in_util": 0.97}', confidence=0.6),
            attached=(GroupId("g1"),),
        )
        async with store.transaction() as tx:
            tx.corroborations.put(second)
        assert await store.corroborations.cached("ams1", T0_US) == [second]
        assert await store.corroborations.cached("fra1", T0_US) == []
        expired = second.corroboration.expires_at_us
        assert await store.corroborations.cached("ams1", expired) == []
