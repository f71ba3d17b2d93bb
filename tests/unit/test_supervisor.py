import asyncio
import logging

import pytest

from prefixd import supervisor as module
from prefixd.supervisor import Supervisor


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)


async def test_a_failed_task_runs_again_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0
    restarted: list[str] = []
    finished = asyncio.Event()

    async def fails_twice() -> None:
        nonlocal runs
        runs += 1
        if runs <= 2:
            raise RuntimeError(f"boom {runs}")
        finished.set()

    supervisor = Supervisor(on_restart=restarted.append)
    with caplog.at_level(logging.ERROR):
        supervisor.start("reconcile", fails_twice)
        await finished.wait()
    assert restarted == ["reconcile", "reconcile"]
    (task,) = supervisor.tasks()
    assert (task.restarts, task.last_error) == (2, "RuntimeError: boom 2")
    assert [record.task for record in caplog.records] == ["reconcile", "reconcile"]
    await supervisor.stop_all()


async def test_one_failing_task_leaves_the_others_alone() -> None:
    ticks = asyncio.Event()
    restarted = asyncio.Event()

    async def healthy() -> None:
        await restarted.wait()
        ticks.set()

    async def broken() -> None:
        raise ValueError("ours")

    supervisor = Supervisor(on_restart=lambda _name: restarted.set())
    supervisor.start("healthy", healthy)
    supervisor.start("broken", broken)
    await ticks.wait()
    await supervisor.stop_all()


async def test_tasks_stop_in_reverse_order() -> None:
    stopped: list[str] = []

    async def wait_for_end(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(name)

    supervisor = Supervisor()
    for name in ("store", "engine", "api"):
        supervisor.start(name, lambda name=name: wait_for_end(name))
    await asyncio.sleep(0)
    await supervisor.stop_all()
    assert stopped == ["api", "engine", "store"]
    assert supervisor.tasks() == ()


async def test_the_same_name_cannot_run_twice() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    supervisor = Supervisor()
    supervisor.start("due", forever)
    with pytest.raises(ValueError, match="'due' is already running"):
        supervisor.start("due", forever)
    await supervisor.stop_all()
