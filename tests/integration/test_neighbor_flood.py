"""A neighbor that sends as fast as it can costs nobody else a turn of the event loop.

What is counted is messages between two turns of another task, never time.
"""

import asyncio

import pytest

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.session.session import TURN_MESSAGES
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.message import RouteRefresh, encode_message
from prefixd.bgp.wire.notification import Notification
from tests.kit.flooding import FLOODS, Flooded, flooded


async def most_between_turns(scene: Flooded, enough: int) -> int:
    """The most messages judged between two turns of this task, while `enough` are judged."""
    most, start = 0, scene.judged_of_all()
    before = start
    while before - start < enough:
        await asyncio.sleep(0)
        assert scene.all_established, "a flood must not end a session"
        now = scene.judged_of_all()
        most, before = max(most, now - before), now
    return most


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("kind", FLOODS)
async def test_another_task_gets_its_turn_after_a_few_messages(kind: str, count: int) -> None:
    async with flooded(count) as scene:
        for flooder in scene.flooders:
            flooder.flood(FLOODS[kind])
        assert await most_between_turns(scene, 2000) <= TURN_MESSAGES


@pytest.mark.parametrize("count", [1, 20])
async def test_halves_of_messages_leave_the_same_turns(count: int) -> None:
    async with flooded(count) as scene:
        for flooder in scene.flooders:
            flooder.flood(FLOODS["update"], piece=31)
        assert await most_between_turns(scene, 500) <= TURN_MESSAGES


@pytest.mark.parametrize("kind", FLOODS)
async def test_other_sessions_are_served_during_a_flood(kind: str) -> None:
    """Its refresh is answered while the others still send."""
    async with flooded(20) as scene:
        for flooder in scene.flooders:
            flooder.flood(FLOODS[kind])
        await most_between_turns(scene, 500)
        scene.quiet.send(encode_message(RouteRefresh(IPV4_FLOWSPEC), BEFORE_OPEN))
        await scene.speaking.until(
            lambda: any(isinstance(each, RouteRefresh) for each in scene.quiet.received)
        )


async def test_a_flood_beyond_the_limit_ends_with_out_of_resources() -> None:
    async with flooded(1, max_messages_per_second=10) as scene:
        flooder = scene.flooders[0]
        flooder.flood(FLOODS["keepalive"])
        await scene.speaking.until(
            lambda: any(isinstance(each, Notification) for each in flooder.received)
        )
        last = flooder.received[-1]
        assert isinstance(last, Notification)
        assert (last.code, last.subcode) == (6, 8)
        quiet = scene.speaking.speaker.registry.get("router1")
        assert quiet is not None
        assert quiet.state is PeerState.ESTABLISHED
