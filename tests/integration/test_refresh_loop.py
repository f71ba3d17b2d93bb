"""Two speakers of our kind as neighbors: a probe for each change, and nothing because of an answer.

The answer to a probe is a whole table. Were it worth a probe, the two would refresh each other for
ever. The pauses between answers and between probes are taken away here, so that every reason to
send one shows at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from prefixd.bgp.neighbor_settings import (
    Direction,
    PacingSettings,
)
from prefixd.bgp.settings import (
    ListenAddress,
    PeerSettings,
)
from prefixd.bgp.speaker.status import RuleStage
from tests.kit.speaking import Speaking, a_neighbor, a_route, speaking

EAGER = PacingSettings(rules_per_second=0, fence_interval_s=0.001)


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.bgp.rib.distribution._REFRESH_EVERY_S", 0.0)


@contextlib.asynccontextmanager
async def two(left_rules: int, right_rules: int) -> AsyncIterator[tuple[Speaking, Speaking]]:
    listen = (ListenAddress(ip_address("127.0.0.1"), 0),)
    passive = a_neighbor("left", "127.0.8.1", direction=Direction.PASSIVE)
    async with speaking(_eager(passive), listen=listen, router_id="10.255.0.2") as right:
        right.speaker.replace([a_route(f"dst 203.0.113.{n}/32") for n in range(right_rules)])
        right.speaker.start()
        port = right.speaker.registry.ports[0]
        active = a_neighbor("right", port=port, local_address=ip_address("127.0.8.1"))
        async with speaking(_eager(active)) as left:
            left.speaker.replace([a_route(f"dst 198.51.100.{n}/32") for n in range(left_rules)])
            left.speaker.start()
            await left.until_synced("right")
            await right.until_synced("left")
            yield left, right


def _eager(settings: PeerSettings) -> PeerSettings:
    return replace(settings, pacing=EAGER)


def requests_to(speaking: Speaking) -> int:
    """How many refreshes its only neighbor has asked for."""
    [state] = speaking.speaker._states
    return state.refreshes_in


def delivered(speaking: Speaking, peer: str, rules: int) -> bool:
    [table] = speaking.speaker.status().peers
    progress = speaking.speaker.progress(peer)
    assert progress is not None
    stages = [progress.of(route).stage for route in speaking.speaker.loc.routes()]
    held = sum(table.rules.values())
    return held == rules and all(stage is RuleStage.DELIVERED for stage in stages)


async def settle(*speakings: Speaking) -> None:
    """Until no message has come for a while on either side."""
    quiet, before = 0, -1
    while quiet < 20:
        await asyncio.sleep(0.01)
        counters = [each.speaker.status().peers[0].session.counters for each in speakings]
        now = sum(sum(each.messages_in.values()) for each in counters)
        quiet, before = (quiet + 1, now) if now == before else (0, now)


@pytest.mark.parametrize(("left_rules", "right_rules"), [(5, 5), (5, 0), (0, 0), (250, 250)])
async def test_a_table_is_probed_once(left_rules: int, right_rules: int) -> None:
    async with two(left_rules, right_rules) as (left, right):
        await left.until(lambda: delivered(left, "right", left_rules))
        await right.until(lambda: delivered(right, "left", right_rules))
        await settle(left, right)
        assert requests_to(right) == bool(left_rules)
        assert requests_to(left) == bool(right_rules)


async def test_each_change_is_probed_once() -> None:
    async with two(3, 3) as (left, right):
        await settle(left, right)
        for number in range(5):
            left.speaker.announce([a_route(f"dst 198.51.100.{100 + number}/32")])
            await left.until(lambda: delivered(left, "right", 4 + number))  # noqa: B023  awaited here
            await settle(left, right)
        left.speaker.withdraw([a_route("dst 198.51.100.100/32").route_id])
        await settle(left, right)
        assert requests_to(right) == 1 + 5 + 1
        assert requests_to(left) == 1


async def test_what_was_proven_stays_proven_when_it_is_sent_again() -> None:
    """The neighbor's probe makes us send our table once more: nothing in it is new."""
    async with two(3, 3) as (left, right):
        await settle(left, right)
        right.speaker.announce([a_route("dst 203.0.113.200/32")])
        await right.until(lambda: delivered(right, "left", 4))
        await settle(left, right)
        assert delivered(left, "right", 3)
