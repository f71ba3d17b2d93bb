"""One queue per victim: its jobs run in order, and victims do not wait for each other.

A job waits in its victim's queue. The first job of an idle victim starts a turn; a turn takes
everything that has gathered for the victim (up to a limit), decides it in order and saves it in one
transaction. When a turn ends and more has gathered, the next one follows; an idle victim costs
nothing. A victim is any hashable key: the engine also uses it for work that has no victim.

A turn is two plain calls, one when it starts and one when it has ended, and not a task: thousands
of victims a second each deciding once would spend more on their tasks than on deciding. Turns start
a little later than their first job, so that jobs which arrive together share one, and a few at
a time, so that a burst does not keep the event loop from its sockets.

Three bounds hold: jobs per victim, jobs altogether, jobs per turn. A full queue refuses the job
with `Busy`, and nothing of it is kept. A job that still waits after `patience_s` is reported once,
so that its caller can be answered `queued`; it keeps its place.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from prefixd.engine.answers import Busy

J = TypeVar("J")

StartTurn = Callable[[Hashable, list[J], Callable[[], None]], None]
"""Begins a turn for the jobs of a key; the third argument is called once, when it has ended."""

TURNS_AT_ONCE = 32
"""Turns started before the event loop gets to look at its sockets again."""


class _Entry(Generic[J]):
    """A job in queue. `started` turns true when its turn begins."""

    __slots__ = ("job", "started")

    def __init__(self, job: J) -> None:
        self.job = job
        self.started = False


class _Queue(Generic[J]):
    __slots__ = ("key", "taken", "waiting")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.waiting: deque[_Entry[J]] = deque()
        self.taken: list[J] = []
        """The jobs of the turn that runs."""


class VictimQueues(Generic[J]):
    """`start_turn` must answer every job itself, failures included. What it raises is a mistake:
    the jobs of that queue are abandoned and the mistake rises to the event loop, which logs it."""

    def __init__(
        self,
        start_turn: StartTurn[J],
        *,
        queue_limit: int,
        total_limit: int,
        turn_limit: int,
        patience_s: float,
        overdue: Callable[[J], None],
        abandon: Callable[[J, BaseException], None],
    ) -> None:
        self._start_turn = start_turn
        self._queue_limit = queue_limit
        self._total_limit = total_limit
        self._turn_limit = turn_limit
        self._patience_s = patience_s
        self._overdue = overdue
        self._abandon = abandon
        self._queues: dict[Hashable, _Queue[J]] = {}
        self._ready: deque[_Queue[J]] = deque()
        self._waiting = 0
        self._patience: deque[tuple[float, _Entry[J]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def active(self) -> int:
        return len(self._queues)

    def submit(self, key: Hashable, job: J, *, patient: bool = True) -> None:
        """Put a job in queue. Raises Busy when it is full; the engine's own work (timers,
        changes from elsewhere: `patient=False`) is always taken, it is bounded by what is live."""
        queue = self._queues.get(key)
        if patient:
            self._refuse_when_full(queue)
        entry = _Entry(job)
        self._waiting += 1
        if queue is None:
            queue = self._queues[key] = _Queue(key)
            queue.waiting.append(entry)
            self._start_soon(queue)
            return
        queue.waiting.append(entry)
        if patient:
            self._expect(entry)

    async def drain(self, timeout_s: float) -> bool:
        """Take no more patient jobs and finish what waits; whether all of it was finished."""
        self._closed = True
        try:
            async with asyncio.timeout(timeout_s):
                await self.quiet()
        except TimeoutError:
            stopping = Busy("the service is stopping", retry_after_s=5)
            for queue in self._queues.values():
                self._give_up(queue, stopping)
            return False
        return True

    async def quiet(self) -> None:
        """Returns when every queue is empty."""
        while self._queues:
            if self._empty is None:
                self._empty = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._empty)

    def _refuse_when_full(self, queue: _Queue[J] | None) -> None:
        if self._closed:
            raise Busy("the service is stopping", retry_after_s=5)
        if self._waiting >= self._total_limit:
            raise Busy("too many signals are waiting")
        if queue is not None and len(queue.waiting) >= self._queue_limit:
            raise Busy("too many signals are waiting for this victim")

    # turns

    def _start_soon(self, queue: _Queue[J]) -> None:
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._start_turns)
        self._ready.append(queue)

    def _start_turns(self) -> None:
        try:
            for _ in range(min(len(self._ready), TURNS_AT_ONCE)):
                self._start(self._ready.popleft())
        finally:
            if self._ready:
                asyncio.get_running_loop().call_soon(self._start_turns)

    def _start(self, queue: _Queue[J]) -> None:
        waiting = queue.waiting
        count = min(len(waiting), self._turn_limit)
        if not count:  # given up meanwhile
            self._end(queue)
            return
        self._waiting -= count
        for _ in range(count):
            entry = waiting.popleft()
            entry.started = True
            queue.taken.append(entry.job)
        try:
            self._start_turn(queue.key, queue.taken, lambda: self._ended(queue))
        except BaseException as error:
            # Callers in this queue must not wait for ever.
            self._give_up(queue, error)
            self._end(queue)
            raise

    def _ended(self, queue: _Queue[J]) -> None:
        queue.taken = []
        if queue.waiting:
            self._start_soon(queue)
        else:
            self._end(queue)

    def _end(self, queue: _Queue[J]) -> None:
        del self._queues[queue.key]
        if not self._queues and self._empty is not None:
            self._empty.set_result(None)
            self._empty = None

    def _give_up(self, queue: _Queue[J], error: BaseException) -> None:
        jobs = [*queue.taken, *(entry.job for entry in queue.waiting)]
        self._waiting -= len(queue.waiting)
        queue.waiting.clear()
        for job in jobs:
            self._abandon(job, error)

    # patience

    def _expect(self, entry: _Entry[J]) -> None:
        loop = asyncio.get_running_loop()
        self._patience.append((loop.time() + self._patience_s, entry))
        if self._alarm is None:
            self._alarm = loop.call_later(self._patience_s, self._look_at_patience)

    def _look_at_patience(self) -> None:
        self._alarm = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._patience:
            until, entry = self._patience[0]
            if not entry.started and until > now:
                self._alarm = loop.call_at(until, self._look_at_patience)
                return
            self._patience.popleft()
            if not entry.started:
                self._overdue(entry.job)
