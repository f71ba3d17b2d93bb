"""What the speaker finds of our addresses reaches the engine, also when the database comes late."""

import asyncio
import contextlib
from ipaddress import ip_address

import pytest

from prefixd.daemon.own_addresses import OwnAddressKeeper, own_entries
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.errors import StoreUnavailable
from tests.kit.builders import NOW_US
from tests.kit.clock import FakeClock


def test_entries_say_why() -> None:
    [entry] = own_entries({ip_address("192.0.2.1"): "our address towards edge"}, NOW_US)
    assert (str(entry.prefix), entry.source) == ("192.0.2.1/32", EntrySource.INFRASTRUCTURE)
    assert entry.reason == "our address towards edge"


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1", "169.254.3.4"])
def test_addresses_that_reach_no_router_are_not_listed(text: str) -> None:
    assert own_entries({ip_address(text): "our address towards edge"}, NOW_US) == ()


class LateStore:
    """As much of an engine as is asked: unreachable once, then it takes the entries."""

    def __init__(self) -> None:
        self.asked = 0
        self.taken: asyncio.Future[tuple[SafelistEntry, ...]] = asyncio.Future()

    async def protect_own(self, entries: tuple[SafelistEntry, ...]) -> list[str]:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("away")
        self.taken.set_result(entries)
        return []


async def test_an_unreachable_database_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.daemon.own_addresses.RETRY_S", 0.0)
    keeper, engine = OwnAddressKeeper(FakeClock()), LateStore()
    running = asyncio.create_task(keeper.run(engine))  # type: ignore[arg-type]  # one verb of it
    keeper.changed({ip_address("192.0.2.1"): "our address on an interface"})
    [entry] = await engine.taken
    assert str(entry.prefix) == "192.0.2.1/32"
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
