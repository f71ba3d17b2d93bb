"""Evidence that arrives late acts at once; evidence that arrives early is not forgotten."""

from msgspec.structs import replace

from prefixd.correlation.settings import Dimension, SourceMode, SourceSettings
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Corroboration, SignalKind
from tests.kit.builders import NOW_US, SECOND, some_rules
from tests.kit.engine import DETECTOR, WIDE_OPEN, a_snapshot, agreeing, an_engine, wide_inventory

SNMP = SourceSettings(mode=SourceMode.CORROBORATING, match_dimensions=(Dimension.CUSTOMER_ID,))


def with_snmp():
    correlation = agreeing(2, sources={"edge-snmp": SNMP})
    return a_snapshot(
        some_rules(limits=WIDE_OPEN, inventory=wide_inventory(), correlation=correlation)
    )


def a_corroboration(now_us: int = NOW_US, **changes) -> Corroboration:
    given = Corroboration(
        source="edge-snmp",
        adapter="corroborator",
        external_id="if-17",
        kind=SignalKind.FIRING,
        vector=None,
        observed_at_us=now_us,
        received_at_us=now_us,
        expires_at_us=now_us + 300 * SECOND,
        confidence=0.8,
        customer_id="cust_example",
    )
    return replace(given, **changes)


async def test_a_late_corroborator_completes_the_quorum_and_the_rule_is_on_the_wire():
    async with an_engine(with_snmp()) as house:
        first = await house.report(source="a", external_id="a-1")
        assert first.outcome is Outcome.WAITING
        await house.pass_time(40)
        answer = await house.engine.corroborate(a_corroboration(house.clock.now_us()), DETECTOR)
        assert answer.outcome is Outcome.MITIGATED
        assert answer.attached == (first.group_id,)
        assert list(house.announcer.rules) == [answer.mitigation_id]
        newest = (await house.store.decisions.of_group(first.group_id))[0]
        assert newest.trigger == "corroborator"
        await house.assert_wire_is_store()


async def test_an_early_corroborator_waits_for_its_group_even_over_a_restart():
    async with an_engine(with_snmp()) as house:
        answer = await house.engine.corroborate(a_corroboration(), DETECTOR)
        assert answer.outcome is Outcome.WAITING
        async with an_engine(with_snmp(), store=house.store, clock=house.clock) as again:
            mitigated = await again.report(source="a", external_id="a-1")
            assert mitigated.outcome is Outcome.MITIGATED


async def test_a_primary_source_may_not_corroborate():
    async with an_engine(with_snmp()) as house:
        answer = await house.engine.corroborate(a_corroboration(source="a"), DETECTOR)
        assert answer.outcome is Outcome.ERROR
        assert await house.store.corroborations.cached("ams1", NOW_US) == []
