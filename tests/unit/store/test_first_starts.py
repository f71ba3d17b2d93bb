"""Several processes that open one new file in the same moment: the service, an offline command."""

import asyncio
from pathlib import Path

from prefixd.store.lane import Lane
from prefixd.store.settings import StoreSettings

AT_ONCE = 8
ROUNDS = 150
"""The switch to write-ahead logging was refused in one round of some dozens, at random."""


async def test_nobody_is_refused_while_others_switch_to_write_ahead_logging(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        settings = StoreSettings(connection_string=f"sqlite://{tmp_path / str(number)}.db")
        lanes = [Lane(settings, f"writer-{each}") for each in range(AT_ONCE)]
        await asyncio.gather(*(lane.open(create=True) for lane in lanes))
        for lane in lanes:
            await lane.close()
