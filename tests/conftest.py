"""Async tests without a plugin, and one upper bound on how long any test may hang."""

import asyncio
import faulthandler
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

HANG_LIMIT_S = 120
SLOW_HANG_LIMIT_S = 1200


def _limit_s(item: pytest.Item) -> int:
    return SLOW_HANG_LIMIT_S if item.get_closest_marker("slow") else HANG_LIMIT_S


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last the file that waits for the ten minutes that another process runs beside the suite."""
    items.sort(key=lambda item: item.path.name == "test_session_soak.py")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """`async def test_...` runs in a fresh event loop; a test that hangs is cancelled and fails."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    kwargs: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in names}

    async def bounded() -> None:
        async with asyncio.timeout(_limit_s(pyfuncitem)):
            await pyfuncitem.obj(**kwargs)

    asyncio.run(bounded())
    return True


@pytest.fixture(autouse=True)
def _dump_stacks_when_stuck(request: pytest.FixtureRequest) -> Iterator[None]:
    faulthandler.dump_traceback_later(_limit_s(request.node) + 30, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True, scope="session")
def _addresses_of_this_machine_do_not_count() -> Iterator[None]:
    """No rule may touch an address of the host, and the host may well have one that tests use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prefixd.bgp.speaker.own_addresses.interface_addresses", tuple)
        yield
