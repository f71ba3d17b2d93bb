"""Every long-running task has a name, an owner and a restart: the supervisor.

A supervised task that raises is logged with its traceback, counted, and started again after a
pause that doubles up to a minute; the rest of the daemon keeps running. A task that ends by itself
has finished and is not started again. `Exception` is caught here, for a task, and in the API's
middleware, for a request; everywhere else an unexpected error is ours, and rises to one of them.

Stopping goes in the reverse order of starting, so a task may rely on those started before it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
# A task that ran this long before failing starts again with the first, short pause.
HEALTHY_AFTER_S = 60.0


@dataclass(slots=True)
class SupervisedTask:
    """What a face may show about one task."""

    name: str
    run: Callable[[], Awaitable[None]]
    restarts: int = 0
    last_error: str | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class Supervisor:
    """Owns named tasks for the life of the daemon."""

    def __init__(
        self,
        on_restart: Callable[[str], None] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._tasks: dict[str, SupervisedTask] = {}
        self._on_restart = on_restart
        self._monotonic = monotonic

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        if name in self._tasks and self._tasks[name].running:
            raise ValueError(f"a task named {name!r} is already running")
        entry = SupervisedTask(name, run)
        entry.task = asyncio.get_running_loop().create_task(self._keep_running(entry), name=name)
        self._tasks[name] = entry

    def tasks(self) -> tuple[SupervisedTask, ...]:
        return tuple(self._tasks.values())

    async def stop(self, name: str) -> None:
        entry = self._tasks.pop(name, None)
        if entry is None or entry.task is None:
            return
        entry.task.cancel()
        await asyncio.wait([entry.task])

    async def stop_all(self) -> None:
        for name in reversed(list(self._tasks)):
            await self.stop(name)

    async def _keep_running(self, entry: SupervisedTask) -> None:
        now = self._monotonic or asyncio.get_running_loop().time
        pause_s = FIRST_PAUSE_S
        while True:
            started = now()
            try:
                await entry.run()
            except Exception as error:
                entry.restarts += 1
                entry.last_error = f"{type(error).__name__}: {error}"
                if now() - started >= HEALTHY_AFTER_S:
                    pause_s = FIRST_PAUSE_S
                log.error(
                    "task failed, restarting",
                    exc_info=error,
                    extra={"task": entry.name, "restarts": entry.restarts, "pause_s": pause_s},
                )
                if self._on_restart is not None:
                    self._on_restart(entry.name)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return
