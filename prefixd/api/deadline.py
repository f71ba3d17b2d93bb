"""One limit on how long requests take, watched for all of them by one timer.

All have the same limit, so whoever began first is due first, and the requests under way, in the
order they came, are the schedule. A timer of its own for each would cost several microseconds of
every request, to be cancelled nearly every time.
"""

import asyncio
from types import TracebackType


class Deadlines:
    """`with deadlines.watch():` around the work; TimeoutError when it took too long."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._running: dict[Watch, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> "Watch":
        return Watch(self)

    def begin(self, watch: "Watch") -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.limit_s
        self._running[watch] = due
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def end(self, watch: "Watch") -> None:
        self._running.pop(watch, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for watch, due in list(self._running.items()):
            if due > now:
                self._timer = loop.call_at(due, self._look)
                return
            del self._running[watch]
            watch.expire()


class Watch:
    """One piece of work. Only its own expiry becomes a TimeoutError; other cancellations pass."""

    __slots__ = ("_deadlines", "_expired", "_task")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._task: asyncio.Task[object] | None = None
        self._expired = False

    @property
    def expired(self) -> bool:
        return self._expired

    def expire(self) -> None:
        assert self._task is not None
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> "Watch":
        self._task = asyncio.current_task()
        self._deadlines.begin(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._deadlines.end(self)
        if not self._expired:
            return
        assert self._task is not None
        others = self._task.uncancel()
        if others == 0 and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error
