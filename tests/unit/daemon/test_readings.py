"""Values looked up at a scrape: once a second, with zeros, and none of removed neighbors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.bgp.neighbor_settings import Direction
from prefixd.bgp.settings import PeerSettings
from prefixd.daemon.loop_lag import LoopLag
from prefixd.daemon.readings import EVERY_S, Readings
from prefixd.engine.settings import Mode
from prefixd.notify.dispatch import Dispatcher
from prefixd.notify.settings import AlertSettings
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from tests.kit.builders import POP
from tests.kit.engine import House, a_snapshot, an_engine
from tests.kit.speaking import Speaking, a_neighbor, speaking

ACTIVE = ("prefixd_mitigations_active", f"police {POP}")


@dataclass
class Scraped:
    house: House
    at_work: Speaking
    lag: LoopLag
    exposition: Exposition

    async def samples(self) -> dict[tuple[str, str], float]:
        """By name and label values, in the order of the label names."""
        text, _ = await self.exposition.text()
        return {
            (each.name, " ".join(each.labels[name] for name in sorted(each.labels))): each.value
            for family in text_string_to_metric_families(text.decode())
            for each in family.samples
        }

    async def later(self) -> dict[tuple[str, str], float]:
        self.house.clock.advance(EVERY_S)
        return await self.samples()


@asynccontextmanager
async def scraped(*peers: PeerSettings, mode: Mode = Mode.ENFORCED) -> AsyncIterator[Scraped]:
    async with an_engine(a_snapshot(mode=mode)) as house, speaking(*peers) as at_work:
        metrics, lag = Metrics(), LoopLag(house.clock)
        readings = Readings(
            metrics,
            house.engine,
            at_work.speaker,
            BgpAnnouncer(at_work.speaker, 65000),
            house.store,
            Dispatcher(AlertSettings(), POP, house.clock),
            lag,
            house.clock,
        )
        yield Scraped(house, at_work, lag, Exposition(metrics.registry, readings.prepare))


async def test_live_mitigations_are_counted_and_read_zero_when_they_are_gone() -> None:
    async with scraped() as found:
        assert (await found.samples())[ACTIVE] == 0
        await found.house.report()
        assert (await found.later())[ACTIVE] == 1
        found.house.clock.advance(3600)
        await found.house.settle()
        assert (await found.later())[ACTIVE] == 0


async def test_mitigations_of_a_dry_run_are_not_active() -> None:
    async with scraped(mode=Mode.DRY_RUN) as found:
        await found.house.report()
        assert len(await found.house.live_rows()) == 1
        assert (await found.later())[ACTIVE] == 0


async def test_values_are_looked_up_at_most_once_a_second() -> None:
    async with scraped() as found:
        await found.samples()
        found.lag.note(0.5)
        found.house.clock.advance(EVERY_S / 2)
        assert (await found.samples())["prefixd_loop_lag_seconds", ""] == 0
        assert (await found.later())["prefixd_loop_lag_seconds", ""] == pytest.approx(0.5)


async def test_a_removed_neighbor_leaves_no_series_behind() -> None:
    edge = a_neighbor("edge1", "192.0.2.1", direction=Direction.PASSIVE)
    async with scraped(edge) as found:
        speaker = found.at_work.speaker
        speaker.start()
        shown = await found.samples()
        assert shown["prefixd_bgp_session_up", "edge1"] == 0
        assert shown["prefixd_bgp_session_changes_total", "edge1 down"] == 0
        speaker.apply(replace(speaker.registry.settings, peers=()), ())
        assert not [labels for _, labels in await found.later() if "edge1" in labels]


async def test_states_and_counters_of_the_store_are_there_from_the_start() -> None:
    async with scraped() as found:
        shown = await found.samples()
    assert shown["prefixd_groups_live", "open"] == 0
    assert shown["prefixd_db_units_total", "refused_full"] == 0
    assert shown["prefixd_db_up", ""] == 1
