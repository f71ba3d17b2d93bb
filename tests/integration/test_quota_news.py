"""A quota that fills up is told before it refuses, once, and again when it is full."""

from dataclasses import replace

from prefixd.domain.news import QuotaNear
from tests.kit.builders import a_signal, some_rules
from tests.kit.engine import ALICE, WIDE_OPEN, a_snapshot, an_engine


async def test_a_quota_is_told_when_it_is_near_and_when_it_is_used_up() -> None:
    limits = replace(WIDE_OPEN, max_active_per_pop=5)
    async with an_engine(a_snapshot(some_rules(limits=limits))) as house:

        def told() -> list[tuple[str, int, int]]:
            news = [item for item in house.notifier.news if isinstance(item, QuotaNear)]
            return [(item.quota, item.current, item.limit) for item in news]

        async def report(number: int) -> None:
            victim = f"192.0.2.{number}"
            await house.tell(a_signal(victim=victim, external_id=f"a{number}"))

        for number in range(1, 4):
            await report(number)
        assert told() == []
        await report(4)
        assert told() == [("pop", 4, 5)]
        await report(5)
        assert told() == [("pop", 4, 5), ("pop", 5, 5)]
        await report(6)  # refused, which is told elsewhere
        assert len(told()) == 2
        await house.engine.manual.panic("over", ALICE)
        house.clock.advance(600)
        for number in range(11, 15):
            await report(number)
        assert told()[2:] == [("pop", 4, 5)]
