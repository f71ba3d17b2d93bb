"""A mistake of ours in the middle of a turn: whoever waits is answered, and the line goes on.

Nobody catches such a mistake on its way: it rises to the event loop, which logs it.
"""

import asyncio
from typing import Any

import pytest

from prefixd.domain.record import Outcome
from tests.kit.announcer import RecordingAnnouncer
from tests.kit.builders import a_playbook, a_police_step, some_rules
from tests.kit.engine import WIDE_OPEN, a_snapshot, an_engine, wide_inventory


class Clumsy(RecordingAnnouncer):
    """Breaks as often as it is told to, right after the commit."""

    mistakes = 0

    def announce(self, intents: Any) -> None:
        if self.mistakes:
            self.mistakes -= 1
            raise RuntimeError("a bug of ours")
        super().announce(intents)


def a_site() -> Any:
    playbook = a_playbook(steps=[a_police_step(ttl_s=600)])
    return a_snapshot(some_rules(playbook, limits=WIDE_OPEN, inventory=wide_inventory()))


async def test_a_mistake_after_the_commit_is_answered_logged_and_mended() -> None:
    announcer = Clumsy()
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: told.append(str(context["exception"]))
    )
    async with an_engine(a_site(), announcer=announcer) as house:
        announcer.mistakes = 1
        with pytest.raises(RuntimeError, match="a bug of ours"):
            await house.report(external_id="1")
        assert told == ["a bug of ours"]
        (row,) = await house.live_rows()  # it was durable, and stays
        assert announcer.rules == {}
        await house.engine.reconcile()
        assert set(announcer.rules) == {row.mitigation_id}
        again = await house.report(external_id="1", bps=2)  # the line is free
        assert again.outcome is Outcome.REFRESHED
        assert again.mitigation_id == row.mitigation_id
