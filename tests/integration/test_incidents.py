"""Groups that belong together say so, also after a restart."""

from pathlib import Path

from prefixd.domain.vector import Vector
from tests.kit.builders import a_prefix
from tests.kit.clock import FakeClock
from tests.kit.engine import House, an_engine, victim_number


def incident_of(house: House, group_id: str | None) -> str | None:
    (group,) = [found for found in house.engine.queries.live_groups() if found.group_id == group_id]
    return group.incident_id


async def attacked(house: House, number: int, vector: Vector = Vector.UDP_FLOOD) -> str | None:
    answer = await house.report(
        victim=a_prefix(victim_number(number)), external_id=f"{number}-{vector}", vector=vector
    )
    return incident_of(house, answer.group_id)


async def test_victims_of_a_customer_hit_together_are_one_incident(tmp_path: Path) -> None:
    connection, clock = f"sqlite:{tmp_path / 'prefixd.db'}", FakeClock()
    async with an_engine(connection=connection, clock=clock) as house:
        first = await attacked(house, 1)
        assert first is not None
        await house.pass_time(100)
        assert await attacked(house, 2) == first
        await house.pass_time(100)
        assert await attacked(house, 1, Vector.SYN_FLOOD) == first, "the same victim"
        assert await attacked(house, 3) != first, "200 s later"
    async with an_engine(connection=connection, clock=clock) as house:
        groups = house.engine.queries.live_groups()
        assert len({group.incident_id for group in groups}) == 2
        assert await attacked(house, 4) != first
        assert len({group.incident_id for group in house.engine.queries.live_groups()}) == 2
